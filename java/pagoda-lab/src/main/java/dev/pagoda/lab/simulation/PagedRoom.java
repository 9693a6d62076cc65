package dev.pagoda.lab.simulation;

import dev.pagoda.Backend;
import dev.pagoda.CacheStatistics;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.PromptContent;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Shortage;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionLoad;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TransferModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The library's own cache, without the bytes: a {@link PagedKvCache} of {@link Capacity#counted}
 * blocks, its sequences, steps, fork groups, prefix cache, swap space, and preemption policy with
 * its cost model.
 *
 * <p>A sequence that generates appends up to the end of its block at once, in the step in which it
 * takes the block: what is counted is blocks, and a block is taken for its first token. Beams
 * append token by token, because they fork in between.
 */
final class PagedRoom implements Room {
  private static final TransferModel NOT_WANTED = new TransferModel(1e-9, 0);

  private final ServerSettings settings;
  private final Machine machine;
  private final PagedKvCache cache;
  private final Step step;
  private final @Nullable SwapSpace space;
  private final @Nullable PrefixCache prefixCache;
  private final PromptContent content;
  private final PreemptionPolicy policy;
  private final long seed;
  private int plannedBlocks;
  private double transferNanos;
  long numSwaps;
  long numDrops;
  private long cachedTokens;
  private long cacheableTokens;

