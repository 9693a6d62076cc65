package dev.pagoda.pressure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.TransferModel;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("any-backend")
class PreemptorTest {
  private static final int BLOCK_SIZE = 4;
  private static final int NUM_BLOCKS = 16;
  private static final PreemptionModel SWAP_IS_CHEAP =
      new PreemptionModel(
          new TransferModel(1e12, 0), new TransferModel(1e12, 0), new PrefillModel(1, 0, 0));
  private static final PreemptionModel COMPUTING_IS_CHEAP =
      new PreemptionModel(
          new TransferModel(1, 0), new TransferModel(1, 0), new PrefillModel(1e12, 0, 0));

  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, NUM_BLOCKS);
  private final SwapSpace space =
      SwapSpace.open(memory.cache(), Capacity.blocks(NUM_BLOCKS), Checks.DEBUG);
  private final Map<KvSequence, int[]> kept = new HashMap<>();

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.cache().checkConservation();
    space.checkConservation();
    memory.close();
  }

  private Preemptor preemptor(PreemptionModel model, LatestFirst.Extent extent) {
    return new Preemptor(memory.cache(), new LatestFirst(model, extent), space);
  }

  @Test
  void blocksThatAPrefixCacheKeepsDoNotCountAsRoom() {
    Namespace tenant = Namespace.of("tenant");
    int[] prompt = new int[8 * BLOCK_SIZE];
    try (PrefixCache prefixes = PrefixCache.open(memory.cache(), PrefixSettings.of("model"));
        KvSequence pinned = memory.cache().newSequence();
        KvSequence plain = memory.counting(6 * BLOCK_SIZE)) {
      memory.append(pinned, prompt);
      assertThat(prefixes.publish(pinned, prompt, tenant)).isEqualTo(prompt.length);
      assertThat(prefixes.pin(prompt, tenant, Duration.ofDays(1))).isEqualTo(prompt.length);
      Preemptor preemptor = preemptor(COMPUTING_IS_CHEAP, LatestFirst.Extent.WHOLE);
      preemptor.enter(plain);
      PreemptibleGroup latest = preemptor.enter(pinned);

      assertThat(latest.numFreed(0)).isZero();
      assertThatThrownBy(() -> preemptor.makeRoom(9, List.of()))
          .isInstanceOf(OutOfBlocksException.class);
      assertThat(preemptor.makeRoom(8, List.of())).hasSize(1);
      assertThat(memory.cache().statistics().blocks().numAvailable()).isEqualTo(8);
      assertThat(latest.isAway()).isFalse();
    }
  }

  private KvSequence remembered(KvSequence sequence) {
    kept.put(sequence, memory.tokensOf(sequence));
    return sequence;
  }

  private void feed(KvSequence sequence, int from, int to) {
    memory.append(sequence, Arrays.copyOfRange(kept.get(sequence), from, to));
  }

  private int numAvailable() {
    return memory.cache().statistics().blocks().numAvailable();
  }

  @Test
  void theLatestMakesRoomFirstAndTheFirstComesBackFirst() {
    Preemptor preemptor = preemptor(SWAP_IS_CHEAP, LatestFirst.Extent.WHOLE);
    KvSequence one = remembered(memory.counting(20));
    KvSequence two = remembered(memory.counting(16));
    KvSequence three = remembered(memory.counting(16));
    PreemptibleGroup first = preemptor.enter(one);
    PreemptibleGroup second = preemptor.enter(two);
    PreemptibleGroup third = preemptor.enter(three);

    List<Preemption<PreemptibleGroup>> done = preemptor.makeRoom(10, List.of(first));

    assertThat(done).extracting(Preemption::victim).containsExactly(third, second);
    assertThat(numAvailable()).isEqualTo(11);
    assertThat(preemptor.numWaiting()).isEqualTo(2);
    assertThat(preemptor.makeRoom(10, List.of(first))).isEmpty();
    assertThat(preemptor.restoreNext(this::feed, 8)).isEmpty();
    assertThat(preemptor.restoreNext(this::feed, 7)).contains(second);
    assertThat(preemptor.restoreNext(this::feed, 3)).contains(third);
    assertThat(preemptor.restoreNext(this::feed, 0)).isEmpty();
    kept.forEach((s, tokens) -> assertThat(memory.tokensOf(s)).isEqualTo(tokens));
    assertThat(preemptor.statistics())
        .isEqualTo(new PreemptorStatistics(3, 0, 2, 0, 0, 8, 2, 0, 0));
  }

  @Test
  void onlyTheTailThatIsMissingLeavesAndMoreOfItLater() {
    for (PreemptionModel model : List.of(SWAP_IS_CHEAP, COMPUTING_IS_CHEAP)) {
      Preemptor preemptor = preemptor(model, LatestFirst.Extent.TAIL);
      KvSequence one = remembered(memory.counting(16));
      KvSequence two = remembered(memory.counting(40));
      PreemptibleGroup first = preemptor.enter(one);
      PreemptibleGroup second = preemptor.enter(two);

      Preemption<PreemptibleGroup> tail = preemptor.makeRoom(5, List.of(first)).getFirst();
      assertThat(tail.firstBlockIndex()).isEqualTo(7);
      assertThat(tail.isTail()).isTrue();
      assertThat(numAvailable()).isEqualTo(5);
      Preemption<PreemptibleGroup> more = preemptor.makeRoom(6, List.of(first)).getFirst();
      assertThat(more.firstBlockIndex()).isEqualTo(6);
      assertThat(more.reason()).startsWith("the rest of it ");
      assertThat(two.length()).isEqualTo(40);
      assertThat(preemptor.restoreNext(this::feed, 0)).contains(second);
      assertThat(memory.tokensOf(two)).isEqualTo(kept.get(two));
      assertThat(preemptor.statistics().numTails()).isEqualTo(2);
      preemptor.leave(first);
      preemptor.leave(second);
      one.close();
      two.close();
    }
  }

  @Test
  void aGroupOfBeamsLeavesAsOneAndSharesAsBefore() {
    for (PreemptionModel model : List.of(SWAP_IS_CHEAP, COMPUTING_IS_CHEAP)) {
      for (LatestFirst.Extent extent : LatestFirst.Extent.values()) {
        Preemptor preemptor = preemptor(model, extent);
        ForkGroup beams = ForkGroup.of(memory.counting(22), 3, PromptHandle.MOVE);
        memory.commit(beams.appendTo(memory.cache().newStep()), 100, 101, 102);
        beams.sequences().forEach(this::remembered);
        int distinct = ReadableCache.distinctBlocks(beams.sequences());
        assertThat(distinct).isEqualTo(5 + 3);
        PreemptibleGroup group = preemptor.enter(beams::sequences);

        Preemption<PreemptibleGroup> done = preemptor.makeRoom(10, List.of()).getFirst();

        assertThat(done.firstBlockIndex()).isEqualTo(extent == LatestFirst.Extent.TAIL ? 5 : 0);
        assertThat(preemptor.restoreNext(this::feed, 9)).contains(group);
        assertThat(ReadableCache.distinctBlocks(beams.sequences())).isEqualTo(distinct);
        beams
            .sequences()
            .forEach(each -> assertThat(memory.tokensOf(each)).isEqualTo(kept.get(each)));
        preemptor.leave(group);
        beams.close();
      }
    }
  }

  @Test
  void whatCannotBeMadeRoomForIsRefusedAndNothingMoves() {
    Preemptor preemptor = preemptor(SWAP_IS_CHEAP, LatestFirst.Extent.TAIL);
    KvSequence one = memory.counting(40);
    KvSequence outsider = one.fork(); // holds all the same blocks: giving them up frees none
    PreemptibleGroup group = preemptor.enter(one);
    assertThatThrownBy(() -> preemptor.makeRoom(7, List.of()))
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=7, free=6");
    outsider.close();
    assertThatThrownBy(() -> preemptor.makeRoom(7, List.of(group)))
        .isInstanceOf(OutOfBlocksException.class);
    try (Step step = memory.cache().newStep()) {
      step.append(one, 1).begin();
      assertThatThrownBy(() -> preemptor.makeRoom(7, List.of()))
          .isInstanceOf(OutOfBlocksException.class);
    }
    assertThat(preemptor.statistics().numRefusals()).isEqualTo(3);
    assertThat(group.isAway()).isFalse();
    assertThat(preemptor.makeRoom(7, List.of())).hasSize(1);
    preemptor.leave(group);
    assertThat(one.isClosed()).isTrue();
    assertThat(space.statistics().slots().numUsed()).isZero();
  }

  @Test
  void tooFewSlotsMeanComputingAgain() {
    try (SwapSpace tiny = SwapSpace.open(memory.cache(), Capacity.blocks(2))) {
      Preemptor preemptor = new Preemptor(memory.cache(), new LatestFirst(SWAP_IS_CHEAP), tiny);
      KvSequence one = remembered(memory.counting(40));
      PreemptibleGroup group = preemptor.enter(one);
      Preemption<PreemptibleGroup> done = preemptor.makeRoom(9, List.of()).getFirst();
      assertThat(done.way()).isEqualTo(PreemptionCost.Preemption.RECOMPUTE);
      assertThat(done.reason()).startsWith("recompute for want of slots, numFreeSlots=2; swap: ");
      assertThat(preemptor.restoreNext(this::feed, 0)).contains(group);
      assertThat(preemptor.statistics().numTokensFed()).isEqualTo(12);
    }
  }

  @Test
  void aPolicyThatCheatsIsRefusedAndNothingMoves() {
    KvSequence one = memory.counting(40);
    PreemptionCost cost = SWAP_IS_CHEAP.cost(load(one));
    PreemptionPolicy halfHearted =
        new PreemptionPolicy() {
          @Override
          public <V extends Victim> List<Preemption<V>> choose(Shortage shortage, List<V> victims) {
            return List.of(
                new Preemption<>(
                    victims.getFirst(), 9, PreemptionCost.Preemption.SWAP, 99, cost, "cheating"));
          }
        };
    Preemptor preemptor = new Preemptor(memory.cache(), halfHearted, space);
    PreemptibleGroup group = preemptor.enter(one);
    assertThatIllegalStateException()
        .isThrownBy(() -> preemptor.makeRoom(10, List.of()))
        .withMessageContaining("missing=4, numFreed=1");
    Preemptor withoutSpace = new Preemptor(memory.cache(), halfHearted);
    withoutSpace.enter(one);
    assertThatIllegalStateException().isThrownBy(() -> withoutSpace.makeRoom(7, List.of()));
    assertThat(group.isAway()).isFalse();
    assertThat(memory.tokensOf(one)).hasSize(40);
  }

  private dev.pagoda.tier.PreemptionLoad load(KvSequence sequence) {
    return dev.pagoda.tier.PreemptionLoad.of(memory.cache(), List.of(sequence));
  }

  @Test
  void groupsThatWaitDoNotBlockEachOtherForEver() {
    Preemptor preemptor = preemptor(SWAP_IS_CHEAP, LatestFirst.Extent.TAIL);
    KvSequence one = remembered(memory.counting(40));
    PreemptibleGroup first = preemptor.enter(one);
    KvSequence two = remembered(memory.counting(24));
    PreemptibleGroup second = preemptor.enter(two);
    preemptor.makeRoom(2, List.of(first)); // the second keeps four
    KvSequence three = memory.counting(8);
    preemptor.makeRoom(10, List.of(second)); // the first leaves, whole
    memory.append(three, ReadableCache.ascending(20));
    assertThat(preemptor.restoreNext(this::feed, 0)).isEmpty();
    three.close();
    assertThat(preemptor.restoreNext(this::feed, 0)).contains(first);
    assertThat(preemptor.restoreNext(this::feed, 0)).contains(second);
    kept.forEach((s, tokens) -> assertThat(memory.tokensOf(s)).isEqualTo(tokens));
  }

  @Test
  void aCalibrationMeasuresWhatTheModelSays() {
    PreemptionCalibration calibration =
        PreemptionCalibration.measure(
            memory.cache(),
            space,
            (sequence, from, to) -> memory.append(sequence, ReadableCache.ascending(to - from)),
            4,
            16,
            64);
    assertThat(calibration.out()).hasSize(3);
    assertThat(calibration.prefills().getLast().numAttended()).isEqualTo(64 * 65 / 2);
    assertThat(calibration.model().swapOut().bytesPerSecond()).isPositive();
    PreemptionModel model =
        new PreemptionModel(
            TransferModel.fitOneBlockSize(
                List.of(
                    new dev.pagoda.tier.TransferSample(1000, 1, 150),
                    new dev.pagoda.tier.TransferSample(4000, 4, 450))),
            new TransferModel(1e9, 0),
            new PrefillModel(1e9, 0, 0));
    assertThat(model.swapOut().nanosPerCall()).isBetween(49.0, 51.0);
    assertThat(memory.numUsed()).isZero();
  }
}
