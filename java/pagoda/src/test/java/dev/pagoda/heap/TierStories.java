package dev.pagoda.heap;

import static dev.pagoda.decoding.ReadableCache.ascending;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.HostTier;
import dev.pagoda.tier.file.DiskTier;
import dev.pagoda.tier.file.DiskTierSettings;
import dev.pagoda.tier.file.ModelFingerprint;
import dev.pagoda.tier.file.TierDoor;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;

/** What a prefix cache does with the tiers below it. */
final class TierStories {
  private static final int TRIES = 6;
  private static final Namespace ANNA = Namespace.of("anna");
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");

  private TierStories() {}

  /** A tier that is offered blocks and asked for them, without a prefix cache above. */
  private record Offers(HeapTrial t, LowerTier tier, BlockPatterns memory) {
    static Offers to(HeapTrial t, LowerTier tier) {
      BlockPatterns memory = new BlockPatterns(16);
      t.atEnd(memory::close);
      return new Offers(t, tier, memory);
    }

    private static List<PrefixBlock> blocks(int... numbers) {
      return Arrays.stream(numbers).mapToObj(BlockPatterns::block).toList();
    }

    void give(int... numbers) {
      List<PrefixBlock> blocks = blocks(numbers);
      int[] ids = IntStream.range(0, numbers.length).toArray();
      for (int id : ids) {
        memory.fill(id, numbers[id]);
      }
      t.attempt(() -> tier.evicted(blocks, memory.storage(), ids));
    }

    /** How many of the first ones are there, each with its content. */
    int load(int... numbers) {
      List<PrefixBlock> blocks = blocks(numbers);
      int[] ids = IntStream.range(8, 8 + numbers.length).toArray();
      int loaded = t.obtain(() -> tier.load(blocks, memory.storage(), ids));
      for (int i = 0; i < loaded; i++) {
        assertThat(memory.holds(ids[i], numbers[i])).as("content of %s", numbers[i]).isTrue();
      }
      return loaded;
    }

    boolean has(int number) {
      PrefixBlock block = BlockPatterns.block(number);
      return t.obtain(() -> tier.contains(block));
    }
  }

  static void host(HeapTrial t) {
    HostTier below = HostTier.over(HostStorage.allocate(BlockPatterns.LAYOUT, 12), LowerTier.NONE);
    HostTier tier =
        t.obtain(() -> HostTier.over(HostStorage.allocate(BlockPatterns.LAYOUT, 3), below));
    t.audit(tier::checkConservation);
    t.audit(below::checkConservation);
    Offers offers = Offers.to(t, tier);
    offers.give(1, 2, 3);
    assertThat(offers.load(1, 2, 3)).isEqualTo(3);
    offers.give(4, 5);
    offers.give(1, 6, 7, 8);
    assertThat(offers.load(1, 2, 3, 4, 5, 6, 7, 8)).as("nothing is lost").isEqualTo(8);
    assertThat(offers.has(1)).isTrue();
    assertThat(offers.load(9)).isZero();
    t.attempt(tier::spill);
    t.attempt(tier::statistics);
    t.attempt(tier::clear);
    assertThat(offers.load(1, 2, 3, 4, 5, 6, 7, 8)).as("what was spilled").isEqualTo(8);
    offers.give(9);
    assertThat(offers.load(9)).isEqualTo(1);
    t.attempt(tier::close);
    t.attempt(below::close);
  }

  static void prefixes(HeapTrial t) {
    HeapFolder folder = HeapFolder.create(t);
    DiskTierSettings room = DiskTierSettings.ofBytes(1 << 16);
    DiskTier disk = t.obtain(() -> DiskTier.open(folder.path(), t.cache, MODEL, room));
    HostTier host = t.obtain(() -> HostTier.open(t.cache, Capacity.blocks(3), disk));
    t.audit(host::checkConservation);
    t.atEnd(disk::close);
    t.atEnd(host::close);
    Chats chats = Chats.open(t, PrefixSettings.of("model").withTier(host));
    int[] prompt = ascending(25);
    chats.visit(ANNA, prompt);
    chats.needAllBlocks();
    chats.visit(ANNA, prompt);
    t.attempt(host::spill);
    t.attempt(host::clear);
    chats.needAllBlocks();
    chats.visit(ANNA, prompt);
    t.attempt(() -> chats.prefixes().probe(prompt, ANNA));
    t.attempt(disk::statistics);
    t.attempt(disk::clear);
    chats.visit(ANNA, prompt);
    t.attempt(() -> chats.prefixes().clear());
  }

  static void disk(HeapTrial t) {
    disk(t, DiskTierSettings.ofBytes(3 * TierDoor.fileBytes()), new Inbox());
  }

  /** Blocks are written by another thread, which goes on whatever fails. */
  static void diskInBackground(HeapTrial t) {
    Inbox inbox = new Inbox();
    DiskTierSettings settings =
        DiskTierSettings.ofBytes(3 * TierDoor.fileBytes()).writtenBy(inbox.tasks::add);
    disk(t, settings, inbox);
  }

  /** Tasks for another thread. */
  private static final class Inbox {
    final Deque<Runnable> tasks = new ArrayDeque<>();

    void work(HeapTrial t) {
      while (!tasks.isEmpty()) {
        t.elsewhere(tasks.remove());
      }
    }
  }

  private static void disk(HeapTrial t, DiskTierSettings settings, Inbox inbox) {
    HeapFolder folder = HeapFolder.create(t);
    DiskTier first = t.obtain(() -> TierDoor.open(folder.path(), settings));
    Offers offers = Offers.to(t, first);
    keep(t, offers, inbox, 1, 2, 3);
    assertThat(offers.load(1, 2, 3)).isEqualTo(3);
    keep(t, offers, inbox, 4);
    assertThat(offers.has(1)).isFalse();
    assertThat(offers.load(4)).isEqualTo(1);
    assertThat(offers.load(1)).isZero();
    t.attempt(first::statistics);
    folder.damage(BlockPatterns.block(2).key() + ".kv");
    assertThat(offers.load(2)).isZero();
    keep(t, offers, inbox, 2);
    assertThat(offers.load(2, 3, 4)).isEqualTo(3);
    t.attempt(first::clear);
    assertThat(offers.load(2)).isZero();
    keep(t, offers, inbox, 5, 6);
    t.attempt(first::close);
    folder.requireFiles(2, ".kv");
    DiskTier second = t.obtain(() -> TierDoor.open(folder.path(), settings));
    Offers again = Offers.to(t, second);
    assertThat(again.load(5, 6)).as("a restart finds what was there").isEqualTo(2);
    keep(t, again, inbox, 7, 8);
    // What is offered and never written: the tier waits for it, or knows that it will not come.
    again.give(9);
    inbox.work(t);
    t.attempt(second::close);
    folder.requireFiles(3, ".kv");
  }

  private static void keep(HeapTrial t, Offers offers, Inbox inbox, int... numbers) {
    for (int number : numbers) {
      for (int i = 0; i < TRIES && !offers.tier.contains(BlockPatterns.block(number)); i++) {
        offers.give(number);
        inbox.work(t);
      }
      assertThat(offers.tier.contains(BlockPatterns.block(number))).as("kept %s", number).isTrue();
    }
  }
}
