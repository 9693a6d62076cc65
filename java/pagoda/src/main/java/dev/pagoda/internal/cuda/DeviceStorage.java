package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.StepRoom;
import dev.pagoda.internal.cuda.abi.pagoda_block_copy;
import dev.pagoda.internal.cuda.abi.pagoda_copy_blocks_params;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_merge_partials_params;
import dev.pagoda.internal.cuda.abi.pagoda_swap_blocks_params;
import dev.pagoda.internal.kernel.IdlePool;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/**
 * Blocks in device memory: one allocation, and the queue that all work on it goes to.
 *
 * <p>Copies inside the pool are queued; copies to and from the host have happened when they return,
 * and may be under way when they throw, see {@link #fence}. All are ordered with the kernels of
 * steps, because everything goes to one stream: a block that is freed while queued work reads it is
 * written by its next owner only after that.
 *
 * <p>Footprint: {@code numBlocks * layout.blockBytes()} bytes of device memory, and what steps
 * need.
 */
final class DeviceStorage implements KvStorage, CudaCache {
  private static final int POISON = 0xff; // all bits set: a NaN in FP32, FP16 and BF16
  private static final int PAIR_BYTES = (int) pagoda_block_copy.sizeof();
  private static final int PAIRS_PER_BUFFER = 8192;

  /** Blocks that pass through pinned memory at a time, when the host's own is not. */
  private static final long BOUNCE_BYTES = 16L << 20;

  private final KvLayout layout;
  private final int numBlocks;
  private final DeviceQueue queue;
  private final long pool;
  private final LayerParams layers;
  private final WorkspaceTable workspaces;
  private final SpecTable specs;
  private final IdlePool<StepMemory> stepMemories;
  private final QueueDoor door;

  // Guarded by the door.
  private final CallMemory memory;
  private final MemorySegment copyParams;
  private final MemorySegment swapParams;
  private final StagingRing pairs;
  private final long devicePairs;
  private MemorySegment bounce = MemorySegment.NULL; // allocated when first needed
  private volatile boolean hasQueuedSwaps; // that nobody has waited for; written inside the door

  /**
   * Allocates blocks. What they hold is not defined.
   *
   * @param queue closed with the storage, also if this throws
   * @throws IllegalArgumentException if the device has not so much memory left
   */
  DeviceStorage(KvLayout layout, int numBlocks, DeviceQueue queue, StepRoom room) {
    this.layout = layout;
    this.numBlocks = numBlocks;
    this.queue = queue;
    door = new QueueDoor(queue, this);
    try {
      memory = CallMemory.allocate(queue.arena());
      pool = queue.allocateDevice(poolBytes(layout, numBlocks), memory);
      layers = new LayerParams(layout, pool, numBlocks, queue.arena());
      copyParams = pagoda_copy_blocks_params.allocate(queue.arena());
      swapParams = pagoda_swap_blocks_params.allocate(queue.arena());
      pairs = new StagingRing(queue, (long) PAIRS_PER_BUFFER * PAIR_BYTES, memory);
      devicePairs = queue.allocateDevice((long) PAIRS_PER_BUFFER * PAIR_BYTES, memory);
    } catch (IllegalArgumentException refused) {
      queue.close();
      throw new IllegalArgumentException(
          "the pool does not fit in device memory, "
              + refused.getMessage()
              + ": blockBytes="
              + layout.blockBytes()
              + ", numBlocks="
              + numBlocks,
          refused);
    } catch (Throwable refused) {
      queue.close();
      throw refused;
    }
    workspaces = new WorkspaceTable(queue);
    specs = new SpecTable(queue);
    stepMemories = new IdlePool<>(() -> new StepMemory(queue, layout, numBlocks, room));
  }

  private static long poolBytes(KvLayout layout, int numBlocks) {
    try {
      return layout.poolBytes(numBlocks);
    } catch (ArithmeticException overflow) {
      throw new IllegalArgumentException("no memory is that large", overflow);
    }
  }

  DeviceQueue queue() {
    return queue;
  }

  LayerParams layers() {
    return layers;
  }

  WorkspaceTable workspaces() {
    return workspaces;
  }

  SpecTable specs() {
    return specs;
  }

  /** What steps borrow between begin and commit. */
  IdlePool<StepMemory> stepMemories() {
    return stepMemories;
  }

  @Override
  public KvLayout layout() {
    return layout;
  }

  @Override
  public int numBlocks() {
    return numBlocks;
  }

  @Override
  public Optional<String> failure() {
    return queue.failure();
  }

