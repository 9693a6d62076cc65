package dev.pagoda.lab.simulation;

import dev.pagoda.lab.workload.Trace;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A model server with continuous batching, first come first served.
 *
 * <p>A step: every request that generates gets one token; the prompt that is in progress gets what
 * is left of the token budget; then new requests begin, as long as budget, sequences and memory
 * last. If memory runs out, the request that was admitted last makes room, until the rest fits. A
 * request that made room comes back before any that has not begun, and none begins while one is
 * swapped out or in a step in which one had to make room.
 *
 * <p>Steps are simulated one by one, but a request costs work only in a step in which something
 * happens to it: it begins, computes a piece of its prompt, takes a block, ends. All that generate
 * grow by one token per step, so that sums are kept without looking at each.
 */
final class ServingSimulation implements AutoCloseable {
  /** More steps than a block has tokens. */
  private static final int RING = 512;

  private static final int ADVANCE_EVERY = 1024;

  private final ServerSettings settings;
  private final LatencyModel latency;
  private final Trace trace;
  private final Room room;
  private final LatencyModel.StepLoad load = new LatencyModel.StepLoad();
  private final Occupancy occupancy = new Occupancy();

  @SuppressWarnings({"unchecked", "rawtypes"}) // arrays know nothing of type parameters
  private final ArrayList<Job>[] ring = new ArrayList[RING];

  private final Deque<Job> queue = new ArrayDeque<>();
  private final Deque<Job> swappedOut = new ArrayDeque<>();
  private @Nullable Job firstAdmitted;
  private @Nullable Job lastAdmitted;
  private @Nullable Job prefilling;
  private final List<Job> planned = new ArrayList<>();
  private final List<Job> chunked = new ArrayList<>();
  private final List<Job> returning = new ArrayList<>();

  private int nextArrival;
  private double now;
  private long stepNumber;
  private long attempt;
  private int numAdmitted;
  private int numDecoding;
  private long decodingTokens; // sum of the lengths of those that generate
  private long residentTokens; // sum of the lengths of all that are admitted
  private long numPreemptions;
  private int numRefused;
  private long outputTokens;
  private boolean evictedInStep;

  private final double[] waiting;
  private final double[] firstToken;
  private final double[] perToken;
  private final double[] normalized;
  private int numServed;
  private int numPerToken;

  private double measureFrom;
  private double measureTo = Double.POSITIVE_INFINITY;
  private boolean measureWhileQueued;
  private DoubleConsumer progress = done -> {};
  private LongConsumer stepListener = blocks -> {};
  private boolean listens;

  ServingSimulation(ServerSettings settings, Machine machine, Trace trace, long seed) {
    this(
        settings,
        machine,
        trace,
        settings.policy() == MemoryPolicy.PAGED
            ? new PagedRoom(settings, machine, trace.content(), seed)
            : new ContiguousRoom(
                settings.policy(), settings.poolTokens(), settings.totalTokensMax()));
  }

  ServingSimulation(ServerSettings settings, Machine machine, Trace trace, Room room) {
    this.settings = settings;
    this.latency =
        settings.policy() == MemoryPolicy.PAGED
            ? machine.latencyAt(settings.blockSize())
            : machine.latency();
    this.trace = trace;
    this.room = room;
    for (int i = 0; i < RING; i++) {
      ring[i] = new ArrayList<>();
    }
    int size = trace.size();
    waiting = new double[size];
    firstToken = new double[size];
    perToken = new double[size];
    normalized = new double[size];
  }

  /** Runs one server over one trace. */
  static ServingResult run(ServerSettings settings, Machine machine, Trace trace, long seed) {
    try (ServingSimulation simulation = new ServingSimulation(settings, machine, trace, seed)) {
      return simulation.measuringBusyTime().run();
    }
  }

