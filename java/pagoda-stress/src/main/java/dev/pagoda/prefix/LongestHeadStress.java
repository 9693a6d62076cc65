package dev.pagoda.prefix;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Two maps and one reader: an entry that is found by its tokens is whole, and has these tokens. */
@JCStressTest
@Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "nothing found")
@Outcome(id = "2, 7", expect = ACCEPTABLE, desc = "the entry with two tokens in common")
@Outcome(id = "1, 6", expect = ACCEPTABLE, desc = "the one with one, before or after the other")
@State
public class LongestHeadStress {
  private final PrefixIndex index = new PrefixIndex();
  private final CachedEntry two = entry(7, 1, 2, 3);
  private final CachedEntry one = entry(6, 1, 5, 5);

  private static CachedEntry entry(int number, int... tokenIds) {
    byte[] bytes = new byte[BlockKey.BYTES];
    bytes[0] = (byte) number;
    BlockKey root = CachedEntry.NONE.key();
    PrefixBlock block = new PrefixBlock(BlockKey.of(bytes, 0), root, Namespace.COMMON, 0, tokenIds);
    return new CachedEntry(block, number, CachedEntry.NONE);
  }

  /** Adds both. */
  @Actor
  public void writer() {
    index.add(two);
    index.add(one);
    index.remove(two);
  }

  /** Looks for a prefix that both begin like. */
  @Actor
  public void reader(II_Result result) {
    PrefixIndex.Head head = index.longestHead(CachedEntry.NONE, new int[] {1, 2, 4});
    result.r1 = head.numTokens();
    result.r2 = head.numTokens() == 0 ? 0 : (int) head.entry().handle;
  }
}