  @Override
  public void copyBlocks(int[] sources, int[] targets, int count) {
    if (count == 0) {
      return;
    }
    requireBlocks(sources, count, numBlocks);
    requireBlocks(targets, count, numBlocks);
    enter();
    try {
      for (int first = 0; first < count; first += PAIRS_PER_BUFFER) {
        int numPairs = Math.min(PAIRS_PER_BUFFER, count - first);
        sendPairs(sources, targets, first, numPairs);
        pagoda_copy_blocks_params.pool(copyParams, pool);
        pagoda_copy_blocks_params.copies(copyParams, devicePairs);
        pagoda_copy_blocks_params.block_bytes(copyParams, layout.blockBytes());
        pagoda_copy_blocks_params.num_copies(copyParams, numPairs);
        queue.check(
            "pagoda_copy_blocks",
            pagoda_h.pagoda_copy_blocks(copyParams, queue.stream(), memory.error()),
            memory);
      }
    } finally {
      leave();
    }
  }

  private void sendPairs(int[] sources, int[] targets, int first, int numPairs) {
    MemorySegment staged = pairs.take(memory);
    for (int i = 0; i < numPairs; i++) {
      staged.setAtIndex(ValueLayout.JAVA_INT, 2L * i, sources[first + i]);
      staged.setAtIndex(ValueLayout.JAVA_INT, 2L * i + 1, targets[first + i]);
    }
    queue.copyEntered(staged.address(), devicePairs, (long) numPairs * PAIR_BYTES, memory);
    pairs.queued(memory);
  }

