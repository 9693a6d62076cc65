package dev.pagoda;

import static dev.pagoda.Refusals.refused;

import dev.pagoda.CacheModel.OpenStep;
import dev.pagoda.CacheModel.Sequence;
import dev.pagoda.CacheModel.State;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;

/** Calls that a cache must refuse in whatever state it is, and that must change nothing. */
final class CacheMisuse implements AutoCloseable {
  private static final Class<IllegalStateException> STATE = IllegalStateException.class;
  private static final Class<IllegalArgumentException> ARGUMENT = IllegalArgumentException.class;
  private static final int REMEMBERED = 5;

  private final PagedKvCache cache;
  private final CacheModel model;
  private final Step step;
  private final PagedKvCache otherCache;
  private final KvSequence foreign;
  private final Deque<KvSequence> closed = new ArrayDeque<>();
  private final Deque<ParkedGroup> usedUp = new ArrayDeque<>();
  private final BlockMover nowhere = (storage, ids) -> {};

  CacheMisuse(PagedKvCache cache, CacheModel model) {
    this.cache = cache;
    this.model = model;
    step = cache.newStep();
    KvShape tiny = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(1);
    otherCache = PagedKvCache.open(tiny, Backend.SCALAR, Capacity.blocks(1));
    foreign = otherCache.newSequence();
  }

  void remember(KvSequence sequence) {
    closed.addLast(sequence);
    if (closed.size() > REMEMBERED) {
      closed.removeFirst();
    }
  }

  void remember(ParkedGroup group) {
    usedUp.addLast(group);
    if (usedUp.size() > REMEMBERED) {
      usedUp.removeFirst();
    }
  }

  @Override
  public void close() {
    otherCache.closeAll();
  }

  /**
   * Does something wrong.
   *
   * @return what
   */
  String commit(SplittableRandom random) {
    List<Sequence> idle = inState(State.IDLE);
    List<Sequence> busy = inState(State.BUSY);
    List<Sequence> parked = inState(State.PARKED);
    return switch (random.nextInt(12)) {
      case 0, 1 -> idle.isEmpty() ? onCache() : onIdle(pick(idle, random), random);
      case 2, 3 -> busy.isEmpty() ? onCache() : onHeld(pick(busy, random).real, random);
      case 4 -> parked.isEmpty() ? onCache() : onHeld(pick(parked, random).real, random);
      case 5 -> closed.isEmpty() ? onCache() : onClosed(closed.getFirst(), random);
      case 6 -> onForeign();
      case 7, 8 -> model.steps.isEmpty() ? onIdleStep() : onOpenStep(model.steps.getFirst());
      case 9 -> usedUp.isEmpty() ? onCache() : onUsedUp(random);
      case 10 -> idle.isEmpty() ? onCache() : onGroups(idle, busy);
      default -> onIdleStep();
    };
  }

  private List<Sequence> inState(State state) {
    return model.sequences.stream().filter(s -> s.state == state).toList();
  }

  private static Sequence pick(List<Sequence> sequences, SplittableRandom random) {
    return sequences.get(random.nextInt(sequences.size()));
  }

  private String onCache() {
    refused(ARGUMENT, () -> cache.newSequence(-1));
    if (!model.sequences.isEmpty()) {
      refused(STATE, cache::close);
    }
    if (!model.steps.isEmpty() && !model.steps.getFirst().entries.isEmpty()) {
      refused(STATE, cache::checkConservation);
      refused(STATE, cache::closeAll);
    }
    return "on the cache";
  }

  private String onIdle(Sequence sequence, SplittableRandom random) {
    KvSequence real = sequence.real;
    int length = sequence.length();
    refused(ARGUMENT, () -> real.fork(length + 1 + random.nextInt(9)));
    refused(ARGUMENT, () -> real.fork(-1));
    refused(ARGUMENT, () -> real.truncate(length + 1));
    refused(ARGUMENT, () -> real.truncate(Integer.MIN_VALUE));
    refused(ARGUMENT, () -> step.append(real, 0));
    refused(ARGUMENT, () -> step.append(real, Integer.MIN_VALUE));
    refused(STATE, () -> step.append(real, 1).append(real, 1).begin());
    long numTokens = (long) (model.numBlocks + 1) * model.blockSize;
    refused(
        OutOfBlocksException.class, () -> step.append(real, Math.toIntExact(numTokens)).begin());
    refused(
        OutOfBlocksException.class, () -> step.append(real, Integer.MAX_VALUE - length).begin());
    model.countRefusal();
    model.countRefusal();
    if (length > 0) {
      refused(ARGUMENT, () -> step.append(real, Integer.MAX_VALUE));
    }
    return "on idle " + sequence;
  }

