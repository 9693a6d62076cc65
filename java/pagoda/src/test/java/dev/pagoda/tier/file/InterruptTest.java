package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.BlockPatterns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Threads are interrupted where they save, restore, swap and keep blocks on disk, before each call
 * and in the middle of it: all is done, nothing counts as a failure of the disk, and the thread is
 * interrupted still.
 */
class InterruptTest {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final long HAMMER_NANOS = TimeUnit.MILLISECONDS.toNanos(1_500);
  private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(20);

  @TempDir Path folder;

  @AfterEach
  void noInterruptIsLeft() {
    var _ = Thread.interrupted();
  }

  /** All that reaches files, over one cache. */
  private static final class Tiers implements AutoCloseable {
    private final Path file;
    private final ReadableCache memory = ReadableCache.open(4, 32);
    private final BlockPatterns blocks = new BlockPatterns(2);
    private final SequenceStore store;
    private final SwapFolder swap;
    private final DiskTier tier;
    private int round;
    private List<FiledGroup> filed = List.of();

    Tiers(FileCalls files, Path folder) {
      file = folder.resolve("chat.kv");
      store = SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(2), files);
      swap = SwapFolder.open(folder.resolve("swap"), memory.cache(), Capacity.blocks(1), files);
      tier =
          DiskTier.open(
              folder.resolve("tier"),
              FileOwner.of(BlockPatterns.LAYOUT, MODEL),
              DiskTierSettings.ofBytes(1 << 14).force(),
              HostStorage.allocate(BlockPatterns.LAYOUT, 2),
              files);
    }

    /** Each of them once; {@code before} runs before each. */
    void use(Runnable before) {
      round++;
      int length = 5 + round % 9;
      try (KvSequence chat = memory.counting(length)) {
        before.run();
        store.save(chat, ReadableCache.ascending(length), file);
        before.run();
        filed = List.of(swap.swapOut(List.of(chat)));
        before.run();
        swap.swapIn(filed.getFirst());
        filed = List.of();
        requireCounting(chat, length);
      }
      before.run();
      RestoredGroup restored = store.restore(file);
      try (KvSequence again = restored.sequence()) {
        requireCounting(again, length);
      }
      blocks.fill(0, round);
      List<PrefixBlock> block = List.of(BlockPatterns.block(round));
      before.run();
      tier.evicted(block, blocks.storage(), new int[] {0});
      before.run();
      assertThat(tier.load(block, blocks.storage(), new int[] {1})).as("blocks loaded").isOne();
      assertThat(blocks.holds(1, round)).as("block %s", round).isTrue();
    }

    private void requireCounting(KvSequence sequence, int length) {
      assertThat(memory.tokensOf(sequence)).containsExactly(ReadableCache.ascending(length));
    }

    void requireOrder() {
      DiskTierStatistics counts = tier.statistics();
      assertThat(counts.numReadFailures()).as("failed reads").isZero();
      assertThat(counts.numWriteFailures()).as("failed writes").isZero();
      assertThat(counts.numSkipped()).as("offers passed over").isZero();
      assertThat(counts.numWritten()).isEqualTo(round);
      assertThat(swap.numGroups()).isZero();
      assertThat(memory.numUsed()).isZero();
      memory.cache().checkConservation();
    }

    @Override
    public void close() {
      filed.forEach(swap::discard);
      tier.close();
      swap.close();
      store.close();
      blocks.close();
      memory.close();
    }
  }

  private static void whileInterrupted(FileCalls files, Path folder) {
    try (Tiers tiers = new Tiers(files, folder)) {
      for (int i = 0; i < 20; i++) {
        tiers.use(() -> {
          if (tiers.round > 1) {
            assertThat(Thread.interrupted()).as("the thread is interrupted still").isTrue();
          }
          Thread.currentThread().interrupt();
        });
      }
      tiers.requireOrder();
    }
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void whatAnInterruptedThreadSavesIsSaved() throws IOException {
    whileInterrupted(new SystemFiles(), folder);
    try (var left = Files.walk(folder)) {
      assertThat(left.filter(path -> path.toString().endsWith(".part"))).isEmpty();
    }
  }

  @Test
  void aFileThatAnInterruptClosesIsFound() {
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> whileInterrupted(new ClosingFiles(false), folder))
        .withMessageContaining("cannot be saved");
  }

  /** Does something while another thread interrupts this one again and again. */
  private static void underInterrupts(Runnable work) throws InterruptedException {
    long seed = Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());
    Thread victim = Thread.currentThread();
    AtomicBoolean isOver = new AtomicBoolean();
    Thread interrupter =
        Thread.ofPlatform()
            .start(() -> {
              SplittableRandom random = new SplittableRandom(seed);
              while (!isOver.get()) {
                victim.interrupt();
                LockSupport.parkNanos(random.nextLong(1_000, 200_000));
              }
            });
    try {
      work.run();
    } finally {
      isOver.set(true);
      while (interrupter.isAlive()) {
        var _ = Thread.interrupted();
        Thread.onSpinWait();
      }
      var _ = Thread.interrupted();
    }
  }

  private static void useUnderInterrupts(FileCalls files, Path folder) throws InterruptedException {
    try (Tiers tiers = new Tiers(files, folder)) {
      underInterrupts(() -> {
        long end = System.nanoTime() + HAMMER_NANOS;
        while (System.nanoTime() < end) {
          tiers.use(() -> {});
        }
      });
      tiers.requireOrder();
      assertThat(tiers.round).as("rounds").isGreaterThan(3);
    }
  }

  @Test
  void anInterruptInTheMiddleOfACallChangesNothing() throws InterruptedException {
    useUnderInterrupts(new SystemFiles(), folder);
  }

  @Test
  void aFileThatOneInTheMiddleClosesIsFound() {
    assertThatThrownBy(() -> useUnderInterrupts(new ClosingFiles(true), folder))
        .isInstanceOfAny(UncheckedIOException.class, AssertionError.class);
  }

  @Test
  void aFileThatIsOpenedOnceMoreIsTheSameOrNone() throws Exception {
    Path file = Files.write(folder.resolve("file"), new byte[1 << 20]);
    Path other = Files.write(folder.resolve("other"), new byte[1 << 20]);
    try (FileCalls.OpenFile open = new SystemFiles().open(file)) {
      Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
      underInterrupts(() ->
          assertThatExceptionOfType(FileSystemException.class)
              .isThrownBy(() -> readUntil(open, System.nanoTime() + DEADLINE_NANOS))
              .withMessageContaining(file.toString())
              .withMessageContaining("another file has taken the name"));
    }
    try (FileCalls.OpenFile gone = new SystemFiles().open(file)) {
      Files.delete(file);
      underInterrupts(() ->
          assertThatExceptionOfType(NoSuchFileException.class)
              .isThrownBy(() -> readUntil(gone, System.nanoTime() + DEADLINE_NANOS)));
    }
  }

  private static void readUntil(FileCalls.OpenFile file, long deadline) throws IOException {
    ByteBuffer all = ByteBuffer.allocateDirect(1 << 20);
    while (System.nanoTime() < deadline) {
      file.read(all.clear(), 0);
    }
  }
}
