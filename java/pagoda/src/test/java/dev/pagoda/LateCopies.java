package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A cache like one on a device whose copies to and from the host are queued: they pass when a test
 * says so, when somebody waits for a fence, or when later work needs its turn, and read their
 * source then. They may be queued and the call throw all the same.
 */
public final class LateCopies {
  /** What is wrong with the fences. */
  public enum Fault {
    NONE,
    /** What was queued is taken to have passed. */
    PASSED_AT_ONCE,
    /** Whoever waits does not. */
    NOBODY_WAITS
  }

  private record Queued(int[] deviceBlocks, Runnable copy) {}

  private final Fault fault;
  private final Deque<Queued> queue = new ArrayDeque<>();
  private long numQueued;
  private long numPassed;
  private int copiesUntilFailure;

  public LateCopies(Fault fault) {
    this.fault = fault;
  }

  /** A cache of the scalar backend over memory that it closes. */
  public PagedKvCache open(HostStorage host) {
    return new PagedKvCache(Backend.SCALAR, new Kernels(), new Storage(host), Checks.DEBUG);
  }

  /** Memory for such a cache. */
  public static HostStorage allocate(KvShape shape, int numBlocks) {
    return HostStorage.allocate(new KvLayout(shape, new InterposedKernels().keyOrder()), numBlocks);
  }

  /** The n-th copy from now on is queued and its call throws; none if 0. */
  public void failIn(int copies) {
    copiesUntilFailure = copies;
  }

  public int numWaiting() {
    return queue.size();
  }

  /** The oldest ones happen now. */
  public void pass(int count) {
    for (int i = 0; i < count && !queue.isEmpty(); i++) {
      queue.remove().copy.run();
      numPassed++;
    }
  }

  public void passAll() {
    pass(queue.size());
  }

  private void enqueue(int[] deviceBlocks, int count, Runnable copy) {
    if (count == 0) {
      return;
    }
    queue.add(new Queued(deviceBlocks.clone(), copy));
    numQueued++;
    copiesUntilFailure--;
    if (copiesUntilFailure == 0) {
      throw new PlantedFailure("a copy that was queued");
    }
  }

  private final class PassedAt implements Fence {
    private final long number = numQueued;

    @Override
    public boolean hasPassed() {
      return numPassed >= number;
    }

    @Override
    public void await() {
      if (fault != Fault.NOBODY_WAITS) {
        pass(Math.toIntExact(Math.max(0, number - numPassed)));
      }
    }
  }

  private final class Storage extends InterposedStorage {
    Storage(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      if (count > 0) {
        passAll();
        super.copyBlocks(sources, targets, count);
      }
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      int[] from = sources.clone();
      int[] to = targets.clone();
      enqueue(from, count, () -> super.copyOut(from, target, to, count));
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      int[] from = sources.clone();
      int[] to = targets.clone();
      enqueue(to, count, () -> super.copyIn(source, from, to, count));
    }

    @Override
    public Fence fence() {
      return fault == Fault.PASSED_AT_ONCE || queue.isEmpty() ? Fence.PASSED : new PassedAt();
    }

    /** Called for what becomes free. */
    @Override
    public void poison(int blockId) {
      IntPredicate isIt = id -> id == blockId;
      if (queue.stream().anyMatch(q -> IntStream.of(q.deviceBlocks).anyMatch(isIt))) {
        throw new AssertionError("free while a queued copy uses it: blockId=" + blockId);
      }
      super.poison(blockId);
    }

    @Override
    public void close() {
      passAll();
      super.close();
    }
  }

  /** Kernels take their turn behind what was queued before. */
  private final class Kernels extends InterposedKernels {
    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      passAll();
      super.write(call, firstToken, endToken);
    }

    @Override
    public void attend(
        AttendCall call,
        int firstToken,
        int endToken,
        int firstKvHead,
        int endKvHead,
        Scratch scratch) {
      passAll();
      super.attend(call, firstToken, endToken, firstKvHead, endKvHead, scratch);
    }
  }
}