  /** A sequence in a step or parked, alone and after others that are claimed first. */
  private String onHeld(KvSequence held, SplittableRandom random) {
    refused(STATE, held::fork);
    refused(STATE, () -> held.fork(0));
    refused(STATE, () -> held.truncate(0));
    List<Sequence> idle = inState(State.IDLE);
    if (!idle.isEmpty()) {
      step.append(pick(idle, random).real, 1);
    }
    refused(STATE, () -> step.append(held, 1).begin());
    refused(STATE, () -> cache.park(List.of(held), nowhere));
    if (model.steps.stream().anyMatch(s -> holds(s, held))) {
      refused(STATE, held::close);
    } else {
      refused(STATE, held::blockIds);
    }
    return "on held " + held;
  }

  private static boolean holds(OpenStep step, KvSequence sequence) {
    return step.entries.stream().anyMatch(entry -> entry.sequence.real == sequence);
  }

  private String onClosed(KvSequence sequence, SplittableRandom random) {
    sequence.close();
    refused(STATE, sequence::fork);
    refused(STATE, () -> sequence.truncate(0));
    refused(STATE, sequence::blockIds);
    refused(STATE, () -> cache.park(List.of(sequence), nowhere));
    List<Sequence> idle = inState(State.IDLE);
    if (!idle.isEmpty()) {
      step.append(pick(idle, random).real, 1);
    }
    refused(STATE, () -> step.append(sequence, 1).begin());
    return "on closed " + sequence;
  }

  private String onForeign() {
    refused(ARGUMENT, () -> step.append(foreign, 1));
    refused(ARGUMENT, () -> cache.park(List.of(foreign), nowhere));
    return "with another cache's sequence";
  }

  private String onIdleStep() {
    Rows none = Rows.none();
    AttentionSpec spec = AttentionSpec.causal(1, 1f);
    refused(STATE, step::commit);
    refused(STATE, step::rollback);
    refused(STATE, step::numTokens);
    refused(STATE, () -> step.position(0));
    refused(STATE, () -> step.write(0, none, none));
    refused(STATE, () -> step.writeToken(0, 0, none, none));
    refused(STATE, () -> step.attend(0, spec, none, none));
    refused(STATE, () -> step.attendToken(0, spec, noRows(), 0, new HeadRange(0, 1)));
    step.close();
    return "on an idle step";
  }

  private static AttentionRows noRows() {
    return AttentionRows.of(Rows.none(), Rows.none());
  }

  private String onOpenStep(OpenStep open) {
    Step real = open.real;
    int numTokens = real.numTokens();
    int numLayers = cache.shape().numLayers();
    Rows empty = Rows.of(new float[0]);
    Rows plenty = Rows.of(new float[256], 0, 0);
    refused(STATE, real::begin);
    if (!open.entries.isEmpty()) {
      refused(STATE, () -> real.append(open.entries.getFirst().sequence.real, 1));
      refused(ARGUMENT, () -> real.write(0, empty, plenty));
      refused(ARGUMENT, () -> real.write(0, plenty, empty));
      refused(ARGUMENT, () -> real.writeToken(0, numTokens - 1, plenty, Rows.none()));
    }
    refused(ARGUMENT, () -> real.write(numLayers, plenty, plenty));
    refused(ARGUMENT, () -> real.write(-1, plenty, plenty));
    refused(ARGUMENT, () -> real.writeToken(0, numTokens, plenty, plenty));
    refused(ARGUMENT, () -> real.writeToken(0, -1, plenty, plenty));
    refused(ARGUMENT, () -> real.position(numTokens));
    refused(ARGUMENT, () -> real.position(-1));
    if (open.numLayersWritten < numLayers && numTokens > 0) {
      AttentionSpec spec = AttentionSpec.causal(4, 1f);
      int layer = open.numLayersWritten;
      refused(STATE, real::commit);
      refused(STATE, () -> real.attend(layer, spec, plenty, plenty));
    }
    return "on an open step";
  }

  private String onUsedUp(SplittableRandom random) {
    List<ParkedGroup> groups = new ArrayList<>(usedUp);
    ParkedGroup group = groups.get(random.nextInt(groups.size()));
    refused(STATE, () -> cache.unpark(group, nowhere));
    refused(STATE, () -> cache.unparkEmpty(group));
    return "on a group that was unparked before";
  }

  private String onGroups(List<Sequence> idle, List<Sequence> busy) {
    KvSequence real = idle.getFirst().real;
    refused(ARGUMENT, () -> cache.park(List.of(), nowhere));
    refused(ARGUMENT, () -> cache.park(List.of(real, real), nowhere));
    if (!busy.isEmpty()) {
      refused(STATE, () -> cache.park(List.of(real, busy.getFirst().real), nowhere));
    }
    return "on groups";
  }
}