  /** Counts only from a share of the arrivals on, and only until the last one. */
  ServingSimulation measuringBusyTime() {
    double[] arrivals = trace.arrivalSeconds();
    if (arrivals[arrivals.length - 1] == arrivals[0]) {
      return measuringSaturation(600);
    }
    measureFrom = 1e9 * arrivals[arrivals.length / 10];
    measureTo = 1e9 * arrivals[arrivals.length - 1];
    return this;
  }

  /** Counts from one second to another. */
  ServingSimulation measuring(double fromSecond, double toSecond) {
    measureFrom = 1e9 * fromSecond;
    measureTo = 1e9 * toSecond;
    return this;
  }

  /** Counts only while requests wait, from a step on: a server that is never idle. */
  ServingSimulation measuringSaturation(long fromStep) {
    measureWhileQueued = true;
    measureFrom = fromStep;
    return this;
  }

  ServingSimulation withProgress(DoubleConsumer newProgress) {
    progress = newProgress;
    return this;
  }

  /** Is told the blocks in use after the growth of every step. */
  ServingSimulation withStepListener(LongConsumer listener) {
    stepListener = listener;
    listens = true;
    return this;
  }

  ServingResult run() {
    double start = 1e9 * trace.arrivalSeconds()[0];
    now = start;
    while (nextArrival < trace.size() || isBusy()) {
      takeArrivals();
      if (!isBusy()) {
        if (nextArrival < trace.size()) {
          now = 1e9 * trace.arrivalSeconds()[nextArrival];
        }
        continue;
      }
      step();
      if (stepNumber % ADVANCE_EVERY == 0) {
        progress.accept((double) numServed / trace.size());
      }
    }
    return new ServingResult(
        occupancy,
        trace.size(),
        numServed,
        numRefused,
        stepNumber,
        numPreemptions,
        (now - start) / 1e9,
        Distribution.of(waiting, numServed),
        Distribution.of(firstToken, numServed),
        Distribution.of(perToken, numPerToken),
        Distribution.of(normalized, numServed),
        outputTokens,
        room.cachedTokens(),
        room.cacheableTokens());
  }

  private boolean isBusy() {
    return firstAdmitted != null || !queue.isEmpty() || !swappedOut.isEmpty();
  }

  private void takeArrivals() {
    double[] arrivals = trace.arrivalSeconds();
    while (nextArrival < arrivals.length && 1e9 * arrivals[nextArrival] <= now) {
      Job job =
          new Job(
              nextArrival,
              trace.promptTokens()[nextArrival],
              trace.outputTokens()[nextArrival],
              1e9 * arrivals[nextArrival]);
      nextArrival++;
      if (room.refusal(job).isEmpty()) {
        queue.addLast(job);
      } else {
        numRefused++;
      }
    }
  }

  private void step() {
    evictedInStep = false;
    List<Job> due = ring[(int) (stepNumber % RING)];
    int budget = growThoseInProgress(due);
    bringBack();
    admit(budget);
    if (firstAdmitted == null) {
      throw new IllegalStateException("requests wait, and none can begin: step=" + stepNumber);
    }
    double nanos = measure();
    now += nanos;
    generate(due);
    due.clear();
    endChunks();
    for (Job job : returning) {
      beginDecoding(job);
    }
    returning.clear();
    stepNumber++;
  }

  /**
   * Plans what every admitted job needs, and lets the last ones make room until it fits.
   *
   * @return tokens that the step can still compute
   */
  private int growThoseInProgress(List<Job> due) {
    while (true) {
      planned.clear();
      attempt++;
      for (Job job : due) {
        // Whoever left and came back may be here twice.
        boolean first = job.seenInAttempt != attempt;
        job.seenInAttempt = attempt;
        if (first && job.nextEvent == stepNumber && lengthOf(job) == job.plannedLength) {
          room.plan(job, room.ahead(job, job.plannedLength));
          planned.add(job);
        }
      }
      int budget = settings.tokenBudget() - numDecoding * settings.outputs().count();
      Job inProgress = prefilling;
      if (inProgress != null) {
        inProgress.chunk = chunkOf(inProgress, budget);
        if (inProgress.chunk > 0) {
          room.plan(inProgress, inProgress.chunk);
        }
      }
      int missing = planned.isEmpty() && inProgress == null ? 0 : room.grow();
      if (missing == 0) {
        for (Job job : planned) {
          job.plannedLength += room.ahead(job, job.plannedLength);
        }
        if (inProgress != null) {
          chunked.add(inProgress);
          budget -= inProgress.chunk;
        }
        return budget;
      }
      evict(room.victim(admittedJobs(), missing));
    }
  }

