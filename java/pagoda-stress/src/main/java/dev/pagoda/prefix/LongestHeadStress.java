package dev.pagoda.prefix;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.pagoda.PlantedBug;
import java.util.Optional;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * Two maps and one reader: an entry that is found by its tokens has these tokens, also when the
 * block behind its key is replaced between the two looks by one of the same key and other tokens.
 * Planted: who has found the entry does not compare it with what it was found by.
 */
@JCStressTest
@Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "nothing found")
@Outcome(id = "2, 7", expect = ACCEPTABLE, desc = "the entry with two tokens in common")
@Outcome(id = "1, 6", expect = ACCEPTABLE, desc = "the one with one, which replaced it")
@Outcome(id = "2, 6", expect = FORBIDDEN, desc = "the other's tokens for this one's")
@State
public class LongestHeadStress {
  private final PrefixIndex index =
      new PrefixIndex() {
        @Override
        Optional<CachedEntry> find(BlockKey key) {
          PlantedBug.widenTheGap();
          return super.find(key);
        }

        @Override
        boolean isOf(CachedEntry entry, PrefixBlock block) {
          return PlantedBug.IS_IN || super.isOf(entry, block);
        }
      };
  private final CachedEntry two = entry(7, 1, 2, 3);
  private final CachedEntry one = entry(6, 1, 5, 5);

  /** An entry is there before both begin. */
  public LongestHeadStress() {
    index.add(two);
  }

  /** All have one key. */
  private static CachedEntry entry(int number, int... tokenIds) {
    byte[] bytes = new byte[BlockKey.BYTES];
    bytes[0] = 1;
    BlockKey root = CachedEntry.NONE.key();
    PrefixBlock block = new PrefixBlock(BlockKey.of(bytes, 0), root, Namespace.COMMON, 0, tokenIds);
    return new CachedEntry(block, number, CachedEntry.NONE);
  }

  /** Replaces one by the other. */
  @Actor
  public void writer() {
    index.remove(two);
    index.add(one);
  }

  /** Looks for a prefix that both begin like. */
  @Actor
  public void reader(II_Result result) {
    PrefixIndex.Head head = index.longestHead(CachedEntry.NONE, new int[] {1, 2, 4});
    result.r1 = head.numTokens();
    result.r2 = head.numTokens() == 0 ? 0 : (int) head.entry().handle;
  }
}
