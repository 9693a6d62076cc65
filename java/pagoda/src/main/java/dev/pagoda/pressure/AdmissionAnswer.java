package dev.pagoda.pressure;

import dev.pagoda.BlockReservation;
import java.util.Objects;

/** What became of an {@link AdmissionRequest}. */
public sealed interface AdmissionAnswer {
  /**
   * It may begin, and its blocks are its own.
   *
   * @param reservation all that it is expected to take, the caller's to close when the request is
   *     done
   */
  record Admitted(BlockReservation reservation) implements AdmissionAnswer {
    /** Checks that it is there. */
    public Admitted {
      Objects.requireNonNull(reservation, "reservation");
    }
  }

  /**
   * Not now. Nothing was taken.
   *
   * @param numBlocks blocks it needs
   * @param numAvailable blocks that were available, those below the watermark included
   * @param reason why, in one sentence
   */
  record Deferred(int numBlocks, int numAvailable, String reason) implements AdmissionAnswer {
    /** Checks that there is a reason. */
    public Deferred {
      Objects.requireNonNull(reason, "reason");
    }
  }

  /**
   * Never: the cache is too small for it.
   *
   * @param numBlocks blocks it needs in all
   * @param total blocks of the cache
   */
  record Impossible(long numBlocks, int total) implements AdmissionAnswer {}
}
