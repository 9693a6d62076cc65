package dev.pagoda.lab.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.lab.workload.LengthDistribution;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.PromptContent;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.Workload;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ServingSimulationTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 1);
  private static final Machine MACHINE = Machines.A100_OPT_13B;
  private static final ServerSettings SERVER = ServerSettings.paged(15_700);

  @ParameterizedTest
  @EnumSource
  void everyRequestIsServedAndEveryTokenGenerated(MemoryPolicy policy) {
    Trace trace = Trace.poisson(Workload.SHARE_GPT, 1_000, 1, SEED);

    ServingResult result = ServingSimulation.run(SERVER.withPolicy(policy), MACHINE, trace, SEED);

    assertThat(result.numServed()).isEqualTo(1_000);
    assertThat(result.numRefused()).isZero();
    long outputs = 0;
    for (int output : trace.outputTokens()) {
      outputs += output;
    }
    assertThat(result.outputTokens()).isEqualTo(outputs);
    assertThat(result.waitingSeconds().size()).isEqualTo(1_000);
    assertThat(result.waitingSeconds().percentile(0)).isNotNegative();
    Occupancy occupancy = result.occupancy();
    assertThat(
            occupancy.liveShare()
                + occupancy.reservedShare()
                + occupancy.internalShare()
                + occupancy.externalShare())
        .isCloseTo(1, within(1e-9));
    assertThat(occupancy.live).isNotNegative();
    assertThat(occupancy.reserved).isNotNegative();
    assertThat(occupancy.internal).isNotNegative();
    assertThat(occupancy.external).isNotNegative();
  }

  @ParameterizedTest
  @EnumSource
  void theSameSeedGivesTheSameRun(MemoryPolicy policy) {
    Trace trace = Trace.poisson(Workload.ALPACA, 800, 40, SEED);
    ServerSettings server = SERVER.withPolicy(policy);
    ServingResult once = ServingSimulation.run(server, MACHINE, trace, SEED);
    ServingResult twice = ServingSimulation.run(server, MACHINE, trace, SEED);
    ServingResult other =
        ServingSimulation.run(
            server, MACHINE, Trace.poisson(Workload.ALPACA, 800, 40, SEED + 1), SEED);

    assertThat(twice.normalizedSeconds()).isEqualTo(once.normalizedSeconds());
    assertThat(twice.seconds()).isEqualTo(once.seconds());
    assertThat(other.seconds()).isNotEqualTo(once.seconds());
  }

  /** Little's law: requests present are the rate times how long they stay. */
  @Test
  void requestsPresentAreRateTimesStay() {
    Trace trace = Trace.poisson(Workload.ALPACA, 20_000, 20, SEED);
    ServingResult result = ServingSimulation.run(SERVER, MACHINE, trace, SEED);
    double stay = result.firstTokenSeconds().mean();
    stay += result.tokenSeconds().mean() * (trace.meanOutputTokens() - 1);
    assertThat(result.occupancy().meanJobs() + result.occupancy().meanWaiting())
        .isCloseTo(20 * stay, within(0.1 * 20 * stay));
  }

  @Test
  void aRequestAloneTakesTheStepsItNeeds() {
    Machine clock =
        new Machine(
            "clock",
            1,
            1_000,
            LatencyModel.constant(1e9),
            List.of(),
            Machines.INSTANT,
            Machines.INSTANT,
            "");
    Workload one =
        new Workload(
            "one", new LengthDistribution.Fixed(100), new LengthDistribution.Fixed(7), 200);
    ServerSettings chunks = SERVER.edit().poolTokens(1_000).tokenBudget(256).done();

    ServingResult whole = ServingSimulation.run(chunks, clock, Trace.poisson(one, 1, 1, 1), 1);
    ServingResult cut =
        ServingSimulation.run(
            chunks.edit().tokenBudget(30).sequencesMax(30).done(),
            clock,
            Trace.poisson(one, 1, 1, 1),
            1);

    // The prompt's step gives the first token, six more steps the others.
    assertThat(whole.numSteps()).isEqualTo(7);
    assertThat(whole.seconds()).isCloseTo(7, within(1e-9));
    assertThat(whole.firstTokenSeconds().mean()).isCloseTo(1, within(1e-9));
    assertThat(whole.tokenSeconds().mean()).isCloseTo(1, within(1e-9));
    assertThat(cut.firstTokenSeconds().mean()).isCloseTo(4, within(1e-9));
    assertThat(cut.numSteps()).isEqualTo(10);
  }

  @Test
  void whoIsTooLongForThePoolIsRefusedAndNobodyElse() {
    Trace trace =
        new Trace(
            "mixed",
            new double[] {0, 0, 0},
            new int[] {10, 900, 10},
            new int[] {5, 500, 5},
            new PromptContent.Unknown());

    ServingResult result =
        ServingSimulation.run(SERVER.edit().poolTokens(1_000).done(), MACHINE, trace, 1);

    assertThat(result.numRefused()).isEqualTo(1);
    assertThat(result.numServed()).isEqualTo(2);
  }

  @Test
  void theHostTierTakesPreemptedRequestsAndTheCostModelChooses() {
    Trace trace = Trace.poisson(Workload.SHARE_GPT, 500, Double.POSITIVE_INFINITY, SEED);
    for (ServerSettings.Preemption way : ServerSettings.Preemption.values()) {
      ServerSettings server = SERVER.edit().preemption(way).hostBlocks(1_000).done();
      PagedRoom room = new PagedRoom(server, MACHINE, trace.content(), 1);
      try (ServingSimulation simulation = new ServingSimulation(server, MACHINE, trace, room)) {
        assertThat(simulation.run().numServed()).isEqualTo(500);
        assertThat(room.numSwaps > 0)
            .as(way.name())
            .isEqualTo(way != ServerSettings.Preemption.RECOMPUTE);
      }
    }
  }

  /** Conversations: each turn's prompt is the one before and some more. */
  private static Trace conversations(int numChats, int numTurns) {
    Random random = new Random(SEED);
    int size = numChats * numTurns;
    int[][] ids = new int[size][];
    int[] prompts = new int[size];
    int[] outputs = new int[size];
    double[] arrivals = new double[size];
    for (int turn = 0; turn < numTurns; turn++) {
      for (int chat = 0; chat < numChats; chat++) {
        int i = turn * numChats + chat;
        int[] before = turn == 0 ? new int[0] : ids[i - numChats];
        int length = before.length + 20 + random.nextInt(60);
        ids[i] = Arrays.copyOf(before, length);
        for (int t = before.length; t < length; t++) {
          ids[i][t] = random.nextInt(32_000);
        }
        prompts[i] = length;
        outputs[i] = 10;
        arrivals[i] = i * 0.5;
      }
    }
    return new Trace("chats", arrivals, prompts, outputs, new PromptContent.TokenIds(ids));
  }

  @Test
  void thePrefixCacheFindsEarlierTurnsAndNeverMoreThanTheBound() {
    Trace trace = conversations(30, 12);
    PrefixAccesses accesses = PrefixAccesses.of(trace, 16);
    double previous = 0;
    for (int blocks : new int[] {0, 60, 240, 960}) {
      ServerSettings server = SERVER.edit().prefixCacheBlocks(blocks).done();
      ServingResult result = ServingSimulation.run(server, MACHINE, trace, SEED);

      assertThat(result.numServed()).isEqualTo(360);
      assertThat(result.hitRate()).as("blocks=%d", blocks).isGreaterThanOrEqualTo(previous);
      // Heads of blocks, which the bound leaves out, are at most 15 tokens of a prompt.
      double heads = 15.0 * trace.size() / accesses.promptTokens();
      assertThat(result.hitRate()).isLessThanOrEqualTo(accesses.bound(blocks) + heads);
      previous = result.hitRate();
    }
    assertThat(previous).isGreaterThan(0.5);
  }

  @Test
  void adviceTakesTheLargestBlockThatIsAsGood() {
    List<Advice.BlockSize> sizes =
        List.of(
            new Advice.BlockSize(8, 1.000, 0.01),
            new Advice.BlockSize(16, 0.995, 0.02),
            new Advice.BlockSize(32, 0.970, 0.04));
    assertThat(Advice.best(sizes).blockSize()).isEqualTo(16);
  }

  @Test
  void adviceCountsTheEmptySlotsOfAShortTraceToo() {
    Trace few = Trace.poisson(Workload.ALPACA, 100, 40, SEED);
    List<Advice.BlockSize> sizes =
        new Advice(SERVER, MACHINE, few, few, SEED).blockSizes(share -> {});
    for (int i = 1; i < sizes.size(); i++) {
      assertThat(sizes.get(i).emptyShare()).isGreaterThan(sizes.get(i - 1).emptyShare());
    }
    assertThat(sizes.getFirst().emptyShare()).isPositive();
  }

  @Test
  void settingsThatMakeNoServerAreRefusedByName() {
    assertThatThrownBy(() -> SERVER.edit().watermark(1).done()).hasMessageContaining("watermark=");
    assertThatThrownBy(() -> SERVER.edit().blockSize(0).done()).hasMessageContaining("blockSize=0");
    assertThatThrownBy(() -> SERVER.edit().sequencesMax(9_999).done())
        .hasMessageContaining("sequencesMax=9999");
    assertThatThrownBy(
            () -> SERVER.edit().outputs(new Outputs.Samples(2)).policy(MemoryPolicy.ORACLE).done())
        .hasMessageContaining("policy=ORACLE");
    assertThatThrownBy(() -> SERVER.edit().chunkedPrefill(false).tokenBudget(300).done())
        .hasMessageContaining("tokenBudget=300");
    assertThatThrownBy(() -> MemoryPolicy.named("best")).hasMessageEndingWith("policy=best");
  }
}