  private List<Job> admittedJobs() {
    List<Job> admitted = new ArrayList<>(numAdmitted);
    for (Job job = firstAdmitted; job != null; job = job.behind) {
      admitted.add(job);
    }
    return admitted;
  }

  /** Tokens that a decoding job has in the cache when this step begins. */
  private int lengthOf(Job job) {
    return (int) (stepNumber - job.lengthOrigin);
  }

  private int chunkOf(Job job, int budget) {
    int rest = job.prefillTarget - job.length;
    if (settings.chunkedPrefill()) {
      return Math.clamp(budget, 0, rest);
    }
    return budget >= rest ? rest : 0;
  }

  private void evict(Job job) {
    evictedInStep = true;
    numPreemptions++;
    job.numPreemptions++;
    if (job.decoding) {
      job.length = lengthOf(job);
      job.generated = job.length - job.promptTokens + 1;
    }
    Room.Eviction eviction = room.evict(job);
    leave(job);
    if (eviction == Room.Eviction.SWAPPED) {
      swappedOut.addFirst(job);
      return;
    }
    if (job.dropped == null) {
      job.length = 0;
      job.plannedLength = 0;
      job.prefillTarget = job.promptTokens + job.generated;
    }
    queue.addFirst(job);
  }

  private void leave(Job job) {
    residentTokens -= job.length;
    if (job.decoding) {
      decodingTokens -= job.length;
      numDecoding--;
      job.decoding = false;
    }
    if (prefilling == job) {
      prefilling = null;
    }
    job.nextEvent = -1;
    Job before = job.before;
    Job behind = job.behind;
    if (before == null) {
      firstAdmitted = behind;
    } else {
      before.behind = behind;
    }
    if (behind == null) {
      lastAdmitted = before;
    } else {
      behind.before = before;
    }
    job.before = null;
    job.behind = null;
    numAdmitted--;
  }

  private void enter(Job job) {
    Job last = lastAdmitted;
    job.before = last;
    if (last == null) {
      firstAdmitted = job;
    } else {
      last.behind = job;
    }
    lastAdmitted = job;
    numAdmitted++;
    residentTokens += job.length;
    if (job.startNanos < 0) {
      job.startNanos = now;
    }
  }

  /** They generate from the next step on: this one's tokens are planned already. */
  private void bringBack() {
    while (!evictedInStep && !swappedOut.isEmpty() && hasSequencesLeft()) {
      Job job = swappedOut.getFirst();
      if (!room.bringBack(job)) {
        return;
      }
      swappedOut.removeFirst();
      enter(job);
      returning.add(job);
    }
  }

  private boolean hasSequencesLeft() {
    return (numAdmitted + 1) * settings.outputs().count() <= settings.sequencesMax();
  }

  private void admit(int budgetLeft) {
    int budget = budgetLeft;
    Job inProgress = prefilling;
    if (inProgress != null && inProgress.length + inProgress.chunk < inProgress.prefillTarget) {
      return;
    }
    boolean grows = false;
    while (mayAdmit() && budget > 0) {
      Job job = queue.getFirst();
      if (!settings.chunkedPrefill() && job.prefillTarget > budget) {
        break;
      }
      boolean whole = job.dropped != null;
      int present = room.admit(job);
      if (present < 0) {
        break;
      }
      queue.removeFirst();
      job.length = present;
      enter(job);
      if (whole) {
        returning.add(job);
        continue;
      }
      job.chunk = chunkOf(job, budget);
      room.plan(job, job.chunk);
      chunked.add(job);
      budget -= job.chunk;
      grows = true;
      if (job.length + job.chunk < job.prefillTarget) {
        break;
      }
    }
    if (grows && room.grow() != 0) {
      throw new IllegalStateException("a request was admitted without room: step=" + stepNumber);
    }
  }

