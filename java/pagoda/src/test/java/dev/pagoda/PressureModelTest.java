package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.SmallCache.Growth;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.pressure.AdmissionAnswer;
import dev.pagoda.pressure.AdmissionControl;
import dev.pagoda.pressure.AdmissionRequest;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.PreemptibleGroup;
import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.pressure.Shortage;
import dev.pagoda.pressure.Victim;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.TransferModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/**
 * Groups under pressure: random admission, growth, forks, room made in every way, restores and
 * endings in caches too small for them, with copies and feeders that fail now and then. After every
 * operation each slot that is here holds what belongs there, groups that came back share as they
 * did, what failed has changed nothing, and what was admitted never runs out.
 */
class PressureModelTest {
  /** One of these costs as much as that many of other models. */
  private static final int COST = 25;

  private static final int OPERATIONS_PER_EPISODE = 150;

  private enum Outcome {
    ADMITTED,
    DEFERRED,
    ROOM_MADE,
    NO_ROOM,
    ROOM_FAILED,
    SWAPPED,
    DROPPED,
    TAIL,
    RESTORED,
    NOT_RESTORED,
    RESTORE_FAILED
  }

  /** Planted; nothing else throws it. */
  private static final class Planted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Planted(String site) {
      super("planted in " + site);
    }
  }

  /** Fails the n-th copy from now on, before or after it was made. */
  private static class FlakyStorage extends InterposedStorage {
    private int copiesUntilFailure;
    private boolean failsAfter;

    FlakyStorage(HostStorage host) {
      super(host);
    }

    void failIn(int copies, boolean after) {
      copiesUntilFailure = copies;
      failsAfter = after;
    }

    private void pass(String site, Runnable copy) {
      copiesUntilFailure--;
      boolean fails = copiesUntilFailure == 0;
      if (!fails || failsAfter) {
        copy.run();
      }
      if (fails) {
        throw new Planted(site);
      }
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      pass("copyBlocks", () -> super.copyBlocks(sources, targets, count));
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      pass("copyOut", () -> super.copyOut(sources, target, targets, count));
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      pass("copyIn", () -> super.copyIn(source, sources, targets, count));
    }
  }

  /** Anybody, at any cut, in any way: what an application's own policy may do. */
  private record AnyPolicy(SplittableRandom random, PreemptionModel model)
      implements PreemptionPolicy {
    @Override
    public <V extends Victim> List<Preemption<V>> choose(Shortage shortage, List<V> victims) {
      List<V> order = new ArrayList<>(victims);
      Collections.shuffle(order, java.util.Random.from(random));
      List<Preemption<V>> chosen = new ArrayList<>();
      int missing = shortage.numBlocks();
      int slots = shortage.numFreeSlots();
      for (V victim : order) {
        int cut = random.nextBoolean() ? 0 : random.nextInt(Math.max(1, victim.numBlocksHere()));
        PreemptionCost cost = model.cost(victim.load(cut));
        boolean swaps =
            switch (victim.begun()) {
              case SWAP -> true;
              case RECOMPUTE -> false;
              case NOT -> random.nextBoolean();
            };
        int numSlots = swaps ? cost.load().numBlocks() : 0;
        if (missing > 0 && numSlots <= slots) {
          int freed = victim.numFreed(cut);
          PreemptionCost.Preemption way =
              swaps && slots > 0
                  ? PreemptionCost.Preemption.SWAP
                  : PreemptionCost.Preemption.RECOMPUTE;
          if (way == PreemptionCost.Preemption.SWAP || victim.begun() != Victim.Begun.SWAP) {
            chosen.add(new Preemption<>(victim, cut, way, freed, cost, "at random"));
            missing -= freed;
            slots -= numSlots;
          }
        }
      }
      return missing > 0 ? List.of() : chosen;
    }
  }

  /** A group, and what must be true of it. */
  private static final class Live {
    final PreemptibleGroup group;
    final List<KvSequence> members = new ArrayList<>();
    Optional<BlockReservation> promise = Optional.empty();
    int tokensPromised;
    boolean wasAway;
    List<Integer> sharing = List.of();

    Live(Preemptor preemptor, KvSequence first) {
      members.add(first);
      group = preemptor.enter(() -> List.copyOf(members));
    }
  }

  private static final class World implements AutoCloseable {
    private final SplittableRandom random;
    private final Map<Outcome, Integer> outcomes;
    private final int blockSize;
    private final int numBlocks;
    private final List<FlakyStorage> storages = new ArrayList<>();
    private final SmallCache small;
    private final SwapSpace space;
    private final Preemptor preemptor;
    private final AdmissionControl admission;
    private final List<Live> lives = new ArrayList<>();

    World(
        long seed,
        Map<Outcome, Integer> outcomes,
        Function<HostStorage, ? extends FlakyStorage> storage) {
      this.outcomes = outcomes;
      random = new SplittableRandom(seed);
      blockSize = random.nextInt(1, 6);
      numBlocks = random.nextInt(6, 30);
      small =
          new SmallCache(
              numBlocks,
              blockSize,
              host -> {
                FlakyStorage flaky = storage.apply(host);
                storages.add(flaky);
                return flaky;
              },
              new InterposedKernels());
      space = SwapSpace.open(small.cache, Capacity.blocks(random.nextInt(1, 30)), Checks.DEBUG);
      double swapRate = random.nextBoolean() ? 1e9 : 1e5;
      TransferModel transfer = new TransferModel(swapRate, 10);
      PreemptionModel model =
          new PreemptionModel(transfer, transfer, new PrefillModel(1e6, 1000, 10));
      PreemptionPolicy policy =
          switch (random.nextInt(3)) {
            case 0 -> new LatestFirst(model, LatestFirst.Extent.WHOLE);
            case 1 -> new LatestFirst(model);
            default -> new AnyPolicy(random.split(), model);
          };
      preemptor =
          random.nextInt(5) == 0
              ? new Preemptor(small.cache, new LatestFirst(model))
              : new Preemptor(small.cache, policy, space);
      admission = new AdmissionControl(small.cache, random.nextInt(4), preemptor);
    }

    private void count(Outcome outcome) {
      outcomes.merge(outcome, 1, Integer::sum);
    }

    private Live pick(List<Live> from) {
      return from.get(random.nextInt(from.size()));
    }

    private List<Live> running() {
      return lives.stream().filter(live -> !live.group.isAway()).toList();
    }

    void operate() {
      if (random.nextInt(4) == 0) {
        storages.getFirst().failIn(random.nextInt(1, 4), random.nextBoolean());
      }
      switch (random.nextInt(10)) {
        case 0, 1 -> enter();
        case 2 -> fork();
        case 3, 4, 5, 6 -> grow();
        case 7, 8 -> restore();
        default -> finish();
      }
      storages.getFirst().failIn(0, false);
    }

    private void enter() {
      if (lives.size() >= 7) {
        return;
      }
      int promptTokens = random.nextInt(1, 4 * blockSize + 2);
      int outputTokens = random.nextInt(3 * blockSize);
      if (random.nextInt(3) == 0) {
        Live live = new Live(preemptor, small.open());
        lives.add(live);
        grow(live, promptTokens);
        return;
      }
      AdmissionRequest request = AdmissionRequest.of(promptTokens, outputTokens);
      switch (admission.tryAdmit(request)) {
        case AdmissionAnswer.Admitted(BlockReservation promise) -> {
          count(Outcome.ADMITTED);
          KvSequence sequence = small.open();
          sequence.drawFrom(promise);
          storages.getFirst().failIn(0, false);
          small.grow(sequence, promptTokens); // must not run out
          Live live = new Live(preemptor, sequence);
          live.promise = Optional.of(promise);
          live.tokensPromised = promptTokens + outputTokens;
          lives.add(live);
        }
        case AdmissionAnswer.Deferred deferred -> {
          count(Outcome.DEFERRED);
          assertThat(lives).as("who empties the cache is let in: %s", deferred).isNotEmpty();
        }
        case AdmissionAnswer.Impossible impossible ->
            assertThat(impossible.numBlocks()).isGreaterThan(numBlocks);
      }
    }

    private void fork() {
      List<Live> running = running();
      if (running.isEmpty()) {
        return;
      }
      Live live = pick(running);
      KvSequence parent = live.members.get(random.nextInt(live.members.size()));
      KvSequence fork = small.fork(parent, random.nextInt(parent.length() + 1));
      if (random.nextInt(4) == 0 && lives.size() < 7) {
        fork.drawFromNone();
        lives.add(new Live(preemptor, fork)); // shares with a group that is not its own
      } else {
        live.members.add(fork);
      }
      live.tokensPromised = 0;
    }

    private void grow() {
      List<Live> running = running();
      if (!running.isEmpty()) {
        Live live = pick(running);
        grow(live, random.nextInt(1, 2 * blockSize + 1));
      }
    }

    private void grow(Live live, int numTokens) {
      Growth[] growths =
          live.members.stream().map(m -> Growth.of(m, numTokens)).toArray(Growth[]::new);
      boolean promised = live.members.getFirst().length() + numTokens <= live.tokensPromised;
      try {
        small.grow(growths);
      } catch (Planted copy) {
        return; // of a shared block; a step that fails to begin is CacheModel's business
      } catch (OutOfBlocksException out) {
        assertThat(promised).as("what was admitted runs out: %s", out).isFalse();
        if (makeRoom(out.needed(), live)) {
          storages.getFirst().failIn(0, false);
          small.grow(growths);
        }
      }
    }

    private boolean makeRoom(int needed, Live live) {
      String before = picture();
      try {
        List<Preemption<PreemptibleGroup>> done = preemptor.makeRoom(needed, List.of(live.group));
        count(Outcome.ROOM_MADE);
        for (Preemption<PreemptibleGroup> each : done) {
          count(each.way() == PreemptionCost.Preemption.SWAP ? Outcome.SWAPPED : Outcome.DROPPED);
          if (each.isTail()) {
            count(Outcome.TAIL);
          }
        }
        assertThat(small.cache.statistics().blocks().numAvailable()).isGreaterThanOrEqualTo(needed);
        return true;
      } catch (OutOfBlocksException none) {
        count(Outcome.NO_ROOM);
      } catch (Planted planted) {
        count(Outcome.ROOM_FAILED);
      }
      assertThat(picture()).as("a call that throws has changed nothing").isEqualTo(before);
      return false;
    }

    private void restore() {
      String before = picture();
      int[] feedsUntilFailure = {random.nextInt(4) == 0 ? random.nextInt(1, 3) : 0};
      try {
        Optional<PreemptibleGroup> back =
            preemptor.restoreNext(
                (sequence, from, to) -> {
                  feedsUntilFailure[0]--;
                  if (feedsUntilFailure[0] == 0) {
                    small.feedAgain(sequence, from, from + 1);
                    throw new Planted("feeder");
                  }
                  small.feedAgain(sequence, from, to);
                },
                random.nextInt(3));
        if (back.isPresent()) {
          count(Outcome.RESTORED);
          return;
        }
        count(Outcome.NOT_RESTORED);
      } catch (Planted planted) {
        count(Outcome.RESTORE_FAILED);
      }
      if (running().isEmpty()) {
        return; // others may have given up what they had kept
      }
      assertThat(picture()).as("a call that throws has changed nothing").isEqualTo(before);
    }

    private void finish() {
      if (!lives.isEmpty()) {
        finish(pick(lives));
      }
    }

    private void finish(Live live) {
      preemptor.leave(live.group);
      live.members.forEach(small::close);
      live.promise.ifPresent(BlockReservation::close);
      lives.remove(live);
    }

    /** All that a failed call must leave as it was. */
    private String picture() {
      StringBuilder picture = new StringBuilder();
      CacheStatistics statistics = small.cache.statistics();
      picture
          .append(statistics.blocks().numFree())
          .append(' ')
          .append(statistics.blocks().numReserved())
          .append(' ')
          .append(statistics.blocks().numReferences())
          .append(' ')
          .append(statistics.numTokens())
          .append(' ')
          .append(space.statistics().slots().numFree());
      for (Live live : lives) {
        picture.append('\n').append(live.group);
        for (KvSequence member : live.members) {
          picture.append(' ').append(member).append(member.numBlocksHere());
          if (member.isIdle()) {
            picture.append(Arrays.toString(member.blockIds()));
          }
        }
      }
      return picture.toString();
    }

    /** For each two members, how many blocks they have in common. */
    private static List<Integer> sharing(Live live) {
      List<Integer> sharing = new ArrayList<>();
      for (KvSequence one : live.members) {
        for (KvSequence other : live.members) {
          int[] a = one.blockIds();
          int[] b = other.blockIds();
          int differs = Arrays.mismatch(a, b);
          sharing.add(differs < 0 ? a.length : differs);
        }
      }
      return sharing;
    }

    void check() {
      small.cache.checkConservation();
      space.checkConservation();
      for (Live live : lives) {
        boolean away = live.group.isAway();
        if (!away) {
          live.members.forEach(small::requireContent);
          List<Integer> sharing = sharing(live);
          if (live.wasAway) {
            assertThat(sharing).as("sharing of %s", live.group).isEqualTo(live.sharing);
          }
          live.sharing = sharing;
        }
        live.wasAway = away;
      }
      assertThat(preemptor.numWaiting())
          .isEqualTo((int) lives.stream().filter(live -> live.group.isAway()).count());
    }

    /** Nobody waits for ever: when all that run are done, each of the others comes back. */
    void end() {
      while (!lives.isEmpty()) {
        running().forEach(this::finish);
        if (!lives.isEmpty()) {
          assertThat(preemptor.restoreNext(small::feedAgain, 3))
              .as("the first comes back to an empty cache: %s", picture())
              .isPresent();
          check();
        }
      }
      assertThat(space.statistics().slots().numUsed()).isZero();
      small.requireNothingLeaks();
    }

    @Override
    public void close() {
      small.close();
    }
  }

  private static long episode(
      long seed,
      Map<Outcome, Integer> outcomes,
      Function<HostStorage, ? extends FlakyStorage> storage) {
    try (World world = new World(seed, outcomes, storage)) {
      for (int operation = 0; operation < OPERATIONS_PER_EPISODE; operation++) {
        try {
          world.operate();
          world.check();
        } catch (RuntimeException | AssertionError failure) {
          throw new AssertionError("operation=" + operation + ", " + failure.getMessage(), failure);
        }
      }
      world.end();
    }
    return COST * OPERATIONS_PER_EPISODE;
  }

  @Test
  void groupsComeBackAsTheyWereAndWhatFailsChangesNothing() {
    Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    ModelRun run = ModelRun.announced("PressureModelTest");
    run.run(seed -> episode(seed, outcomes, FlakyStorage::new));
    System.out.println("PressureModelTest: " + outcomes);
    assertThat(outcomes).containsOnlyKeys(Outcome.values());
  }

  /** Brings blocks back in another order than they left in. */
  private static final class MixingStorage extends FlakyStorage {
    MixingStorage(HostStorage host) {
      super(host);
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      int[] mixed = sources.clone();
      if (count > 1) {
        mixed[0] = sources[1];
        mixed[1] = sources[0];
      }
      super.copyIn(source, mixed, targets, count);
    }
  }

  @Test
  void contentThatComesBackMixedUpIsFound() {
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> {
          for (long seed = 1; seed < 40; seed++) {
            var _ = episode(seed, new EnumMap<>(Outcome.class), MixingStorage::new);
          }
        })
        .withMessageContaining("content of");
  }
}
