package dev.pagoda.prefix;

import static dev.pagoda.prefix.ChatCache.tokens;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.decoding.ReadableCache;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A step that fails after idle blocks were given up for it puts them back where they were. */
class FailedStepTest {
  private static final int[] PROMPT = tokens(1, 13); // three full blocks and a token
  private static final int[] OTHER = tokens(100, 5);

  private final ChatCache chats = ChatCache.confined(8);

  /** A step of a copy, which fails on another thread, and of growth that takes what is idle. */
  private static void requireFails(Step step) {
    assertThatExceptionOfType(WrongThreadException.class)
        .isThrownBy(() -> ReadableCache.onAnotherThread(step::begin));
    step.close();
  }

  @Test
  void whatWasGivenUpIsFoundAgainAndGoesInTheSameOrder() {
    List<String> told = new ArrayList<>();
    try (chats) {
      chats.visit(PROMPT);
      chats.visit(OTHER);
      chats.prefixes.addListener(
          new PrefixListener() {
            @Override
            public void stored(long number, PrefixBlock block) {
              told.add("stored " + block.tokenIds()[0]);
            }

            @Override
            public void removed(long number, PrefixBlock block, RemovalReason reason) {
              told.add("removed " + block.tokenIds()[0]);
            }
          });
      try (KvSequence one = chats.memory.sequence(1, 2);
          KvSequence two = one.fork();
          KvSequence greedy = chats.cache.newSequence();
          Step step = chats.cache.newStep()) {
        PrefixStatistics before = chats.prefixes.statistics();
        int numFree = chats.numFree();
        assertThat(numFree).isEqualTo(3);
        requireFails(step.append(one, 1).append(greedy, 6 * ChatCache.BLOCK_SIZE));
        assertThat(told)
            .containsExactly(
                "removed 9",
                "removed 5",
                "removed 1",
                "removed 100",
                "stored 100",
                "stored 1",
                "stored 5",
                "stored 9");
        assertThat(chats.prefixes.statistics()).isEqualTo(before);
        assertThat(chats.numFree()).isEqualTo(numFree);
        assertThat(chats.numIdle()).isEqualTo(4);
        assertThat(chats.cached(PROMPT)).isEqualTo(12);
        assertThat(chats.cached(OTHER)).isEqualTo(4);
        assertThat(two.length()).isEqualTo(2);
        chats.prefixes.checkConservation();

        chats.needVictims(1).close();
        assertThat(chats.cached(PROMPT)).as("the end of the oldest chain goes first").isEqualTo(8);
        assertThat(chats.cached(OTHER)).isEqualTo(4);
      }
      try (TokenSequence chat = chats.open(PROMPT)) {
        assertThat(chat.length()).isEqualTo(8);
        chats.requireContent(chat);
      }
    }
  }

  @Test
  void onlyWhatACopyMayHaveOverwrittenIsLost() {
    try (chats) {
      chats.visit(PROMPT);
      chats.visit(OTHER);
      try (KvSequence one = chats.memory.sequence(1, 2);
          KvSequence _ = one.fork();
          KvSequence greedy = chats.memory.counting(2 * ChatCache.BLOCK_SIZE);
          Step step = chats.cache.newStep()) {
        assertThat(chats.numFree()).isEqualTo(1);
        requireFails(step.append(greedy, 3 * ChatCache.BLOCK_SIZE).append(one, 1));
        assertThat(chats.cached(PROMPT)).as("the copy went to a block that was free").isEqualTo(12);
        assertThat(chats.numIdle()).isEqualTo(4);

        try (KvSequence _ = chats.memory.sequence(3)) {
          assertThat(chats.numFree()).isZero();
          requireFails(step.append(greedy, 3 * ChatCache.BLOCK_SIZE).append(one, 1));
          assertThat(chats.cached(PROMPT))
              .as("the copy's target was the first victim")
              .isEqualTo(8);
          assertThat(chats.cached(OTHER)).isEqualTo(4);
          assertThat(chats.numIdle()).isEqualTo(3);
          assertThat(chats.numFree()).isEqualTo(1);
        }
      }
      chats.prefixes.checkConservation();
    }
  }

  @Test
  void promisedBlocksArePromisedAgainBesides() {
    try (chats) {
      chats.visit(PROMPT);
      chats.visit(OTHER);
      try (KvSequence one = chats.memory.sequence(1, 2);
          KvSequence _ = one.fork();
          KvSequence greedy = chats.cache.newSequence();
          BlockReservation promise = chats.cache.reserve(2);
          Step step = chats.cache.newStep()) {
        greedy.drawFrom(promise);
        requireFails(step.append(one, 1).append(greedy, 6 * ChatCache.BLOCK_SIZE));
        assertThat(promise.numLeft()).isEqualTo(2);
        assertThat(chats.cache.statistics().blocks().numReserved()).isEqualTo(2);
        assertThat(chats.cached(PROMPT)).isEqualTo(12);
        assertThat(chats.cached(OTHER)).isEqualTo(4);
        assertThat(chats.numFree()).isEqualTo(3);
      }
      chats.cache.checkConservation();
    }
  }
}
