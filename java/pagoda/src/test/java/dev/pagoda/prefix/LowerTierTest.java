package dev.pagoda.prefix;

import static dev.pagoda.prefix.ChatCache.tokens;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a tier below is offered, and what comes back from it. */
@Tag("any-backend")
class LowerTierTest {
  @Test
  void whatIsGivenUpIsOfferedBeforeItIsOverwrittenAndComesBack() {
    try (ChatCache chats = ChatCache.overHeapTier(5)) {
      chats.visit(tokens(1, 12));
      chats.visit(tokens(101, 20)); // needs every block
      assertThat(chats.tier().size()).isEqualTo(3);

      try (TokenSequence back = chats.open(tokens(1, 14))) {
        assertThat(back.use().loadedTokens()).isEqualTo(12);
        assertThat(back.length()).isEqualTo(12);
        chats.compute(back);
        chats.requireContent(back);
      }
      assertThat(chats.cached(tokens(1, 14))).isEqualTo(12);
      assertThat(chats.prefixes.statistics().loadedTokens()).isEqualTo(12);
    }
  }

  @Test
  void hitsBehindAGapAreNotGivenUpForTheGap() {
    try (ChatCache chats = ChatCache.overHeapTier(4)) {
      chats.visit(tokens(1, 16));
      int[] whole = tokens(1, 17);
      // The first block goes down alone, by a removal that the tier has seen before.
      chats.needAllBlocks();
      chats.visit(tokens(1, 16)); // loaded again
      chats.prefixes.remove(tokens(1, 4), ChatCache.ANNA);
      try (TokenSequence back =
          chats.prefixes.open(whole, ChatCache.ANNA, OpenOptions.DEFAULT.withoutRoom())) {
        assertThat(back.length()).isEqualTo(16);
        assertThat(back.use().loadedTokens()).isEqualTo(4);
        chats.requireContent(back);
      }
    }
  }

  @Test
  void aTierThatCannotDeliverIsAMissAndLeaksNothing() {
    try (ChatCache chats = ChatCache.overHeapTier(6)) {
      chats.tier().forgetful = true;
      try (TokenSequence chat = chats.open(tokens(1, 9))) {
        assertThat(chat.length()).isZero();
        assertThat(chat.use().missReason()).isEqualTo(MissReason.EVICTED);
        chats.compute(chat);
        chats.requireContent(chat);
      }
      assertThat(chats.numFree()).isEqualTo(4);
    }
  }

  @Test
  void aTierThatThrowsFailsNoRequest() {
    try (ChatCache chats = ChatCache.overHeapTier(3)) {
      chats.visit(tokens(1, 9));
      chats.tier().broken = true;
      try (TokenSequence other = chats.chat(tokens(101, 12))) {
        chats.requireContent(other);
      }
      try (TokenSequence again = chats.chat(tokens(1, 9))) {
        chats.requireContent(again);
      }
    }
  }

  @Test
  void aTierMayWriteEarly() {
    List<Integer> stored = new java.util.ArrayList<>();
    LowerTier early =
        new LowerTier() {
          @Override
          public boolean contains(PrefixBlock block) {
            return false;
          }

          @Override
          public int load(
              List<PrefixBlock> blocks, dev.pagoda.memory.KvStorage storage, int[] blockIds) {
            return 0;
          }

          @Override
          public void evicted(
              List<PrefixBlock> blocks, dev.pagoda.memory.KvStorage storage, int[] blockIds) {}

          @Override
          public void stored(
              List<PrefixBlock> blocks, dev.pagoda.memory.KvStorage storage, int[] blockIds) {
            blocks.forEach(block -> stored.add(block.blockIndex()));
          }
        };
    try (ChatCache chats = new ChatCache(8, PrefixSettings.of("model").withTier(early))) {
      chats.visit(tokens(1, 9));
      chats.visit(tokens(1, 13));
      assertThat(stored).containsExactly(0, 1, 2);
    }
  }
}
