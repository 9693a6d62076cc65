package dev.pagoda.lab.simulation;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A plain server over the library with all its bytes: every token of every sequence is appended,
 * written and attended to in its own step, and the blocks in use are noted. It shares no scheduling
 * code with {@link ServingSimulation}, which must foretell each of its numbers.
 *
 * <p>One step per second; arrivals count from the next whole second on.
 */
final class RecordedRun implements AutoCloseable {
  private static final KvShape SHAPE = KvShape.uniform(1, 1, 4, DType.FP32);
  private static final AttentionSpec ATTENTION = AttentionSpec.causal(1, 0.5f);

  private final ServerSettings settings;
  private final Trace trace;
  private final long seed;
  private final PagedKvCache cache;
  private final Step step;
  private final @Nullable SwapSpace space;
  private final Deque<Live> waiting = new ArrayDeque<>();
  private final Deque<Live> swappedOut = new ArrayDeque<>();
  private final List<Live> running = new ArrayList<>();
  private final List<Long> usedBlocks = new ArrayList<>();
  private int numArrived;

  /** A request: how much of it is to be computed, and where it lies. */
  private static final class Live {
    final int prompt;
    final int output;
    final @Nullable BeamReplacement beams;
    int toCompute; // tokens before it generates
    int generated;
    boolean generates;
    boolean resumesNextStep;
    int chunk;
    List<KvSequence> sequences = List.of();
    @Nullable ForkGroup group;
    @Nullable SwappedGroup swapped;
    @Nullable DroppedGroup dropped;

    Live(int prompt, int output, @Nullable BeamReplacement beams) {
      this.prompt = prompt;
      this.output = output;
      this.beams = beams;
      toCompute = prompt;
    }

    int length() {
      return sequences.getFirst().length();
    }
  }

  private RecordedRun(ServerSettings settings, Trace trace, long seed) {
    this.settings = settings;
    this.trace = trace;
    this.seed = seed;
    cache =
        PagedKvCache.open(
            SHAPE.withBlockSize(settings.blockSize()),
            Backend.SCALAR,
            Capacity.blocks(settings.numBlocks()));
    step = cache.newStep();
    space =
        settings.preemption() == ServerSettings.Preemption.SWAP && settings.hostBlocks() > 0
            ? SwapSpace.open(cache, Capacity.blocks(settings.hostBlocks()))
            : null;
  }

  /** Serves a trace with every byte; returns the blocks in use in each step. */
  static long[] usedBlocks(ServerSettings settings, Trace trace, long seed) {
    try (RecordedRun run = new RecordedRun(settings, wholeSeconds(trace), seed)) {
      run.serve();
      return run.usedBlocks.stream().mapToLong(Long::longValue).toArray();
    }
  }

  /** What the simulation foretells for the same steps. */
  static long[] foretold(ServerSettings settings, Trace trace, long seed) {
    List<Long> blocks = new ArrayList<>();
    Machine clock =
        new Machine(
            "one step per second",
            1,
            settings.poolTokens(),
            LatencyModel.constant(1e9),
            List.of(),
            Machines.INSTANT,
            Machines.INSTANT,
            "");
    try (ServingSimulation simulation =
        new ServingSimulation(settings, clock, wholeSeconds(trace), seed)
            .withStepListener(blocks::add)) {
      var _ = simulation.run();
    }
    return blocks.stream().mapToLong(Long::longValue).toArray();
  }

  private static Trace wholeSeconds(Trace trace) {
    return new Trace(
        trace.name(),
        Arrays.stream(trace.arrivalSeconds()).map(Math::ceil).toArray(),
        trace.promptTokens(),
        trace.outputTokens(),
        trace.content());
  }

  private void serve() {
    for (long second = 0; numArrived < trace.size() || isBusy(); second++) {
      while (numArrived < trace.size() && trace.arrivalSeconds()[numArrived] <= second) {
        arrive();
      }
      if (isBusy()) {
        serveStep();
      }
    }
  }

  private boolean isBusy() {
    return !(running.isEmpty() && waiting.isEmpty() && swappedOut.isEmpty());
  }

  private void arrive() {
    int prompt = trace.promptTokens()[numArrived];
    int output = trace.outputTokens()[numArrived];
    BeamReplacement beams =
        settings.outputs() instanceof Outputs.Beams search
            ? new BeamReplacement(search.replacement(), seed, numArrived)
            : null;
    numArrived++;
    int shared = prompt / settings.blockSize();
    int each = cache.shape().blocksFor(prompt + output - 1) - shared;
    int most = shared + each * settings.outputs().count() + settings.watermarkBlocks();
    if (prompt + output <= settings.totalTokensMax() && most <= settings.numBlocks()) {
      waiting.addLast(new Live(prompt, output, beams));
    }
  }

  private void serveStep() {
    boolean someoneLeft = false;
    int budget;
    while (true) {
      budget = planThoseInProgress();
      try {
        computeStep();
        break;
      } catch (OutOfBlocksException full) {
        someoneLeft = true;
        preempt(running.removeLast());
      }
    }
    boolean unfinished =
        running.stream().anyMatch(live -> !live.generates && live.length() < live.toCompute);
    if (!someoneLeft) {
      bringBack();
      if (!unfinished && swappedOut.isEmpty()) {
        admit(budget);
      }
    }
    usedBlocks.add((long) cache.statistics().blocks().numUsed());
    endStep();
  }

