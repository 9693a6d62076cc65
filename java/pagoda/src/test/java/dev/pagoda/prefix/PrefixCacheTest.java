package dev.pagoda.prefix;

import static dev.pagoda.prefix.ChatCache.ANNA;
import static dev.pagoda.prefix.ChatCache.BERT;
import static dev.pagoda.prefix.ChatCache.concat;
import static dev.pagoda.prefix.ChatCache.tokens;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.OutOfBlocksException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("any-backend")
class PrefixCacheTest {
  private static final PrefixSettings WHOLE_BLOCKS = PrefixSettings.of("model").withoutHeadHits();

  // What is found.

  @ParameterizedTest(name = "prompt of {0} tokens: {1} whole blocks, {2} with a head")
  @CsvSource({
    "1, 0, 0",
    "2, 0, 1",
    "3, 0, 2",
    "4, 0, 3",
    "5, 4, 4",
    "7, 4, 6",
    "8, 4, 7",
    "9, 8, 8",
    "11, 8, 10",
    "12, 8, 11",
    "13, 12, 12",
    "16, 12, 12"
  })
  void aRepeatedPromptIsCachedUpToOneToken(int length, int wholeBlocks, int withHead) {
    int[] published = tokens(1, 12);
    int[] prompt = concat(tokens(1, Math.min(length, 12)), tokens(50, Math.max(0, length - 12)));
    try (ChatCache whole = new ChatCache(16, WHOLE_BLOCKS);
        ChatCache heads = new ChatCache(16)) {
      whole.visit(published);
      heads.visit(published);

      assertThat(whole.cached(prompt)).isEqualTo(wholeBlocks);
      try (TokenSequence chat = heads.open(prompt)) {
        assertThat(chat.length()).isEqualTo(withHead).isLessThan(length);
        heads.compute(chat);
        heads.requireContent(chat);
      }
      try (TokenSequence again = heads.open(published)) {
        heads.compute(again);
        heads.requireContent(again); // the head was copied, not overwritten
      }
    }
  }

  @Test
  void promptsThatDifferLaterShareTheirBeginning() {
    try (ChatCache chats = new ChatCache(32)) {
      int[] system = tokens(1, 10);
      chats.visit(concat(system, tokens(100, 9)));
      try (TokenSequence other = chats.open(concat(system, tokens(200, 9)))) {
        assertThat(other.length()).isEqualTo(10);
        assertThat(other.use().headTokens()).isEqualTo(2);
        chats.compute(other);
        chats.requireContent(other);
      }
    }
  }

  @Test
  void theReplyIsCachedAsThePromptIs() {
    try (ChatCache chats = new ChatCache(32)) {
      try (TokenSequence turn = chats.chat(tokens(1, 6))) {
        chats.reply(turn, tokens(70, 7));
        assertThat(turn.use().publishedTokens()).isEqualTo(12);
        assertThat(turn.use().computedTokens()).isEqualTo(13);
      }
      int[] next = concat(tokens(1, 6), tokens(70, 7), tokens(300, 5));
      assertThat(chats.cached(next)).isEqualTo(12);
    }
  }

  @Test
  void theLongestOfSeveralHeadsIsFound() {
    try (ChatCache chats = new ChatCache(32)) {
      int[] system = tokens(1, 4);
      chats.visit(concat(system, new int[] {10, 20, 30, 40}));
      chats.visit(concat(system, new int[] {10, 21, 30, 40}));
      chats.visit(concat(system, new int[] {10, 20, 31, 40}));

      assertThat(chats.cached(concat(system, new int[] {10, 20, 31, 41, 0}))).isEqualTo(7);
      assertThat(chats.cached(concat(system, new int[] {10, 21, 39, 41, 0}))).isEqualTo(6);
      assertThat(chats.cached(concat(system, new int[] {10, 9, 31, 41, 0}))).isEqualTo(5);
      assertThat(chats.cached(concat(system, new int[] {9, 9, 31, 41, 0}))).isEqualTo(4);
    }
  }

