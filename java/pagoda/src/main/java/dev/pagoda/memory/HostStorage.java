package dev.pagoda.memory;

import dev.pagoda.layout.KvLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Blocks in host memory: one segment, off the heap, in one arena or in memory of the caller's.
 *
 * <p>Footprint: {@code numBlocks * layout.blockBytes()} bytes; none if blocks are only {@linkplain
 * #counted counted}.
 */
public final class HostStorage implements KvStorage {
  private static final byte POISON = (byte) 0xff; // all bits set: a NaN in FP32, FP16 and BF16

  private final KvLayout layout;
  private final int numBlocks;
  private final Arena arena;
  private final MemorySegment segment;
  private final boolean pageLocked;
  private final HugePages.Outcome hugePages;

  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  private static Arena openArena() {
    return Arena.ofShared();
  }

  private HostStorage(
      KvLayout layout, int numBlocks, Arena arena, MemorySegment segment, boolean pageLocked) {
    this(layout, numBlocks, arena, segment, pageLocked, HugePages.Outcome.NOT_REQUESTED);
  }

  private HostStorage(
      KvLayout layout,
      int numBlocks,
      Arena arena,
      MemorySegment segment,
      boolean pageLocked,
      HugePages.Outcome hugePages) {
    this.layout = layout;
    this.numBlocks = numBlocks;
    this.arena = arena;
    this.segment = segment;
    this.pageLocked = pageLocked;
    this.hugePages = hugePages;
  }

  /**
   * Blocks that exist in number only. Ids and layouts are checked as ever, copies between two such
   * storages move nothing, and copies from or to one with memory are refused.
   *
   * @param layout how a block would be laid out
   * @param numBlocks capacity, at least 1
   * @return the storage, owned by the caller
   */
  public static HostStorage counted(KvLayout layout, int numBlocks) {
    requireBlocks(numBlocks);
    return new HostStorage(layout, numBlocks, openArena(), MemorySegment.NULL, false);
  }

  /**
   * Allocates blocks, zeroed, in an arena of their own that {@link #close} closes, on huge pages
   * where they can be had, see {@link #hugePages}.
   *
   * @param layout how a block is laid out
   * @param numBlocks capacity, at least 1
   * @return the storage, owned by the caller
   * @throws IllegalArgumentException if that much memory cannot be had, with the numbers
   */
  public static HostStorage allocate(KvLayout layout, int numBlocks) {
    requireBlocks(numBlocks);
    long poolBytes = poolBytes(layout, numBlocks);
    HostMemory.requireAvailable(poolBytes, layout.blockBytes());
    // One arena for the life of the pool: closing a shared arena interrupts every thread of the
    // JVM.
    Arena arena = openArena();
    try {
      // Of whole huge pages if it fills one.
      long alignmentBytes =
          poolBytes < HugePages.PAGE_BYTES ? KvLayout.TILE_ALIGNMENT_BYTES : HugePages.PAGE_BYTES;
      MemorySegment segment = arena.allocate(poolBytes, alignmentBytes);
      HugePages.Outcome hugePages = HugePages.request(segment);
      return new HostStorage(layout, numBlocks, arena, segment, false, hugePages);
    } catch (OutOfMemoryError refused) {
      arena.close();
      throw HostMemory.refused(poolBytes, layout.blockBytes(), refused);
    }
  }

  /**
   * Allocates blocks in page-locked memory, which a device reads and writes where it lies.
   *
   * @param layout how a block is laid out
   * @param numBlocks capacity, at least 1
   * @param memory where page-locked memory comes from; its content is not changed
   * @return the storage, owned by the caller
   * @throws IllegalArgumentException if that much memory cannot be had, with the numbers
   */
  public static HostStorage pageLocked(KvLayout layout, int numBlocks, PoolMemory memory) {
    requireBlocks(numBlocks);
    long poolBytes = poolBytes(layout, numBlocks);
    HostMemory.requireAvailable(poolBytes, layout.blockBytes());
    Arena arena = openArena();
    try {
      return new HostStorage(layout, numBlocks, arena, memory.allocate(poolBytes, arena), true);
    } catch (Throwable refused) {
      arena.close();
      throw refused;
    }
  }

  /**
   * Uses memory of the caller's, for instance a mapped file. Its content stays as it is, and {@link
   * #close} leaves it alone.
   *
   * @param layout how a block is laid out
   * @param segment memory off the heap that starts on a {@value KvLayout#TILE_ALIGNMENT_BYTES}-byte
   *     line and holds at least one block; the capacity is {@code byteSize / blockBytes}, at most
   *     2^31 - 1
   * @return the storage
   * @throws IllegalArgumentException if the segment is too small, misaligned, read-only, closed or
   *     on the heap
   */
  public static HostStorage over(KvLayout layout, MemorySegment segment) {
    Objects.requireNonNull(segment, "segment");
    if (!segment.isNative() || segment.isReadOnly() || !segment.scope().isAlive()) {
      throw new IllegalArgumentException(
          "a pool needs writable memory off the heap: native="
              + segment.isNative()
              + ", readOnly="
              + segment.isReadOnly()
              + ", alive="
              + segment.scope().isAlive());
    }
    if (segment.address() % KvLayout.TILE_ALIGNMENT_BYTES != 0) {
      throw new IllegalArgumentException(
          "a pool starts on a line of "
              + KvLayout.TILE_ALIGNMENT_BYTES
              + " bytes: address="
              + segment.address());
    }
    long numBlocks = Math.min(Integer.MAX_VALUE, segment.byteSize() / layout.blockBytes());
    if (numBlocks == 0) {
      throw new IllegalArgumentException(
          "the memory holds no block: blockBytes="
              + layout.blockBytes()
              + ", byteSize="
              + segment.byteSize());
    }
    return new HostStorage(layout, (int) numBlocks, openArena(), segment, false);
  }

  private static long poolBytes(KvLayout layout, int numBlocks) {
    try {
      return layout.poolBytes(numBlocks);
    } catch (ArithmeticException overflow) {
      throw new IllegalArgumentException(
          "no memory is that large: blockBytes=" + layout.blockBytes() + ", numBlocks=" + numBlocks,
          overflow);
    }
  }

  private static void requireBlocks(int numBlocks) {
    if (numBlocks < 1) {
      throw new IllegalArgumentException("a pool needs a block: numBlocks=" + numBlocks);
    }
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
  public boolean hasMemory() {
    return segment.byteSize() > 0;
  }

  /**
   * The memory itself, for kernels. Offsets into it are {@link KvLayout}'s.
   *
   * @return all blocks
   * @throws IllegalStateException if blocks are only counted
   */
  public MemorySegment segment() {
    if (!hasMemory()) {
      throw new IllegalStateException("blocks are counted without memory: numBlocks=" + numBlocks);
    }
    return segment;
  }

  /**
   * Whether a device reads and writes this memory where it lies.
   *
   * @return true for what {@link #pageLocked(KvLayout, int, PoolMemory)} made
   */
  public boolean isPageLocked() {
    return pageLocked;
  }

  /**
   * Whether the memory lies on huge pages.
   *
   * @return what came of asking for them when it was allocated
   */
  public HugePages.Outcome hugePages() {
    return hugePages;
  }

  @Override
  public void copyBlocks(int[] sources, int[] targets, int count) {
    copyIn(this, sources, targets, count);
  }

  @Override
  public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
    target.copyIn(this, sources, targets, count);
  }

  @Override
  public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
    requireOpen();
    source.requireOpen();
    source.requireSameLayout(layout);
    if (source.hasMemory() != hasMemory()) {
      throw new IllegalArgumentException(
          "blocks with memory and blocks that are only counted do not mix: source="
              + source
              + ", target="
              + this);
    }
    for (int i = 0; i < count; i++) {
      source.requireBlock(sources[i]);
      requireBlock(targets[i]);
    }
    if (!hasMemory()) {
      return;
    }
    long blockBytes = layout.blockBytes();
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          source.segment,
          layout.blockOffset(sources[i]),
          segment,
          layout.blockOffset(targets[i]),
          blockBytes);
    }
  }

  @Override
  public void poison(int blockId) {
    requireOpen();
    requireBlock(blockId);
    if (!hasMemory()) {
      return;
    }
    segment.asSlice(layout.blockOffset(blockId), layout.blockBytes()).fill(POISON);
  }

  private void requireSameLayout(KvLayout other) {
    if (!layout.shape().equals(other.shape()) || layout.keyOrder() != other.keyOrder()) {
      throw new IllegalArgumentException(
          "blocks move between equal layouts only: source=" + layout + ", target=" + other);
    }
  }

  private void requireBlock(int blockId) {
    if (blockId < 0 || blockId >= numBlocks) {
      throw new IllegalArgumentException(
          "no such block: numBlocks=" + numBlocks + ", blockId=" + blockId);
    }
  }

  private void requireOpen() {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("the storage is closed: " + this);
    }
  }

  @Override
  public void close() {
    requireOpen();
    arena.close();
  }

  @Override
  public String toString() {
    return "HostStorage[numBlocks="
        + numBlocks
        + ", blockBytes="
        + layout.blockBytes()
        + ", hasMemory="
        + hasMemory()
        + "]";
  }
}