  private boolean mayAdmit() {
    return !evictedInStep && swappedOut.isEmpty() && !queue.isEmpty() && hasSequencesLeft();
  }

  /** Returns how long the step takes. */
  private double measure() {
    load.clear();
    load.numSequences = numDecoding * settings.outputs().count();
    load.contextTokens = (decodingTokens + numDecoding) * settings.outputs().count();
    long resident = residentTokens + numDecoding;
    for (Job job : chunked) {
      load.addPrefill(job.length, job.length + job.chunk);
      resident += job.chunk;
    }
    double nanos = latency.nanos(load) + room.takeTransferNanos();
    boolean counts =
        measureWhileQueued
            ? stepNumber >= measureFrom && !queue.isEmpty()
            : now >= measureFrom && now <= measureTo;
    if (counts) {
      occupancy.weight += nanos;
      occupancy.jobs += nanos * numAdmitted;
      occupancy.waiting += nanos * (queue.size() + swappedOut.size());
      room.measure(occupancy, resident, nanos);
    }
    if (listens) {
      stepListener.accept(room.usedBlocks());
    }
    return nanos;
  }

  private void generate(List<Job> due) {
    decodingTokens += numDecoding;
    residentTokens += numDecoding;
    outputTokens += (long) numDecoding * settings.outputs().count();
    for (Job job : due) {
      if (job.nextEvent == stepNumber) {
        if (stepNumber == job.lastStep) {
          job.length = job.finalLength();
          finish(job);
        } else {
          room.afterToken(job);
          schedule(job);
        }
      }
    }
  }

  /** The next step in which something happens to a decoding job. */
  private void schedule(Job job) {
    job.nextEvent = Math.min(job.lengthOrigin + job.plannedLength, job.lastStep);
    ring[(int) (job.nextEvent % RING)].add(job);
  }

  private void endChunks() {
    for (Job job : chunked) {
      job.length += job.chunk;
      residentTokens += job.chunk;
      job.plannedLength = job.length;
      if (job.length < job.prefillTarget) {
        prefilling = job;
        continue;
      }
      if (prefilling == job) {
        prefilling = null;
      }
      if (job.generated == 0) {
        job.firstTokenNanos = now;
        room.beginGenerating(job);
      }
      job.generated++;
      outputTokens += settings.outputs().count();
      if (job.generated == job.outputTokens) {
        finish(job);
      } else {
        beginDecoding(job);
      }
    }
    chunked.clear();
  }

  /** Its next token is computed in the next step. */
  private void beginDecoding(Job job) {
    job.decoding = true;
    job.lengthOrigin = stepNumber + 1 - job.length;
    job.lastStep = stepNumber + job.outputTokens - job.generated;
    numDecoding++;
    decodingTokens += job.length;
    schedule(job);
  }

  private void finish(Job job) {
    room.release(job);
    leave(job);
    waiting[numServed] = (job.startNanos - job.arrivalNanos) / 1e9;
    firstToken[numServed] = (job.firstTokenNanos - job.arrivalNanos) / 1e9;
    normalized[numServed] = (now - job.arrivalNanos) / 1e9 / job.outputTokens;
    numServed++;
    if (job.outputTokens > 1) {
      perToken[numPerToken] = (now - job.firstTokenNanos) / 1e9 / (job.outputTokens - 1);
      numPerToken++;
    }
  }

  @Override
  public void close() {
    room.close();
  }
}
