package dev.pagoda.prefix;

import static dev.pagoda.prefix.ChatCache.tokens;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.story.Stories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Keys that collide, as those of SHA-256 never will: hits are right all the same. */
@Tag("any-backend")
class CollidingKeysTest {
  @Test
  void whateverTheKeysNoWrongBlockIsServed() {
    Stories.readBack(PrefixBugs.collisions(PrefixIndex::new));
  }

  @Test
  void collisionsAreCountedAndNotPublished() {
    try (ChatCache chats = ChatCache.withCollidingKeys(2_000)) {
      for (int i = 0; i < 200; i++) {
        try (TokenSequence chat = chats.chat(tokens(10 * i, 9))) {
          chats.requireContent(chat);
        }
      }
      assertThat(chats.prefixes.statistics().numCollisions()).isPositive();
      assertThat(chats.prefixes.statistics().numBlocks()).isLessThanOrEqualTo(64);
    }
  }
}