  @Override
  public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
    requireSameLayout(target);
    requireBlocks(sources, count, numBlocks);
    requireBlocks(targets, count, target.numBlocks());
    if (count == 0) {
      return;
    }
    enter();
    try {
      if (target.isPageLocked()) {
        swap(sources, targets, count, pool, target.segment().address());
      } else {
        bounceOut(sources, target, targets, count);
      }
    } finally {
      leave();
    }
  }

  @Override
  public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
    requireSameLayout(source);
    requireBlocks(sources, count, source.numBlocks());
    requireBlocks(targets, count, numBlocks);
    if (count == 0) {
      return;
    }
    enter();
    try {
      if (source.isPageLocked()) {
        swap(sources, targets, count, source.segment().address(), pool);
      } else {
        bounceIn(source, sources, targets, count);
      }
    } finally {
      leave();
    }
  }

  /** Moves blocks between the pool and pinned memory, and waits until they are there. */
  private void swap(int[] sources, int[] targets, int count, long from, long to) {
    for (int first = 0; first < count; first += PAIRS_PER_BUFFER) {
      int numPairs = Math.min(PAIRS_PER_BUFFER, count - first);
      sendPairs(sources, targets, first, numPairs);
      pagoda_swap_blocks_params.source_pool(swapParams, from);
      pagoda_swap_blocks_params.target_pool(swapParams, to);
      pagoda_swap_blocks_params.copies(swapParams, devicePairs);
      pagoda_swap_blocks_params.block_bytes(swapParams, layout.blockBytes());
      pagoda_swap_blocks_params.num_copies(swapParams, numPairs);
      hasQueuedSwaps = true;
      queue.check(
          "pagoda_swap_blocks",
          pagoda_h.pagoda_swap_blocks(swapParams, queue.stream(), memory.error()),
          memory);
    }
    queue.waitEntered(memory);
    hasQueuedSwaps = false;
  }

  /** Behind swaps that were queued by a call that threw; all others were waited for. */
  @Override
  public Fence fence() {
    return !hasQueuedSwaps || queue.failure().isPresent() ? Fence.PASSED : QueueFence.record(queue);
  }

  private void bounceOut(int[] sources, HostStorage target, int[] targets, int count) {
    MemorySegment pinned = bounceMemory();
    long blockBytes = layout.blockBytes();
    int most = (int) (pinned.byteSize() / blockBytes);
    for (int first = 0; first < count; first += most) {
      int n = Math.min(most, count - first);
      swap(piece(sources, first, n), places(n), n, pool, pinned.address());
      for (int i = 0; i < n; i++) {
        MemorySegment.copy(
            pinned,
            i * blockBytes,
            target.segment(),
            layout.blockOffset(targets[first + i]),
            blockBytes);
      }
    }
  }

  private void bounceIn(HostStorage source, int[] sources, int[] targets, int count) {
    MemorySegment pinned = bounceMemory();
    long blockBytes = layout.blockBytes();
    int most = (int) (pinned.byteSize() / blockBytes);
    for (int first = 0; first < count; first += most) {
      int n = Math.min(most, count - first);
      for (int i = 0; i < n; i++) {
        MemorySegment.copy(
            source.segment(),
            layout.blockOffset(sources[first + i]),
            pinned,
            i * blockBytes,
            blockBytes);
      }
      swap(places(n), piece(targets, first, n), n, pinned.address(), pool);
    }
  }

  private MemorySegment bounceMemory() {
    if (bounce.byteSize() == 0) {
      bounce = queue.allocatePinned(Math.max(BOUNCE_BYTES, layout.blockBytes()), memory);
    }
    return bounce;
  }

  private static int[] piece(int[] ids, int first, int count) {
    return Arrays.copyOfRange(ids, first, first + count);
  }

  private static int[] places(int count) {
    int[] places = new int[count];
    for (int i = 0; i < count; i++) {
      places[i] = i;
    }
    return places;
  }

  @Override
  public void poison(int blockId) {
    requireBlock(blockId, numBlocks);
    // On a lost device there is nothing left to spoil, and closing must go on. A graph that held
    // this would spoil the block at each replay.
    if (queue.failure().isEmpty() && !queue.isCapturedElsewhere()) {
      enter();
      try {
        queue.fill(pool + layout.blockOffset(blockId), layout.blockBytes(), POISON, memory);
      } finally {
        leave();
      }
    }
  }

  @Override
  public HostStorage openHostStorage(int numHostBlocks) {
    return HostStorage.pageLocked(
        layout, numHostBlocks, (byteSize, arena) -> queue.allocatePinned(byteSize, arena));
  }

  @Override
  public int deviceIndex() {
    return queue.deviceIndex();
  }

  @Override
  public long context() {
    return queue.context().address();
  }

  @Override
  public long stream() {
    return queue.stream().address();
  }

  @Override
  public void synchronize() {
    enter();
    try {
      queue.waitEntered(memory);
      hasQueuedSwaps = false;
    } finally {
      leave();
    }
  }

  @Override
  public DeviceBuffer allocate(long byteSize) {
    enter();
    try {
      return new OwnedBuffer(queue, queue.allocateDevice(byteSize, memory), byteSize);
    } finally {
      leave();
    }
  }

  @Override
  public void mergePartials(Partials partials) {
    enter();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment params = pagoda_merge_partials_params.allocate(scratch);
      pagoda_merge_partials_params.partial_outputs(
          params, partials.outputs().address(0, partials.headDim()));
      pagoda_merge_partials_params.partial_lse(params, partials.lse().address());
      pagoda_merge_partials_params.output(params, partials.output().address(0, partials.headDim()));
      pagoda_merge_partials_params.maybe_lse(params, partials.mergedLse().address());
      pagoda_merge_partials_params.num_partials(params, partials.numPartials());
      pagoda_merge_partials_params.num_rows(params, partials.numRows());
      pagoda_merge_partials_params.head_dim(params, partials.headDim());
      pagoda_merge_partials_params.row_dtype(params, LayerParams.code(partials.output().dtype()));
      queue.checkRows(
          "pagoda_merge_partials",
          pagoda_h.pagoda_merge_partials(params, queue.stream(), memory.error()),
          memory);
    } finally {
      leave();
    }
  }

  private void enter() {
    door.enter(memory);
  }

  private void leave() {
    door.leave(memory);
  }

  private void requireSameLayout(HostStorage host) {
    KvLayout other = host.layout();
    if (!layout.shape().equals(other.shape()) || layout.keyOrder() != other.keyOrder()) {
      throw new IllegalArgumentException(
          "blocks move between equal layouts only: device=" + layout + ", host=" + other);
    }
  }

  private static void requireBlocks(int[] ids, int count, int numBlocks) {
    for (int i = 0; i < count; i++) {
      requireBlock(ids[i], numBlocks);
    }
  }

  private static void requireBlock(int blockId, int numBlocks) {
    if (blockId < 0 || blockId >= numBlocks) {
      throw new IllegalArgumentException(
          "no such block: numBlocks=" + numBlocks + ", blockId=" + blockId);
    }
  }

  @Override
  public void close() {
    door.close();
    queue.close(); // waits for all of it
    hasQueuedSwaps = false;
  }

  @Override
  public String toString() {
    return "DeviceStorage[deviceIndex="
        + queue.deviceIndex()
        + ", numBlocks="
        + numBlocks
        + ", blockBytes="
        + layout.blockBytes()
        + "]";
  }
}
