package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SwappedGroupsTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 20261123);

  /** A group of so many sequences that hold nothing, and with as many slots. */
  private static SwappedGroup group(ReadableCache memory, SwapSpace space, int numSequences) {
    List<KvSequence> sequences = new ArrayList<>();
    for (int i = 0; i < numSequences; i++) {
      sequences.add(memory.cache().newSequence());
    }
    return new SwappedGroup(
        space, memory.cache().park(sequences, (storage, ids) -> {}), new long[numSequences]);
  }

  @Test
  void whateverOrderGroupsLeaveInThoseThatStayAreCounted() {
    try (ReadableCache memory = ReadableCache.open(4, 4);
        SwapSpace space = SwapSpace.open(memory.cache(), Capacity.blocks(1))) {
      List<SwappedGroup> outside = new ArrayList<>();
      for (int i = 1; i <= 5; i++) {
        outside.add(group(memory, space, i));
      }
      outside.getFirst().sequences().getFirst().close();
      List<SwappedGroup> inside = new ArrayList<>();
      SwappedGroups groups = new SwappedGroups();
      Random random = new Random(SEED);
      for (int i = 0; i < 2000; i++) {
        boolean adds = inside.isEmpty() || (!outside.isEmpty() && random.nextBoolean());
        List<SwappedGroup> from = adds ? outside : inside;
        SwappedGroup moved = from.remove(random.nextInt(from.size()));
        if (adds) {
          groups.add(moved);
          inside.add(moved);
        } else {
          groups.remove(moved);
          outside.add(moved);
        }
        long numSequences = inside.stream().mapToLong(group -> group.sequences().size()).sum();
        assertThat(groups.size()).as("seed=%d, i=%d", SEED, i).isEqualTo(inside.size());
        assertThat(groups.numSequences()).isEqualTo(numSequences);
        assertThat(groups.numSlots()).isEqualTo(numSequences);
        assertThat(groups.numClosed())
            .isEqualTo(inside.stream().mapToLong(SwappedGroup::numClosed).sum());
      }
      inside.forEach(group -> group.sequences().forEach(KvSequence::close));
      outside.forEach(group -> group.sequences().forEach(KvSequence::close));
    }
  }
}
