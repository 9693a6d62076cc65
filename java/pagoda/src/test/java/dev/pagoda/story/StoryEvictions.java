package dev.pagoda.story;

import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.PrefixStories;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;

/**
 * Which blocks a prefix cache should remember to have given up. It has a place for each, and may
 * have to forget one for another there; those that go together go in any order, so a place has one
 * of several.
 */
final class StoryEvictions {
  private static final long NOTHING = 0;

  private final ToIntFunction<BlockKey> places;
  private final StoryTiers tiers;
  private final Map<Integer, Set<Long>> remembered = new HashMap<>(); // by place: one of these

  StoryEvictions(int numBlocks, StoryTiers tiers) {
    places = PrefixStories.placesOfEvictedKeys(numBlocks);
    this.tiers = tiers;
  }

  private int place(long history) {
    return places.applyAsInt(tiers.keyOf(history).orElseThrow());
  }

  void add(List<Shelf> together) {
    Map<Integer, Set<Long>> added = new HashMap<>();
    for (Shelf shelf : together) {
      added.computeIfAbsent(place(shelf.history()), _ -> new HashSet<>()).add(shelf.history());
    }
    remembered.putAll(added);
  }

  /** It is shareable again. */
  void remove(Shelf shelf) {
    Set<Long> there = remembered.getOrDefault(place(shelf.history()), Set.of());
    if (there.contains(shelf.history())) {
      there.remove(shelf.history());
      there.add(NOTHING);
    }
  }

  /** Why a full block was not found, by the history of its last token. */
  Set<MissReason> reasons(long history, MissReason otherwise) {
    Set<Long> there =
        tiers.keyOf(history).isPresent()
            ? remembered.getOrDefault(place(history), Set.of())
            : Set.of();
    if (!there.contains(history)) {
      return EnumSet.of(otherwise);
    }
    return there.size() == 1
        ? EnumSet.of(MissReason.EVICTED)
        : EnumSet.of(MissReason.EVICTED, otherwise);
  }
}
