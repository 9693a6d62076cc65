package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.pagoda.Backend;
import dev.pagoda.BlockEviction;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.prefix.Shelf.Shelving;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ShelfTest {
  private static final int NUM_BLOCKS = 4;
  private static final int BLOCK_SIZE = 4;
  private static final Namespace LORA = Namespace.of("a").withAdapter("lora");

  private final PagedKvCache cache =
      PagedKvCache.open(
          KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(BLOCK_SIZE),
          Backend.SCALAR,
          Capacity.counted(NUM_BLOCKS));
  private final AtomicLong clock = new AtomicLong();
  private final PrefixSettings settings = PrefixSettings.of("model");
  private final PrefixCache.Parts parts = PrefixCache.Parts.of(cache, settings, clock::get);
  private final PrefixCounters counters = new PrefixCounters();
  private final List<Integer> givenUp = new ArrayList<>(); // and not told to the shelf yet
  private final List<CachedEntry> outdated = new ArrayList<>();
  private final Shelf shelf =
      new Shelf(
          cache,
          parts,
          (storage, blockIds) -> {
            for (int blockId : blockIds) {
              givenUp.add(blockId);
            }
            return BlockEviction.Return.NONE;
          },
          counters,
          new EventQueue());

  @AfterEach
  void itsBooksAreInOrder() {
    if (!shelf.isClosed()) {
      shelf.check();
    }
    cache.close();
  }

  private static CachedEntry root(Namespace namespace, int quotaBlocks) {
    Tenant tenant = new Tenant(namespace.name(), quotaBlocks);
    return CachedEntry.root(key(namespace.toString()), namespace, tenant);
  }

  private static BlockKey key(String name) {
    return PrefixBlocks.block(name.hashCode(), 0, 1).key();
  }

  private final CachedEntry common = root(Namespace.COMMON, NUM_BLOCKS);

  /** A block of content behind a parent; its key follows from both. */
  private static PrefixBlock block(int content, CachedEntry parent) {
    return new PrefixBlock(
        key(content + " behind " + parent.key()),
        parent.key(),
        parent.block.namespace(),
        parent.block.blockIndex() + 1,
        new int[] {content, 0, 0, content});
  }

  private long take() {
    return shelf.blocks().take(1)[0];
  }

  private void release(long... handles) {
    shelf.blocks().release(handles, 0, handles.length);
  }

  private Shelving put(PrefixBlock block, long handle, CachedEntry parent) {
    return shelf.put(block, handle, parent, Retention.DEFAULT, shelf.epoch(), outdated);
  }

  private CachedEntry shelved(int content, long handle, CachedEntry parent) {
    Shelving shelving = put(block(content, parent), handle, parent);
    assertThat(shelving.isNew()).isTrue();
    return shelving.entry().orElseThrow();
  }

  @Test
  void aContentIsHereOnceWhateverBlocksHaveIt() {
    long one = take();
    long other = take();
    CachedEntry entry = shelved(1, one, common);

    Shelving again = put(block(1, common), one, common);
    assertThat(again.isNew()).isFalse();
    assertThat(again.entry()).containsSame(entry);
    assertThat(counters.numDuplicates.sum()).isZero();

    assertThat(put(block(1, common), other, common).entry()).containsSame(entry);
    assertThat(counters.numDuplicates.sum()).isEqualTo(1);
    assertThat(shelf.blocks().isCached(other)).isFalse();
    release(one, other);
  }

  @Test
  void anEqualKeyIsNotEnough() {
    CachedEntry others = root(Namespace.of("others"), NUM_BLOCKS);
    long one = take();
    long other = take();
    CachedEntry entry = shelved(1, one, common);
    PrefixBlock impostor = PrefixBlocks.impostor(entry.block);

    assertThat(put(impostor, other, common)).isEqualTo(Shelving.REFUSED);
    assertThat(put(entry.block, other, others)).as("other prefix").isEqualTo(Shelving.REFUSED);
    assertThat(counters.numCollisions.sum()).isEqualTo(2);
    assertThat(shelf.blocks().isCached(other)).isFalse();
    release(one, other);
  }

  @Test
  void aBlockStaysInTheNamespaceThatHadItFirst() {
    CachedEntry others = root(Namespace.of("others"), NUM_BLOCKS);
    long handle = take();
    CachedEntry entry = shelved(1, handle, common);

    assertThat(put(block(1, others), handle, others)).isEqualTo(Shelving.REFUSED);
    assertThat(entry.isLive()).isTrue();
    assertThat(shelf.order().numCached(others.tenant)).as("counts for a quota").isZero();
    release(handle);
  }

  @Test
  void whatBeganBeforeAClearIsNotPutAfterIt() {
    long before = shelf.epoch();
    long handle = take();
    assertThat(shelf.clear()).isZero();
    Shelving late =
        shelf.put(block(1, common), handle, common, Retention.DEFAULT, before, outdated);
    assertThat(late).isEqualTo(Shelving.REFUSED);
    CachedEntry entry = shelved(1, handle, common);
    assertThat(shelf.clear()).isEqualTo(1);
    assertThat(entry.isLive()).isFalse();
    assertThat(shelf.blocks().isCached(handle)).isFalse();
    assertThat(shelf.order().numCached(common.tenant)).isZero();
    release(handle);
  }

  @Test
  void closingLetsNothingInAndTheNextOneOpen() {
    long handle = take();
    shelved(1, handle, common);
    release(handle);
    shelf.close();
    shelf.close();
    assertThat(cache.statistics().blocks().numFree()).isEqualTo(NUM_BLOCKS);
    long later = take();
    assertThat(put(block(2, common), later, common)).isEqualTo(Shelving.REFUSED);
    release(later);
    assertThatCode(() ->
            new Shelf(
                    cache,
                    PrefixCache.Parts.of(cache, settings, clock::get),
                    (storage, blockIds) -> BlockEviction.Return.NONE,
                    counters,
                    new EventQueue())
                .close())
        .doesNotThrowAnyException();
  }

  /** Between the moment a block is given up and the moment its new owner comes to tell. */
  @Test
  void aContentWhoseBlockWasGivenUpUnheardOfIsPutAgain() {
    long old = take();
    CachedEntry dead = shelved(1, old, common);
    release(old);
    long[] all = shelf.blocks().take(NUM_BLOCKS);
    assertThat(givenUp).containsExactly(BlockHandle.blockId(old));
    assertThat(dead.isLive()).as("nobody has told").isTrue();

    CachedEntry next = shelved(1, all[0], common);
    assertThat(dead.isLive()).isFalse();
    assertThat(counters.snapshot(0).removals())
        .containsEntry(RemovalReason.POOL_NEEDED_A_BLOCK, 1L);

    GivenUp told = shelf.evicted(new int[] {givenUp.getFirst()});
    assertThat(told.entries()).as("for a tier").containsExactly(dead);
    shelf.putBack(all[0], told); // it was not to be found any more
    assertThat(next.isLive()).isTrue();
    assertThat(shelf.index().find(next.key())).containsSame(next);
    assertThat(shelf.order().numCached(common.tenant)).isEqualTo(1);
    release(all);
  }

  @Test
  void whatWasGivenUpForNothingIsPutBackUnlessItIsHereOrWasCleared() {
    long old = take();
    CachedEntry entry = shelved(1, old, common);
    release(old);
    long[] all = shelf.blocks().take(NUM_BLOCKS);
    GivenUp givenUpForNothing = shelf.evicted(new int[] {givenUp.getFirst()});
    long reused = all[NUM_BLOCKS - 1];
    assertThat(BlockHandle.blockId(reused)).isEqualTo(BlockHandle.blockId(old));

    shelf.putBack(all[0], givenUpForNothing);
    assertThat(shelf.index().find(entry.key())).as("another block held it").isEmpty();
    shelf.putBack(reused, givenUpForNothing);
    CachedEntry back = shelf.index().find(entry.key()).orElseThrow();
    assertThat(back.handle).isEqualTo(reused);
    assertThat(counters.snapshot(0).removals())
        .containsEntry(RemovalReason.POOL_NEEDED_A_BLOCK, 0L);
    shelf.putBack(reused, givenUpForNothing);
    assertThat(shelf.order().numCached(common.tenant)).as("once").isEqualTo(1);

    assertThat(shelf.clear()).isEqualTo(1);
    shelf.putBack(reused, givenUpForNothing);
    assertThat(shelf.index().find(entry.key())).as("it was cleared since").isEmpty();
    release(all);
  }

  @Test
  void whatIsRemovedIsCountedOnceAndItsBlockIsItsOwnersAgain() {
    long[] handles = shelf.blocks().take(2);
    CachedEntry first = shelved(1, handles[0], common);
    CachedEntry second = shelved(2, handles[1], first);
    release(handles[1]);

    assertThat(shelf.remove(List.of(first, second))).isEqualTo(2);
    assertThat(shelf.remove(List.of(first, second))).isZero();
    assertThat(cache.statistics().blocks().numFree()).as("the idle one").isEqualTo(3);
    assertThat(shelf.evictedKeys().contains(first.key())).isTrue();
    CachedEntry again = shelved(1, handles[0], common);
    assertThat(shelf.evictedKeys().contains(again.key())).isFalse();
    release(handles[0]);
  }

  @Test
  void aTenantIsClearedWithItsAdaptersAndAnAdapterAlone() {
    CachedEntry tenant = root(Namespace.of("a"), NUM_BLOCKS);
    CachedEntry adapter = root(LORA, NUM_BLOCKS);
    CachedEntry other = root(Namespace.of("b").withAdapter("lora"), NUM_BLOCKS);
    long[] handles = shelf.blocks().take(3);
    shelved(1, handles[0], tenant);
    shelved(1, handles[1], adapter);
    CachedEntry stays = shelved(1, handles[2], other);

    assertThat(shelf.clear(LORA)).isEqualTo(1);
    shelved(1, handles[1], adapter);
    assertThat(shelf.clear(Namespace.of("a"))).isEqualTo(2);
    assertThat(stays.isLive()).isTrue();
    release(handles);
  }

  @Test
  void aFullQuotaCostsTheTenantsOwnIdleBlockOrTheNewOne() {
    CachedEntry small = root(Namespace.of("small"), 1);
    long[] handles = shelf.blocks().take(3);
    shelved(7, handles[2], common);
    CachedEntry first = shelved(1, handles[0], small);
    assertThat(put(block(2, small), handles[1], small)).as("none idle").isEqualTo(Shelving.REFUSED);
    assertThat(counters.numQuotaRefusals.sum()).isEqualTo(1);
    assertThat(outdated).isEmpty();

    release(handles[0], handles[2]);
    shelved(2, handles[1], small);
    assertThat(outdated).containsExactly(first);
    assertThat(shelf.explain(BlockHandle.blockId(first.handle)).removal())
        .isEqualTo(RemovalReason.QUOTA);
    assertThat(cache.statistics().blocks().numUsed()).as("the first one's too").isEqualTo(2);
    release(first.handle, handles[1]);
  }

  @Test
  void everyFateOfABlockIsExplained() {
    long handle = take();
    int blockId = BlockHandle.blockId(handle);
    assertThat(shelf.explain(blockId).fate()).isEqualTo(BlockExplanation.Fate.NEVER_SHAREABLE);

    Retention pinned = new Retention(6, Duration.ofNanos(100));
    CachedEntry entry =
        shelf
            .put(block(1, common), handle, common, pinned, shelf.epoch(), outdated)
            .entry()
            .orElseThrow();
    assertThat(shelf.explain(blockId).fate()).isEqualTo(BlockExplanation.Fate.IN_USE);
    release(handle);
    clock.addAndGet(40);
    BlockExplanation held = shelf.explain(blockId);
    assertThat(held.fate()).isEqualTo(BlockExplanation.Fate.PINNED);
    assertThat(held.pin()).isEqualTo(Duration.ofNanos(60));
    assertThat(held.idle()).isEqualTo(Duration.ofNanos(40));
    assertThat(held.priority()).isEqualTo(6);
    clock.addAndGet(60);
    assertThat(shelf.explain(blockId).fate()).isEqualTo(BlockExplanation.Fate.IDLE);

    long[] all = shelf.blocks().take(NUM_BLOCKS);
    assertThat(givenUp).containsExactly(blockId);
    assertThat(shelf.evicted(new int[] {blockId}).entries()).containsExactly(entry);
    assertThat(shelf.evicted(new int[] {blockId}).entries()).as("once").isEmpty();
    BlockExplanation gone = shelf.explain(blockId);
    assertThat(gone.fate()).isEqualTo(BlockExplanation.Fate.REMOVED);
    assertThat(gone.removal()).isEqualTo(RemovalReason.POOL_NEEDED_A_BLOCK);
    assertThat(gone.block()).isEqualTo(entry.block);
    release(all);
  }
}