  private int planThoseInProgress() {
    int budget = settings.tokenBudget();
    for (Live live : running) {
      if (live.generates) {
        live.sequences.forEach(sequence -> step.append(sequence, 1));
        budget -= live.sequences.size();
      }
    }
    for (Live live : running) {
      live.chunk = 0;
      if (!live.generates) {
        budget -= planChunk(live, budget);
      }
    }
    return budget;
  }

  private int planChunk(Live live, int budget) {
    int rest = live.toCompute - live.length();
    live.chunk = settings.chunkedPrefill() ? Math.min(rest, budget) : budget >= rest ? rest : 0;
    if (live.chunk > 0) {
      step.append(live.sequences.getFirst(), live.chunk);
    }
    return live.chunk;
  }

  /** Real rows: written to their slots, and attended to. */
  private void computeStep() {
    try (step) {
      step.begin();
      int numTokens = step.numTokens();
      if (numTokens > 0) {
        float[] rows = new float[numTokens * 4];
        for (int i = 0; i < rows.length; i++) {
          rows[i] = (i % 7) / 7f;
        }
        step.write(0, Rows.of(rows), Rows.of(rows));
        step.attend(0, ATTENTION, Rows.of(rows), Rows.of(new float[rows.length]));
      } else {
        step.write(0, Rows.of(new float[4]), Rows.of(new float[4]));
      }
      step.commit();
    }
  }

  private void preempt(Live live) {
    boolean wasGenerating = live.generates;
    if (wasGenerating && space != null) {
      try {
        live.swapped = space.swapOut(live.sequences);
        swappedOut.addFirst(live);
        return;
      } catch (OutOfBlocksException hostIsFull) {
        // Computed again instead.
      }
    }
    if (live.group != null) {
      live.dropped = DroppedGroup.drop(cache, live.sequences);
    } else {
      live.sequences.forEach(KvSequence::close);
      live.sequences = List.of();
      live.generates = false;
      live.toCompute = live.prompt + live.generated;
    }
    waiting.addFirst(live);
  }

  private boolean lacks(int needed) {
    int free = cache.statistics().blocks().numFree();
    return needed + settings.watermarkBlocks() > free && free < settings.numBlocks();
  }

  private boolean hasSequencesLeft() {
    return (running.size() + 1) * settings.outputs().count() <= settings.sequencesMax();
  }

  private void bringBack() {
    while (!swappedOut.isEmpty() && hasSequencesLeft()) {
      Live live = swappedOut.getFirst();
      SwappedGroup swapped = live.swapped;
      if (space == null || swapped == null) {
        throw new IllegalStateException("nothing was swapped out: numSwapped=" + swappedOut.size());
      }
      if (lacks(swapped.numBlocks() + live.sequences.size())) {
        return;
      }
      space.swapIn(swapped);
      swappedOut.removeFirst();
      live.swapped = null;
      live.resumesNextStep = true;
      running.add(live);
    }
  }

  private void admit(int budgetLeft) {
    int budget = budgetLeft;
    while (budget > 0 && !waiting.isEmpty() && hasSequencesLeft()) {
      Live live = waiting.getFirst();
      DroppedGroup dropped = live.dropped;
      if (dropped != null) {
        if (lacks(dropped.plan().numBlocks() + settings.outputs().count())) {
          return;
        }
        dropped.restore(this::feed);
        live.dropped = null;
        live.resumesNextStep = true;
        running.add(waiting.removeFirst());
        continue;
      }
      int needed = cache.shape().blocksFor(live.toCompute);
      boolean fits = needed + settings.watermarkBlocks() <= cache.statistics().blocks().numFree();
      if (!fits || (!settings.chunkedPrefill() && live.toCompute > budget)) {
        return;
      }
      running.add(waiting.removeFirst());
      live.sequences = List.of(cache.newSequence());
      budget -= planChunk(live, budget);
      computeStep();
      if (live.length() < live.toCompute) {
        return;
      }
    }
  }

  private void feed(KvSequence sequence, int fromPosition, int toPosition) {
    step.append(sequence, toPosition - fromPosition);
    computeStep();
  }

  private void endStep() {
    for (Live live : List.copyOf(running)) {
      if (live.resumesNextStep) {
        live.resumesNextStep = false;
        continue;
      }
      if (!live.generates && live.length() < live.toCompute) {
        continue;
      }
      boolean begins = live.generated == 0;
      live.generated++;
      live.generates = true;
      if (live.generated == live.output) {
        live.sequences.forEach(KvSequence::close);
        running.remove(live);
        continue;
      }
      fork(live, begins);
    }
  }

  private void fork(Live live, boolean begins) {
    if (settings.outputs().count() == 1) {
      return;
    }
    ForkGroup group = live.group;
    if (group == null) {
      group =
          ForkGroup.of(live.sequences.getFirst(), settings.outputs().count(), PromptHandle.MOVE);
      live.group = group;
    }
    BeamReplacement beams = live.beams;
    if (beams != null && !begins) {
      int[] parents = beams.parents(group.size());
      if (parents.length > 0) {
        group.reassign(parents);
      }
    }
    live.sequences = group.sequences();
  }

  @Override
  public void close() {
    if (space != null) {
      space.close();
    }
    step.close();
    cache.closeAll();
  }
}
