package dev.pagoda.internal.event;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * Events of the JDK Flight Recorder, named {@code dev.pagoda.*}. The only user of its types.
 *
 * <p>One object per kind stays around to be asked whether anybody records that kind, so that
 * nothing is allocated while nobody does.
 */
final class FlightRecorderEvents implements CacheEvents {
  private final ReserveEvent reserve = new ReserveEvent();
  private final ForkEvent fork = new ForkEvent();
  private final CopyEvent copy = new CopyEvent();
  private final SwapEvent swap = new SwapEvent();
  private final PreemptEvent preempt = new PreemptEvent();
  private final ExhaustEvent exhaust = new ExhaustEvent();
  private final EvictEvent evict = new EvictEvent();
  private final PrefixHitEvent prefixHit = new PrefixHitEvent();
  private final PrefixMissEvent prefixMiss = new PrefixMissEvent();

  FlightRecorderEvents() {}

  @Name("dev.pagoda.Reserve")
  @Label("Blocks taken")
  @Description("A step took blocks")
  @Category("Pagoda")
  @StackTrace(false)
  static final class ReserveEvent extends Event {
    @Label("Sequences")
    int numSequences;

    @Label("Blocks")
    int numBlocks;

    ReserveEvent() {}
  }

  @Name("dev.pagoda.Fork")
  @Label("Fork")
  @Description("A sequence was forked")
  @Category("Pagoda")
  @StackTrace(false)
  static final class ForkEvent extends Event {
    @Label("Parent")
    long parentId;

    @Label("Fork")
    long forkId;

    @Label("Tokens")
    int length;

    ForkEvent() {}
  }

  @Name("dev.pagoda.Copy")
  @Label("Copy on write")
  @Description("Blocks copied because a writer shared them")
  @Category("Pagoda")
  @StackTrace(false)
  static final class CopyEvent extends Event {
    @Label("Blocks")
    int numBlocks;

    CopyEvent() {}
  }

  @Name("dev.pagoda.Swap")
  @Label("Swap")
  @Description("Blocks moved to another tier or back")
  @Category("Pagoda")
  @StackTrace(false)
  static final class SwapEvent extends Event {
    @Label("Direction")
    String direction = "";

    @Label("Blocks")
    int numBlocks;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Time")
    @Timespan
    long nanos;

    SwapEvent() {}
  }

  @Name("dev.pagoda.Preempt")
  @Label("Preemption")
  @Description("A group made room")
  @Category("Pagoda")
  @StackTrace(false)
  static final class PreemptEvent extends Event {
    @Label("Way")
    String way = "";

    @Label("Blocks freed")
    int numBlocksFreed;

    @Label("Reason")
    String reason = "";

    PreemptEvent() {}
  }

  @Name("dev.pagoda.Exhaust")
  @Label("Out of blocks")
  @Description("A request was refused for want of blocks")
  @Category("Pagoda")
  @StackTrace(false)
  static final class ExhaustEvent extends Event {
    @Label("Needed")
    int needed;

    @Label("Free")
    int free;

    @Label("Total")
    int total;

    ExhaustEvent() {}
  }

  @Name("dev.pagoda.Evict")
  @Label("Eviction")
  @Description("Cached blocks were given up")
  @Category("Pagoda")
  @StackTrace(false)
  static final class EvictEvent extends Event {
    @Label("Blocks")
    int numBlocks;

    EvictEvent() {}
  }

  @Name("dev.pagoda.PrefixHit")
  @Label("Prefix hit")
  @Description("A prompt found its first tokens in the prefix cache")
  @Category("Pagoda")
  @StackTrace(false)
  static final class PrefixHitEvent extends Event {
    @Label("Sequence")
    long sequenceId;

    @Label("Tokens cached")
    int cachedTokens;

    @Label("Tokens")
    int promptTokens;

    PrefixHitEvent() {}
  }

  @Name("dev.pagoda.PrefixMiss")
  @Label("Prefix miss")
  @Description("A prompt found nothing in the prefix cache")
  @Category("Pagoda")
  @StackTrace(false)
  static final class PrefixMissEvent extends Event {
    @Label("Sequence")
    long sequenceId;

    @Label("Tokens")
    int promptTokens;

    @Label("Reason")
    String reason = "";

    PrefixMissEvent() {}
  }

  @Override
  public void reserved(int numSequences, int numBlocks) {
    if (reserve.isEnabled()) {
      ReserveEvent event = new ReserveEvent();
      event.numSequences = numSequences;
      event.numBlocks = numBlocks;
      event.commit();
    }
  }

  @Override
  public void forked(long parentId, long forkId, int length) {
    if (fork.isEnabled()) {
      ForkEvent event = new ForkEvent();
      event.parentId = parentId;
      event.forkId = forkId;
      event.length = length;
      event.commit();
    }
  }

  @Override
  public void copied(int numBlocks) {
    if (copy.isEnabled()) {
      CopyEvent event = new CopyEvent();
      event.numBlocks = numBlocks;
      event.commit();
    }
  }

  @Override
  public void swapped(String direction, int numBlocks, long bytes, long nanos) {
    if (swap.isEnabled()) {
      SwapEvent event = new SwapEvent();
      event.direction = direction;
      event.numBlocks = numBlocks;
      event.bytes = bytes;
      event.nanos = nanos;
      event.commit();
    }
  }

  @Override
  public void preempted(String way, int numBlocksFreed, String reason) {
    if (preempt.isEnabled()) {
      PreemptEvent event = new PreemptEvent();
      event.way = way;
      event.numBlocksFreed = numBlocksFreed;
      event.reason = reason;
      event.commit();
    }
  }

  @Override
  public void exhausted(int needed, int free, int total) {
    if (exhaust.isEnabled()) {
      ExhaustEvent event = new ExhaustEvent();
      event.needed = needed;
      event.free = free;
      event.total = total;
      event.commit();
    }
  }

  @Override
  public void evicted(int numBlocks) {
    if (evict.isEnabled()) {
      EvictEvent event = new EvictEvent();
      event.numBlocks = numBlocks;
      event.commit();
    }
  }

  @Override
  public void prefixHit(long sequenceId, int cachedTokens, int promptTokens) {
    if (prefixHit.isEnabled()) {
      PrefixHitEvent event = new PrefixHitEvent();
      event.sequenceId = sequenceId;
      event.cachedTokens = cachedTokens;
      event.promptTokens = promptTokens;
      event.commit();
    }
  }

  @Override
  public void prefixMissed(long sequenceId, int promptTokens, String reason) {
    if (prefixMiss.isEnabled()) {
      PrefixMissEvent event = new PrefixMissEvent();
      event.sequenceId = sequenceId;
      event.promptTokens = promptTokens;
      event.reason = reason;
      event.commit();
    }
  }
}
