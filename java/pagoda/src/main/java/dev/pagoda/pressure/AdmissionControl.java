package dev.pagoda.pressure;

import dev.pagoda.BlockReservation;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.BlockStatistics;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;

/**
 * Lets requests begin that will find the blocks they need, and no others.
 *
 * <p>What is admitted is reserved at once, whole or not at all, so that requests that are admitted
 * together cannot starve each other, and nobody waits while he holds. Some blocks stay available
 * for growth that nobody foresaw, the watermark; they are not asked for while the cache is empty,
 * or a large request would wait for ever. Groups that had to make room come back before anybody new
 * is admitted.
 *
 * <p>Threads: any number.
 */
public final class AdmissionControl {
  private final PagedKvCache cache;
  private final int watermarkBlocks;
  private final IntSupplier numWaiting;
  private final AtomicLong numAdmitted = new AtomicLong();
  private final AtomicLong numDeferred = new AtomicLong();
  private final AtomicLong numImpossible = new AtomicLong();

  /**
   * Admits without regard to others.
   *
   * @param cache whose blocks are promised
   * @param watermarkBlocks blocks to keep available, at least 0
   */
  public AdmissionControl(PagedKvCache cache, int watermarkBlocks) {
    this(cache, watermarkBlocks, () -> 0);
  }

  /**
   * Admits nobody while groups wait to come back.
   *
   * @param cache whose blocks are promised
   * @param watermarkBlocks blocks to keep available, at least 0
   * @param preemptor whose groups go first
   */
  public AdmissionControl(PagedKvCache cache, int watermarkBlocks, Preemptor preemptor) {
    this(cache, watermarkBlocks, preemptor::numWaiting);
  }

  private AdmissionControl(PagedKvCache cache, int watermarkBlocks, IntSupplier numWaiting) {
    this.cache = Objects.requireNonNull(cache, "cache");
    if (watermarkBlocks < 0) {
      throw new IllegalArgumentException(
          "a number of blocks is not negative: watermarkBlocks=" + watermarkBlocks);
    }
    this.watermarkBlocks = watermarkBlocks;
    this.numWaiting = numWaiting;
  }

  /**
   * Admits a request or says why not. Never waits.
   *
   * @param request what it needs
   * @return the answer; of one that is admitted the reservation is the caller's
   */
  public AdmissionAnswer tryAdmit(AdmissionRequest request) {
    BlockStatistics blocks = cache.statistics().blocks();
    int blockSize = cache.shape().blockSize();
    long inAll = request.numBlocks(blockSize);
    if (inAll > blocks.numBlocks()) {
      numImpossible.incrementAndGet();
      return new AdmissionAnswer.Impossible(inAll, blocks.numBlocks());
    }
    int numHeld = request.numBlocksHeld(blockSize);
    int needed = Math.toIntExact(inAll - numHeld);
    int waiting = numWaiting.getAsInt();
    if (waiting > 0) {
      return deferred(needed, blocks, "groups wait to come back: numWaiting=" + waiting);
    }
    boolean alone = blocks.numUsed() <= numHeld && blocks.numReserved() == 0;
    int watermark = alone ? 0 : watermarkBlocks;
    // Both at once, and then the watermark back: nobody can slip in between.
    int withWatermark = (int) Math.min((long) needed + watermark, Integer.MAX_VALUE);
    Optional<BlockReservation> reservation = cache.tryReserve(withWatermark);
    if (reservation.isPresent()) {
      try {
        AdmissionAnswer admitted = new AdmissionAnswer.Admitted(reservation.get());
        reservation.get().tryResize(needed);
        numAdmitted.incrementAndGet();
        return admitted;
      } catch (Throwable refused) {
        reservation.get().close();
        throw refused;
      }
    }
    return deferred(
        needed, blocks, "too few blocks are available above the watermark: watermark=" + watermark);
  }

  private AdmissionAnswer deferred(int needed, BlockStatistics blocks, String reason) {
    numDeferred.incrementAndGet();
    return new AdmissionAnswer.Deferred(needed, blocks.numAvailable(), reason);
  }

  /**
   * The numbers now.
   *
   * @return a snapshot
   */
  public AdmissionStatistics statistics() {
    return new AdmissionStatistics(numAdmitted.get(), numDeferred.get(), numImpossible.get());
  }
}