  @Test
  void anEmptyPromptOpensAnEmptySequence() {
    try (ChatCache chats = new ChatCache(4);
        TokenSequence nothing = chats.open()) {
      assertThat(nothing.length()).isZero();
      chats.reply(nothing, tokens(1, 5));
      assertThat(nothing.use().publishedTokens()).isEqualTo(4);
    }
  }

  // What is visible, and to whom.

  @Test
  void aBlockIsFoundWhenItsStepIsCommittedAndNotBefore() {
    try (ChatCache chats = new ChatCache(16)) {
      int[] prompt = tokens(1, 9);
      try (TokenSequence chat = chats.open(prompt);
          Step step = chats.cache.newStep()) {
        step.append(chat.sequence(), 9).begin();
        chats.memory.write(step, prompt);
        assertThat(chats.cached(prompt)).as("uncommitted").isZero();
        step.rollback();
        assertThat(chats.cached(prompt)).as("rolled back").isZero();

        chats.compute(chat);
        assertThat(chats.cached(prompt)).as("committed").isEqualTo(8);
      }
    }
  }

  @Test
  void draftsAreNeverFound() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 5))) {
      chats.memory.append(chat.sequence(), 90, 91, 92, 93); // ids not given: not accepted
      assertThat(chats.cached(1, 2, 3, 4, 5, 90, 91, 92, 93)).isEqualTo(4);

      chat.truncate(6); // the first one was accepted
      chat.append(90);
      chats.reply(chat, 61, 62);
      assertThat(chats.cached(1, 2, 3, 4, 5, 90, 61, 62, 0)).isEqualTo(8);
      assertThat(chats.cached(1, 2, 3, 4, 5, 90, 91, 92, 0)).isEqualTo(6);
      chats.requireContent(chat);
    }
  }

  @Test
  void truncatingTheSequenceItselfForgetsTheIdsBehind() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 7))) {
      chat.sequence().truncate(5);
      chats.memory.append(chat.sequence(), 50, 51, 52); // ids unknown
      assertThat(chats.cached(tokens(1, 9))).isEqualTo(4);
      assertThat(chat.tokenIds()).containsExactly(1, 2, 3, 4, 5);

      chat.append(50, 51, 52);
      assertThat(chat.publish()).isEqualTo(4);
      assertThat(chats.cached(1, 2, 3, 4, 5, 50, 51, 52, 0)).isEqualTo(8);
    }
  }

  @Test
  void namespacesAndAdaptersShareNothing() {
    int[] prompt = tokens(1, 9);
    try (ChatCache chats = new ChatCache(32)) {
      chats.visit(prompt);

      assertThat(chats.cached(ANNA, prompt)).isEqualTo(8);
      assertThat(chats.cached(BERT, prompt)).isZero();
      assertThat(chats.cached(ANNA.withAdapter("lora"), prompt)).isZero();
      assertThat(chats.cached(Namespace.of("").withAdapter("anna"), prompt)).isZero();
      chats.chat(BERT, OpenOptions.DEFAULT, prompt).close();
      assertThat(chats.cached(BERT, prompt)).isEqualTo(8);
      assertThat(chats.prefixes.statistics().numBlocks()).isEqualTo(4);
    }
  }

  @Test
  void aBlockOfOneNamespaceIsNotPublishedInAnother() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 5))) {
      assertThat(chats.prefixes.publish(chat.sequence(), chat.tokenIds(), BERT)).isZero();
      assertThat(chats.cached(BERT, tokens(1, 5))).isZero();
    }
  }

  @Test
  void requestsMayBeOpenedNotToReadOrNotToWrite() {
    int[] prompt = tokens(1, 9);
    try (ChatCache chats = new ChatCache(32)) {
      TokenSequence silent = chats.chat(ANNA, OpenOptions.DEFAULT.withoutWrite(), prompt);
      assertThat(chats.cached(prompt)).isZero();
      assertThat(silent.publish()).as("by hand").isEqualTo(8);
      silent.close();

      TokenSequence blind = chats.chat(ANNA, OpenOptions.DEFAULT.withoutRead(), prompt);
      assertThat(blind.use().cachedTokens()).isZero();
      assertThat(blind.use().missReason()).isEqualTo(MissReason.NOT_READ);
      chats.requireContent(blind);
      blind.close();
      assertThat(chats.prefixes.statistics().numDuplicates()).isEqualTo(2);
    }
  }

  @Test
  void twoThatComputeTheSameAtOnceAreBothRight() {
    int[] prompt = tokens(1, 10);
    try (ChatCache chats = new ChatCache(32);
        TokenSequence one = chats.open(prompt);
        TokenSequence two = chats.open(prompt)) {
      chats.compute(one);
      chats.compute(two);
      chats.reply(one, tokens(20, 6));
      chats.reply(two, tokens(30, 6));

      chats.requireContent(one);
      chats.requireContent(two);
      assertThat(chats.cached(concat(prompt, tokens(20, 7)))).isEqualTo(16);
      assertThat(chats.cached(concat(prompt, tokens(30, 7)))).isEqualTo(16);
      assertThat(chats.prefixes.statistics().numDuplicates()).isEqualTo(2);
    }
  }

  @Test
  void forksBeamsAndSamplesArePublishedByHand() {
    try (ChatCache chats = new ChatCache(32);
        TokenSequence chat = chats.chat(tokens(1, 6));
        KvSequence beam = chat.sequence().fork();
        TokenSequence known = chat.fork()) {
      chats.memory.append(beam, 80, 81, 82);
      chats.reply(known, 90, 91);

      int[] told = concat(tokens(1, 6), tokens(80, 3));
      assertThat(chats.prefixes.publish(beam, told, ANNA)).isEqualTo(4);
      assertThat(chats.cached(concat(told, told))).isEqualTo(8);
      assertThat(chats.cached(concat(tokens(1, 6), tokens(90, 3)))).isEqualTo(8);
    }
  }

  // Writing beside what is shared.

  @Test
  void aSoleOwnerNeverWritesIntoASharedBlock() {
    try (ChatCache chats = new ChatCache(16)) {
      try (TokenSequence chat = chats.chat(tokens(1, 8))) {
        chat.truncate(6);
        chats.reply(chat, 40, 41, 42);
        chats.requireContent(chat);
        assertThat(chat.sequence().numBlockCopies()).isEqualTo(1);
      }
      try (TokenSequence again = chats.chat(tokens(1, 9))) {
        chats.requireContent(again);
        assertThat(again.use().cachedTokens()).isEqualTo(8);
      }
    }
  }

  // Eviction.

  @Test
  void idleBlocksAreGivenUpBeforeThePoolIsOutOfBlocks() {
    try (ChatCache chats = new ChatCache(6)) {
      chats.visit(tokens(1, 16));
      assertThat(chats.numFree()).isEqualTo(2);
      assertThat(chats.numIdle()).isEqualTo(4);

      try (TokenSequence other = chats.chat(tokens(100, 24))) {
        chats.requireContent(other);
        assertThat(chats.cached(tokens(1, 17))).isZero();
        assertThat(chats.prefixes.statistics().removals())
            .containsEntry(RemovalReason.POOL_NEEDED_A_BLOCK, 4L);
      }
    }
  }

  @Test
  void theEndOfTheChainThatIsIdleLongestGoesFirst() {
    try (ChatCache chats = new ChatCache(9)) {
      int[] old = tokens(1, 17);
      int[] young = tokens(101, 17);
      chats.visit(old);
      chats.visit(young);
      List<Integer> left = new ArrayList<>();
      for (int i = 1; i <= 8; i++) {
        chats.needVictims(1).close(); // what it took is free now: the next one needs one more
        left.add(chats.cached(old) * 100 + chats.cached(young));
      }
      assertThat(left).containsExactly(1216, 816, 416, 16, 12, 8, 4, 0);
    }
  }

  @Test
  void usingABeginningKeepsItLongerThanTheRest() {
    try (ChatCache chats = new ChatCache(8)) {
      chats.visit(tokens(1, 16));
      chats.visit(tokens(101, 12));
      chats.visit(concat(tokens(1, 8), tokens(500, 1))); // uses the first half
      // Idle, oldest first: second half of the first chain, the other chain, the first half.
      try (KvSequence greedy = chats.needVictims(2)) {
        assertThat(greedy.length()).isPositive();
        assertThat(chats.cached(tokens(1, 17))).isEqualTo(8);
        assertThat(chats.cached(tokens(101, 13))).isEqualTo(12);
      }
      try (KvSequence greedy = chats.needVictims(3)) {
        assertThat(greedy.length()).isPositive();
        assertThat(chats.cached(tokens(101, 13))).isZero();
        assertThat(chats.cached(tokens(1, 17))).isEqualTo(8);
      }
    }
  }

  @Test
  void theHitsOfARequestAreNotItsOwnVictims() {
    try (ChatCache chats = new ChatCache(4)) {
      chats.visit(tokens(1, 12));
      try (TokenSequence chat = chats.open(tokens(1, 16))) {
        assertThat(chat.length()).isEqualTo(12);
        chats.compute(chat);
        chats.requireContent(chat);
      }
    }
  }

  @Test
  void aRequestThatDoesNotFitLeavesNoTrace() {
    try (ChatCache chats = new ChatCache(4)) {
      chats.visit(tokens(1, 8));
      chats.visit(tokens(101, 4));
      PrefixStatistics before = chats.prefixes.statistics();
      BlockStatistics pool = chats.cache.statistics().blocks();

      assertThatExceptionOfType(OutOfBlocksException.class)
          .isThrownBy(() -> chats.open(concat(tokens(1, 8), tokens(60, 9))))
          .satisfies(refused -> {
            assertThat(refused.needed()).isEqualTo(3);
            assertThat(refused.free()).isEqualTo(1);
            assertThat(refused.reclaimable()).isEqualTo(1);
          });

      assertThat(chats.prefixes.statistics()).isEqualTo(before);
      assertThat(chats.cache.statistics().blocks())
          .usingRecursiveComparison()
          .ignoringFields("numRefusals")
          .isEqualTo(pool);
      // Nor is the first chain younger for having been looked at.
      try (KvSequence greedy = chats.needVictims(1)) {
        assertThat(greedy.length()).isPositive();
        assertThat(chats.cached(tokens(1, 9))).isEqualTo(4);
        assertThat(chats.cached(tokens(101, 5))).isEqualTo(4);
      }
    }
  }

  @Test
  void aProbeChangesNothing() {
    try (ChatCache chats = new ChatCache(4)) {
      chats.visit(tokens(1, 8));
      chats.visit(tokens(101, 4));
      PrefixStatistics before = chats.prefixes.statistics();
      for (int i = 0; i < 100; i++) {
        assertThat(chats.cached(tokens(1, 9))).isEqualTo(8);
      }
      assertThat(chats.prefixes.statistics()).isEqualTo(before);
      try (KvSequence greedy = chats.needVictims(1)) {
        assertThat(greedy.length()).isPositive();
        assertThat(chats.cached(tokens(1, 9))).isEqualTo(4);
      }
    }
  }

  // Retention.

  @Test
  void lowerPriorityIsGivenUpFirstWhateverItsAge() {
    try (ChatCache chats = new ChatCache(4)) {
      Retention high = Retention.DEFAULT.withPriority(8);
      chats.chat(ANNA, OpenOptions.DEFAULT.withRetention(high), tokens(1, 8)).close();
      chats.visit(tokens(101, 8));
      try (KvSequence greedy = chats.needVictims(2)) {
        assertThat(greedy.length()).isPositive();
        assertThat(chats.cached(tokens(1, 9))).isEqualTo(8);
        assertThat(chats.cached(tokens(101, 9))).isZero();
      }
    }
  }

  @Test
  void aPinnedPrefixIsKeptUntilItsDeadline() {
    try (ChatCache chats = new ChatCache(4)) {
      chats.visit(tokens(1, 8));
      chats.visit(tokens(101, 8));
      assertThat(chats.prefixes.pin(tokens(1, 8), ANNA, Duration.ofSeconds(10))).isEqualTo(8);
      assertThat(chats.cache.statistics().blocks().numReclaimable()).isEqualTo(2);

      chats.needAllBlocks();
      assertThat(chats.cached(tokens(1, 9))).isEqualTo(8);
      assertThatExceptionOfType(OutOfBlocksException.class)
          .isThrownBy(() -> chats.open(tokens(200, 12)))
          .satisfies(refused -> assertThat(refused.reclaimable()).isZero());
      int pinned = firstBlock(chats, tokens(1, 5));
      assertThat(chats.prefixes.explain(pinned).fate()).isEqualTo(BlockExplanation.Fate.PINNED);

      chats.nanos.addAndGet(Duration.ofSeconds(10).toNanos());
      assertThat(chats.cache.statistics().blocks().numReclaimable()).isEqualTo(2);
      chats.chat(tokens(200, 12)).close();
      assertThat(chats.cached(tokens(1, 9))).isEqualTo(4);
    }
  }

  @Test
  void aPinCanBeTakenBack() {
    try (ChatCache chats = new ChatCache(4)) {
      chats.visit(tokens(1, 8));
      assertThat(chats.prefixes.pin(tokens(1, 8), ANNA, Duration.ofDays(1_000_000))).isEqualTo(8);
      assertThat(chats.prefixes.unpin(tokens(1, 8), ANNA)).isEqualTo(8);
      chats.needAllBlocks();
      assertThat(chats.cached(tokens(1, 9))).isZero();
    }
  }

  private static int firstBlock(ChatCache chats, int... prompt) {
    try (TokenSequence chat =
        chats.prefixes.open(prompt, ANNA, OpenOptions.DEFAULT.withoutRoom())) {
      return chat.sequence().blockIds()[0];
    }
  }

  @Test
  void aTenantWithAQuotaGivesUpItsOwnOldestBlocks() {
    PrefixSettings settings = PrefixSettings.of("model").withQuotas(Map.of("anna", 3));
    try (ChatCache chats = new ChatCache(32, settings)) {
      chats.chat(BERT, OpenOptions.DEFAULT, tokens(1, 16)).close();
      chats.visit(tokens(1, 8));
      chats.visit(tokens(101, 8));

      assertThat(chats.prefixes.numBlocksOf("anna")).isEqualTo(3);
      assertThat(chats.cached(tokens(1, 9))).isEqualTo(4);
      assertThat(chats.cached(tokens(101, 9))).isEqualTo(8);
      assertThat(chats.cached(BERT, tokens(1, 17))).isEqualTo(16);
      assertThat(chats.prefixes.statistics().removals()).containsEntry(RemovalReason.QUOTA, 1L);

      chats.visit(tokens(201, 20));
      assertThat(chats.prefixes.numBlocksOf("anna")).isEqualTo(3);
      assertThat(chats.cached(tokens(201, 20))).as("what fits").isEqualTo(12);
      assertThat(chats.prefixes.statistics().numQuotaRefusals()).isPositive();
    }
  }

  @Test
  void explainSaysWhyABlockIsKeptOrIsNoMore() {
    try (ChatCache chats = new ChatCache(2)) {
      assertThat(chats.prefixes.explain(0).fate()).isEqualTo(BlockExplanation.Fate.NEVER_SHAREABLE);
      TokenSequence chat = chats.chat(tokens(1, 5));
      int blockId = chat.sequence().blockIds()[0];
      assertThat(chats.prefixes.explain(blockId).fate()).isEqualTo(BlockExplanation.Fate.IN_USE);
      chat.close();
      chats.nanos.addAndGet(5_000);
      BlockExplanation idle = chats.prefixes.explain(blockId);
      assertThat(idle.fate()).isEqualTo(BlockExplanation.Fate.IDLE);
      assertThat(idle.idle()).isEqualTo(Duration.ofNanos(5_000));
      assertThat(idle.block().tokenIds()).containsExactly(1, 2, 3, 4);
      assertThat(idle.toString()).contains("is idle").contains("priority=4");

      chats.needAllBlocks();
      BlockExplanation gone = chats.prefixes.explain(blockId);
      assertThat(gone.fate()).isEqualTo(BlockExplanation.Fate.REMOVED);
      assertThat(gone.removal()).isEqualTo(RemovalReason.POOL_NEEDED_A_BLOCK);
      assertThat(gone.toString()).contains("reason=POOL_NEEDED_A_BLOCK");
    }
  }

  // Counters.

  @Test
  void missesAreToldApart() {
    try (ChatCache chats = new ChatCache(8, WHOLE_BLOCKS)) {
      chats.chat(BERT, OpenOptions.DEFAULT, tokens(301, 4)).close();
      chats.visit(tokens(1, 8));
      assertThat(reason(chats, 99, 98, 97, 96, 95)).isEqualTo(MissReason.NO_SHARED_PREFIX);
      assertThat(reason(chats, 1, 2, 97, 96, 95)).isEqualTo(MissReason.SHORTER_THAN_BLOCK);
      assertThat(reason(chats, 1, 2, 3)).isEqualTo(MissReason.SHORTER_THAN_BLOCK);
      assertThat(reason(chats, 1, 2, 3, 4, 5, 90)).isEqualTo(MissReason.SHORTER_THAN_BLOCK);
      assertThat(reason(chats, 1, 2, 3, 4, 90)).isEqualTo(MissReason.NONE);
      assertThat(reason(chats, tokens(1, 9))).isEqualTo(MissReason.NONE);
      assertThat(reason(chats, tokens(301, 5))).isEqualTo(MissReason.OTHER_NAMESPACE);
      chats.needAllBlocks();
      assertThat(reason(chats, tokens(1, 9))).isEqualTo(MissReason.EVICTED);
      assertThat(chats.prefixes.statistics().misses())
          .containsEntry(MissReason.EVICTED, 0L)
          .containsEntry(MissReason.NO_SHARED_PREFIX, 2L);
    }
  }

  private static MissReason reason(ChatCache chats, int... prompt) {
    return chats.prefixes.probe(prompt, ANNA).missReason();
  }

  @Test
  void whatReturnsAfterPreemptionIsCountedApart() {
    try (ChatCache chats = new ChatCache(16)) {
      chats.visit(tokens(1, 9));
      chats.chat(ANNA, OpenOptions.DEFAULT.returning(), tokens(1, 9)).close();
      chats.visit(tokens(1, 9));

      PrefixStatistics statistics = chats.prefixes.statistics();
      assertThat(statistics.cachedTokens()).isEqualTo(8);
      assertThat(statistics.returnedTokens()).isEqualTo(8);
      assertThat(statistics.computedTokens()).isEqualTo(11);
      assertThat(statistics.promptTokens()).isEqualTo(27);
    }
  }

  @Test
  void aDroppedSequenceResumesFromWhatIsStillCached() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 10))) {
      var parked = chats.cache.park(List.of(chat.sequence()), (storage, ids) -> {});
      chats.cache.unparkEmpty(parked);
      assertThat(chat.length()).isZero();
      assertThat(chat.publish()).as("of content that is not there").isZero();

      assertThat(chat.resume()).isEqualTo(8);
      assertThat(chat.numMissing()).isEqualTo(2);
      chats.compute(chat);
      chats.requireContent(chat);
      assertThat(chats.prefixes.statistics().returnedTokens()).isEqualTo(8);
    }
  }

  // Events, removal, end.

  private static final class PlantedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PlantedException() {
      super("planted", null, false, false);
    }
  }

  @Test
  void listenersHearOfEveryChangeInOrderWithParents() {
    try (ChatCache chats = new ChatCache(2)) {
      List<String> heard = new ArrayList<>();
      List<PrefixBlock> blocks = new ArrayList<>();
      PrefixListener broken =
          new PrefixListener() {
            @Override
            public void stored(long sequenceNumber, PrefixBlock block) {
              throw new PlantedException();
            }
          };
      PrefixListener listener =
          new PrefixListener() {
            @Override
            public void stored(long sequenceNumber, PrefixBlock block) {
              heard.add(sequenceNumber + " stored " + block.blockIndex());
              blocks.add(block);
            }

            @Override
            public void removed(long sequenceNumber, PrefixBlock block, RemovalReason reason) {
              heard.add(sequenceNumber + " removed " + block.blockIndex() + " " + reason);
            }

            @Override
            public void cleared(long sequenceNumber) {
              heard.add(sequenceNumber + " cleared");
            }
          };
      chats.prefixes.addListener(broken);
      chats.prefixes.addListener(listener);
      chats.visit(tokens(1, 8));
      chats.needVictims(1).close();
      chats.prefixes.clear();
      chats.prefixes.removeListener(listener);
      chats.visit(tokens(1, 8));

      assertThat(heard)
          .containsExactly(
              "1 stored 0", "2 stored 1", "3 removed 1 POOL_NEEDED_A_BLOCK", "4 cleared");
      assertThat(blocks.get(1).parentKey()).isEqualTo(blocks.get(0).key());
      assertThat(blocks.get(0).parentKey()).isNotEqualTo(blocks.get(0).key());
    }
  }

  @Test
  void removingAPrefixFreesItsIdleBlocks() {
    try (ChatCache chats = new ChatCache(16)) {
      chats.visit(tokens(1, 12));
      assertThat(chats.prefixes.remove(tokens(1, 8), ANNA)).isEqualTo(2);
      assertThat(chats.cached(tokens(1, 12))).isZero();
      chats.visit(tokens(1, 8));
      assertThat(chats.cached(tokens(1, 13))).as("the rest is found again").isEqualTo(12);
    }
  }

  @Test
  void clearingANamespaceLeavesTheOthers() {
    try (ChatCache chats = new ChatCache(16)) {
      chats.visit(tokens(1, 8));
      chats.chat(ANNA.withAdapter("a"), OpenOptions.DEFAULT, tokens(1, 8)).close();
      chats.chat(BERT, OpenOptions.DEFAULT, tokens(1, 8)).close();
      assertThat(chats.prefixes.clear(ANNA)).isEqualTo(4);
      assertThat(chats.cached(BERT, tokens(1, 9))).isEqualTo(8);
      assertThat(chats.numIdle()).isEqualTo(2);
    }
  }

  @Test
  void whatWasComputedBeforeAClearIsNotPublishedAfterIt() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 6))) {
      assertThat(chats.prefixes.clear()).isEqualTo(1);
      chats.reply(chat, 7, 8, 9);
      assertThat(chats.cached(tokens(1, 9))).isZero();
      chats.requireContent(chat);
      chats.visit(tokens(1, 9));
      assertThat(chats.cached(tokens(1, 9))).isEqualTo(8);
    }
  }

  @Test
  void closingGivesIdleBlocksBackAndLeavesSequencesOpen() {
    try (ChatCache chats = new ChatCache(16);
        TokenSequence chat = chats.chat(tokens(1, 6))) {
      chats.visit(tokens(101, 8));
      chats.prefixes.close();
      chats.prefixes.close();
      assertThat(chats.numIdle()).isZero();
      chats.reply(chat, 7, 8, 9);
      chats.requireContent(chat);
      assertThatIllegalStateException()
          .isThrownBy(() -> chats.open(1))
          .withMessageContaining("closed");
      PrefixCache.open(chats.cache, PrefixSettings.of("other weights")).close();
    }
  }

  @Test
  void aCacheHasOnePrefixCacheAtATime() {
    try (ChatCache chats = new ChatCache(4)) {
      assertThatIllegalStateException()
          .isThrownBy(() -> PrefixCache.open(chats.cache, PrefixSettings.of("model")));
    }
  }

  @Test
  void theCacheMayBeClosedFirst() {
    ChatCache chats = new ChatCache(4);
    chats.visit(tokens(1, 8));
    chats.memory.close();
    chats.prefixes.close();
  }

  @Test
  void nonsenseIsRefusedWithItsValue() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Retention.DEFAULT.withPriority(10))
        .withMessageEndingWith("priority=10");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Retention.DEFAULT.withPin(Duration.ofSeconds(-1)))
        .withMessageEndingWith("pin=PT-1S");
    assertThatIllegalArgumentException().isThrownBy(() -> PrefixSettings.of(""));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PrefixSettings.of("m").withQuotas(Map.of("a", -1)))
        .withMessageEndingWith("name=a, quotaBlocks=-1");
    assertThatIllegalArgumentException().isThrownBy(() -> BlockKey.parse("ab"));
  }
}