  PagedRoom(ServerSettings settings, Machine machine, PromptContent content, long seed) {
    this.content = content;
    this.settings = settings;
    this.machine = machine;
    KvShape shape = KvShape.uniform(1, 1, 1, DType.FP16).withBlockSize(settings.blockSize());
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.counted(settings.numBlocks()));
    step = cache.newStep();
    boolean swaps =
        settings.hostBlocks() > 0 && settings.preemption() != ServerSettings.Preemption.RECOMPUTE;
    space = swaps ? SwapSpace.open(cache, Capacity.counted(settings.hostBlocks())) : null;
    // Without knowing the tokens there is nothing to find, and looking takes time.
    boolean finds = settings.prefixCacheBlocks() > 0 && !(content instanceof PromptContent.Unknown);
    PrefixSettings prefixSettings =
        PrefixSettings.of("simulated")
            .withQuotas(Map.of(Namespace.COMMON.name(), settings.prefixCacheBlocks()));
    prefixCache = finds ? PrefixCache.open(cache, prefixSettings) : null;
    policy = new LatestFirst(model(settings, machine), LatestFirst.Extent.WHOLE);
    this.seed = seed;
  }

  /** What moving and computing cost; the way that is not wanted costs more than anything. */
  private static PreemptionModel model(ServerSettings settings, Machine machine) {
    LatencyModel latency = machine.latency();
    double tokensPerSecond = 1e9 / Math.max(1e-3, latency.nanosPerPrefillToken());
    PrefillModel prefill = new PrefillModel(tokensPerSecond, 0, latency.nanosPerAttendedPair());
    return switch (settings.preemption()) {
      case CHEAPER -> new PreemptionModel(machine.swapOut(), machine.swapIn(), prefill);
      case RECOMPUTE -> new PreemptionModel(NOT_WANTED, NOT_WANTED, prefill);
      case SWAP ->
          new PreemptionModel(machine.swapOut(), machine.swapIn(), new PrefillModel(1e-9, 0, 0));
    };
  }

  private int numFree() {
    return cache.statistics().blocks().numAvailable() - plannedBlocks;
  }

  private long blockBytes() {
    return machine.kvBytesPerToken() * settings.blockSize();
  }

  @Override
  public String refusal(Job job) {
    if (job.promptTokens + job.outputTokens > settings.totalTokensMax()) {
      return "longer than the longest request that is allowed";
    }
    long shared = job.promptTokens / settings.blockSize();
    long each = cache.shape().blocksFor(job.finalLength()) - shared;
    return shared + each * settings.outputs().count() + settings.watermarkBlocks()
            <= settings.numBlocks()
        ? ""
        : "more blocks than the pool has beside its watermark";
  }

  @Override
  public int admit(Job job) {
    DroppedGroup dropped = job.dropped;
    if (dropped != null) {
      return readmit(job, dropped);
    }
    int needed = cache.shape().blocksFor(job.prefillTarget);
    PrefixCache prefixes = prefixCache;
    if (prefixes != null) {
      return openCached(job, prefixes, needed + 1); // the head of a block may be copied
    }
    if (needed + settings.watermarkBlocks() > numFree()) {
      return -1;
    }
    job.sequence = cache.newSequence(job.finalLength());
    return 0;
  }

  /**
   * Opens a prompt through the library's prefix cache. Blocks that it may find are asked for as if
   * it found none, because idle ones count as available until they are found.
   */
  private int openCached(Job job, PrefixCache prefixes, int needed) {
    if (lacks(needed)) {
      return -1;
    }
    int[] prompt = content.tokenIds(job.index, job.promptTokens);
    // Tokens that were generated are not in the trace: they are nobody else's.
    int[] tokens = Arrays.copyOf(prompt, job.prefillTarget);
    Arrays.fill(tokens, job.promptTokens, job.prefillTarget, job.index);
    OpenOptions options = OpenOptions.DEFAULT.withoutRoom();
    boolean returns = job.numPreemptions > 0;
    TokenSequence opened =
        prefixes.open(tokens, Namespace.COMMON, returns ? options.returning() : options);
    job.tokens = opened;
    job.sequence = opened.sequence();
    if (!returns) {
      cacheableTokens += job.promptTokens;
      cachedTokens += opened.length();
    }
    return opened.length();
  }

  /** A group comes back whole, sharing restored, as the library's plan has it. */
  private int readmit(Job job, DroppedGroup dropped) {
    int needed = dropped.plan().numBlocks() + settings.outputs().count();
    if (lacks(needed)) {
      return -1;
    }
    try (Step own = cache.newStep()) {
      dropped.restore((sequence, from, to) -> own.append(sequence, to - from).begin().commit());
    }
    transferNanos += machine.latency().nanosPerPrefillToken() * dropped.plan().numTokens();
    job.dropped = null;
    return job.length;
  }

  /** An empty pool has room for whoever was in it before, whatever the margins. */
  private boolean lacks(int needed) {
    int free = numFree();
    return needed + settings.watermarkBlocks() > free && free < settings.numBlocks();
  }

  @Override
  public void plan(Job job, int tokens) {
    for (KvSequence sequence : job.sequences()) {
      step.append(sequence, tokens);
      int length = sequence.length();
      plannedBlocks += cache.shape().blocksFor(length + tokens) - cache.shape().blocksFor(length);
    }
  }

  @Override
  public int grow() {
    plannedBlocks = 0;
    try {
      step.begin().commit();
      return 0;
    } catch (OutOfBlocksException full) {
      return full.needed() - full.free() - full.reclaimable();
    }
  }

  @Override
  public void beginGenerating(Job job) {
    KvSequence prompt = job.sequence;
    if (settings.outputs().count() > 1 && prompt != null) {
      job.group = ForkGroup.of(prompt, settings.outputs().count(), PromptHandle.MOVE);
      job.sequence = null;
    }
  }

  @Override
  public int ahead(Job job, int length) {
    int inBlock = settings.blockSize() - length % settings.blockSize();
    return settings.outputs() instanceof Outputs.Beams
        ? 1
        : Math.min(inBlock, job.finalLength() - length);
  }

  @Override
  public void afterToken(Job job) {
    ForkGroup group = job.group;
    if (settings.outputs() instanceof Outputs.Beams search && group != null) {
      BeamReplacement beams = job.beams;
      if (beams == null) {
        beams = new BeamReplacement(search.replacement(), seed, job.index);
        job.beams = beams;
      }
      int[] parents = beams.parents(group.size());
      if (parents.length > 0) {
        group.reassign(parents);
      }
    }
  }

  @Override
  public void release(Job job) {
    ForkGroup group = job.group;
    if (group != null) {
      group.close();
      job.group = null;
    }
    KvSequence sequence = job.sequence;
    if (sequence != null) {
      sequence.close();
      job.sequence = null;
    }
    job.tokens = null;
  }

  @Override
  public Eviction evict(Job job) {
    List<KvSequence> sequences = job.sequences();
    if (space != null && job.decoding && job.leavesBySwap) {
      int numBlocks = PreemptionLoad.of(cache, sequences).numBlocks();
      try {
        job.swapped = space.swapOut(sequences);
        job.swappedBlocks = numBlocks;
        transferNanos += machine.swapOut().nanos(numBlocks * blockBytes(), numBlocks);
        numSwaps++;
        return Eviction.SWAPPED;
      } catch (OutOfBlocksException hostIsFull) {
        // It is dropped, as the published system does.
      }
    }
    numDrops++;
    if (job.group != null) {
      job.dropped = DroppedGroup.drop(cache, sequences);
    } else {
      release(job);
    }
    return Eviction.DROPPED;
  }

  /**
   * Asks the library's policy. Of what it chooses the first one leaves; it is asked again if that
   * was not enough, because the blocks that the first one wanted itself are no longer missing.
   */
  @Override
  public Job victim(List<Job> admitted, int missingBlocks) {
    List<JobVictim> victims = new ArrayList<>(admitted.size());
    for (Job job : admitted) {
      victims.add(new JobVictim(job, victims.size(), cache, blockBytes()));
    }
    int freeSlots = space == null ? 0 : space.statistics().slots().numFree();
    List<Preemption<JobVictim>> chosen =
        policy.choose(new Shortage(missingBlocks, freeSlots), victims);
    if (chosen.isEmpty()) {
      // Not even all of them have so many blocks: what they want themselves goes with them.
      return admitted.getLast();
    }
    Preemption<JobVictim> first = chosen.getFirst();
    Job job = first.victim().job();
    job.leavesBySwap = first.way() == PreemptionCost.Preemption.SWAP;
    return job;
  }

  @Override
  public boolean bringBack(Job job) {
    SwappedGroup swapped = job.swapped;
    if (space == null || swapped == null) {
      throw new IllegalStateException("nothing was swapped out: job=" + job.index);
    }
    int needed = job.swappedBlocks + swapped.sequences().size();
    if (lacks(needed)) {
      return false;
    }
    space.swapIn(swapped);
    transferNanos += machine.swapIn().nanos(job.swappedBlocks * blockBytes(), job.swappedBlocks);
    job.swapped = null;
    return true;
  }

  @Override
  public void measure(Occupancy sums, long liveTokens, double weight) {
    CacheStatistics now = cache.statistics();
    int used = now.blocks().numUsed();
    double usedSlots = (double) used * settings.blockSize();
    // A token that several share counts for each: what is used is then all that can be said.
    double live =
        settings.outputs().count() > 1 ? usedSlots : Math.min((double) liveTokens, usedSlots);
    sums.live += weight * live;
    sums.internal += weight * (usedSlots - live);
    sums.external += weight * (settings.poolTokens() - usedSlots);
    sums.usedBlocks += weight * used;
    sums.referencedBlocks += weight * now.blocks().numReferences();
  }

  @Override
  public double takeTransferNanos() {
    double nanos = transferNanos;
    transferNanos = 0;
    return nanos;
  }

  @Override
  public long cachedTokens() {
    return cachedTokens;
  }

  @Override
  public long cacheableTokens() {
    return cacheableTokens;
  }

  @Override
  public long usedBlocks() {
    return cache.statistics().blocks().numUsed();
  }

  @Override
  public void close() {
    if (space != null) {
      space.close();
    }
    step.close();
    if (prefixCache != null) {
      prefixCache.close();
    }
    cache.close();
  }
}
