package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.SmallCache.Begun;
import dev.pagoda.SmallCache.Growth;
import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every call that a cache makes to its storage and kernels fails once, in turn: the first, the
 * second, and so on until none is left to fail. After each failure all is as it was before the
 * operation, and the operation succeeds when tried again.
 */
class FailureAtEverySiteTest {
  private static final int BLOCK_SIZE = 4;
  private static final AttentionSpec SPEC = AttentionSpec.causal(2, 1f);

  /** Planted; nothing else throws it. */
  private static final class Planted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Planted(String site) {
      super("planted in " + site);
    }
  }

  private enum Manner {
    /** Once, before anything was done. */
    BEFORE,
    /** Once, after all was done. */
    AFTER,
    /** From then on, until repaired. */
    FROM_THEN_ON
  }

  /** Counts the calls that can fail, and makes one of them do so. */
  private static final class Sites {
    private final int failing;
    private final Manner manner;
    private int passed;
    private boolean repaired;

    Sites(int failing, Manner manner) {
      this.failing = failing;
      this.manner = manner;
    }

    <T> T pass(String site, Supplier<T> call) {
      passed++;
      boolean fails =
          !repaired && (manner == Manner.FROM_THEN_ON ? passed >= failing : passed == failing);
      if (!fails) {
        return call.get();
      }
      if (manner == Manner.AFTER) {
        var _ = call.get();
      }
      throw new Planted(site);
    }

    void pass(String site, Runnable call) {
      pass(
          site,
          () -> {
            call.run();
            return site;
          });
    }

    boolean fired() {
      return passed >= failing;
    }
  }

  private static class FailingStorage extends InterposedStorage {
    final Sites sites;

    FailingStorage(HostStorage host, Sites sites) {
      super(host);
      this.sites = sites;
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      sites.pass("copyBlocks", () -> super.copyBlocks(sources, targets, count));
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      sites.pass("copyOut", () -> super.copyOut(sources, target, targets, count));
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      sites.pass("copyIn", () -> super.copyIn(source, sources, targets, count));
    }
  }

  private static final class FailingKernels extends InterposedKernels {
    private final Sites sites;

    FailingKernels(Sites sites) {
      this.sites = sites;
    }

    @Override
    public Scratch newScratch(KvLayout layout) {
      return sites.pass("newScratch", () -> super.newScratch(layout));
    }

    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      sites.pass("write", () -> super.write(call, firstToken, endToken));
    }

    @Override
    public int queryTileTokens(AttendCall call) {
      return sites.pass("queryTileTokens", () -> super.queryTileTokens(call));
    }

    @Override
    public void attend(
        AttendCall call, int first, int end, int firstHead, int endHead, Scratch scratch) {
      sites.pass("attend", () -> super.attend(call, first, end, firstHead, endHead, scratch));
    }
  }

  /** A cache with sites beneath it, and the rule that an operation which fails changes nothing. */
  private static final class Trial implements AutoCloseable {
    final Sites sites;
    final SmallCache small;
    final HostStorage swap;
    final Step step;

    Trial(Sites sites, FailingStorageFactory storage) {
      this.sites = sites;
      small =
          new SmallCache(
              16, BLOCK_SIZE, host -> storage.make(host, sites), new FailingKernels(sites));
      swap = HostStorage.allocate(small.cache.layout(), 16);
      step = small.cache.newStep();
    }

    <T> T obtain(Supplier<T> operation) {
      SmallCache.Snapshot before = small.snapshot();
      CacheStatistics counted = small.cache.statistics();
      for (int tries = 1; ; tries++) {
        try {
          return operation.get();
        } catch (Planted planted) {
          assertThat(small.snapshot()).as("after %s", planted.getMessage()).isEqualTo(before);
          CacheStatistics now = small.cache.statistics();
          assertThat(now.numBlockCopies()).isEqualTo(counted.numBlockCopies());
          assertThat(now.numStepsCommitted()).isEqualTo(counted.numStepsCommitted());
          assertThat(now.numStepsRolledBack()).isEqualTo(counted.numStepsRolledBack());
          if (tries == 2) {
            sites.repaired = true;
          }
          assertThat(tries).as("it succeeds when tried again").isLessThanOrEqualTo(2);
        }
      }
    }

    void attempt(Runnable operation) {
      obtain(() -> {
        operation.run();
        return operation;
      });
    }

    Begun begin(Growth... growths) {
      return obtain(() -> small.begin(step, growths));
    }

    @Override
    public void close() {
      swap.close();
      small.close();
    }
  }

  private interface FailingStorageFactory {
    InterposedStorage make(HostStorage host, Sites sites);
  }

  private interface Workload {
    void run(Trial trial);
  }

  private record Case(String name, Workload workload, Manner manner) {
    @Override
    public String toString() {
      return name + ", failing " + manner;
    }
  }

  private static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Manner manner : Manner.values()) {
      cases.add(new Case("decoding", FailureAtEverySiteTest::decode, manner));
      cases.add(new Case("swapping", FailureAtEverySiteTest::swap, manner));
    }
    return cases.stream();
  }

  /** Prompts, forks, decoding with copy-on-write, each in the whole-step and in the row form. */
  private static void decode(Trial t) {
    KvSequence prompt = t.small.open();
    Begun begun = t.begin(Growth.of(prompt, 6));
    writeAndAttend(t, begun, 1);
    begun.commit();
    List<KvSequence> beams = List.of(prompt, t.small.fork(prompt), t.small.fork(prompt, 5));
    for (int round = 0; round < 2; round++) {
      begun =
          t.begin(
              Growth.of(beams.get(0), 1), Growth.of(beams.get(1), 3), Growth.of(beams.get(2), 1));
      writeAndAttend(t, begun, 3);
      if (round == 0) {
        t.step.rollback();
      } else {
        begun.commit();
      }
    }
    begun = t.begin(Growth.of(beams.get(1), 2));
    for (int layer = 0; layer < SmallCache.NUM_LAYERS; layer++) {
      for (int row = 0; row < 2; row++) {
        int l = layer;
        int r = row;
        Rows keys = begun.keys(l);
        Rows values = begun.values(l);
        t.attempt(() -> t.step.writeToken(l, r, keys, values));
      }
    }
    AttentionRows rows = attentionRows();
    t.attempt(() -> t.step.attendToken(0, SPEC, rows, 1, new HeadRange(1, 2)));
    begun.commit();
  }

  private static AttentionRows attentionRows() {
    return AttentionRows.of(Rows.of(new float[256]), Rows.of(new float[256]));
  }

  private static void writeAndAttend(Trial t, Begun begun, int numThreads) {
    for (int layer = 0; layer < SmallCache.NUM_LAYERS; layer++) {
      int l = layer;
      t.attempt(() -> begun.write(l));
      t.attempt(
          () -> t.step.attend(l, SPEC, attentionRows(), new Workers(Runnable::run, numThreads)));
    }
  }

  /** Groups of sequences that share blocks go out, come back and go on. */
  private static void swap(Trial t) {
    KvSequence one = t.small.open();
    Begun first = t.begin(Growth.of(one, 7));
    t.attempt(first::write);
    first.commit();
    KvSequence two = t.small.fork(one, 6);
    KvSequence outside = t.small.fork(one);
    for (int round = 0; round < 2; round++) {
      ParkedGroup group =
          t.obtain(() ->
              t.small.cache.park(
                  List.of(one, two),
                  (storage, ids) -> storage.copyOut(ids, t.swap, numbers(ids.length), ids.length)));
      // Not a snapshot's business while the tables are away: content is compared afterwards.
      while (two.length() > 0 && isParked(two)) {
        try {
          t.small.cache.unpark(
              group,
              (storage, ids) -> storage.copyIn(t.swap, numbers(ids.length), ids, ids.length));
        } catch (Planted planted) {
          assertThat(isParked(one) && isParked(two)).as(planted.getMessage()).isTrue();
          t.sites.repaired = true;
          t.small.cache.checkConservation();
        }
      }
      Begun begun = t.begin(Growth.of(one, 1), Growth.of(two, 2), Growth.of(outside, 1));
      t.attempt(begun::write);
      begun.commit();
    }
  }

  private static boolean isParked(KvSequence sequence) {
    return sequence.toString().contains("PARKED");
  }

  private static int[] numbers(int count) {
    int[] numbers = new int[count];
    java.util.Arrays.setAll(numbers, i -> i);
    return numbers;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void whateverFailsAllIsAsBeforeAndNothingLeaks(Case each) {
    int failing = 1;
    while (run(each, failing, FailingStorage::new)) {
      failing++;
    }
    assertThat(failing).as("sites that failed").isGreaterThan(8);
  }

  /** Returns whether there was a site to fail. */
  private static boolean run(Case each, int failing, FailingStorageFactory storage) {
    Sites sites = new Sites(failing, each.manner);
    try (Trial trial = new Trial(sites, storage)) {
      each.workload.run(trial);
      sites.repaired = true;
      trial.step.close();
      trial.small.requireContent();
      trial.small.requireNothingLeaks();
    }
    return sites.fired();
  }

  // The rule itself: failures that leave a trace, and are found.

  /** Overwrites the first block that was to be copied when it fails. */
  private static final class DamagingStorage extends FailingStorage {
    DamagingStorage(HostStorage host, Sites sites) {
      super(host, sites);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      try {
        super.copyBlocks(sources, targets, count);
      } catch (Planted planted) {
        if (count > 0) {
          poison(sources[0]);
        }
        throw planted;
      }
    }
  }

  /** Loses what it was given to bring back, once. */
  private static final class LosingStorage extends FailingStorage {
    LosingStorage(HostStorage host, Sites sites) {
      super(host, sites);
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      try {
        super.copyOut(sources, target, targets, count);
      } catch (Planted planted) {
        poison(sources[count - 1]);
        throw planted;
      }
    }
  }

  @Test
  void aFailureThatDamagesWhatItWasToCopyIsFound() {
    assertThatFound(
        new Case("decoding", FailureAtEverySiteTest::decode, Manner.BEFORE), DamagingStorage::new);
  }

  @Test
  void aFailureThatLosesWhatItWasToMoveIsFound() {
    assertThatFound(
        new Case("swapping", FailureAtEverySiteTest::swap, Manner.BEFORE), LosingStorage::new);
  }

  private static void assertThatFound(Case each, FailingStorageFactory storage) {
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> {
          int failing = 1;
          while (run(each, failing, storage)) {
            failing++;
          }
        })
        .withMessageContaining("content of");
  }
}
