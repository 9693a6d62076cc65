package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.tier.RecomputePlan.Feed;
import dev.pagoda.tier.RecomputePlan.Share;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("any-backend")
class DroppedGroupTest {
  private static final int BLOCK_SIZE = 4;
  private static final int NUM_BLOCKS = 32;

  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, NUM_BLOCKS);
  private final Map<KvSequence, int[]> kept = new HashMap<>();
  private int numFed;

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.close();
  }

  private DroppedGroup drop(List<KvSequence> group) {
    group.forEach(sequence -> kept.put(sequence, memory.tokensOf(sequence)));
    return DroppedGroup.drop(memory.cache(), group);
  }

  private void feed(KvSequence sequence, int from, int to) {
    assertThat(sequence.length()).isEqualTo(from);
    for (int at = from; at < to; at += 3) { // in chunks, as engines do
      memory.append(sequence, Arrays.copyOfRange(kept.get(sequence), at, Math.min(to, at + 3)));
    }
    numFed += to - from;
  }

  private void requireRestored(List<KvSequence> group) {
    memory.cache().checkConservation();
    for (KvSequence sequence : group) {
      assertThat(memory.tokensOf(sequence)).containsExactly(kept.get(sequence));
    }
  }

  private static int[] range(int from, int to) {
    return IntStream.range(from, to).toArray();
  }

  @Test
  void aSharedPromptIsFedOnceByTheLongest() {
    KvSequence prompt = memory.counting(10);
    KvSequence shorter = prompt.fork();
    memory.append(shorter, 100);
    KvSequence longer = prompt.fork();
    memory.append(longer, 200, 201, 202);
    List<KvSequence> group = List.of(prompt, shorter, longer);
    int usedBefore = memory.numUsed();

    DroppedGroup dropped = drop(group);

    // Two full blocks are common to all; the third is everyone's own, copied when written.
    assertThat(dropped.plan().entries())
        .containsExactly(
            new Feed(longer, 0, 13),
            new Share(shorter, longer, 8),
            new Feed(shorter, 8, 11),
            new Share(prompt, longer, 8),
            new Feed(prompt, 8, 10));
    assertThat(dropped.plan().numTokens()).isEqualTo(13 + 3 + 2);
    assertThat(dropped.plan().numTokensUnshared()).isEqualTo(13 + 11 + 10);
    assertThat(dropped.plan().numFeeds()).isEqualTo(3);
    assertThat(dropped.plan().numBlocks()).isEqualTo(usedBefore);
    assertThat(memory.numUsed()).isZero();
    dropped.restore(this::feed);
    requireRestored(group);
    assertThat(numFed).isEqualTo(18);
    assertThat(memory.numUsed()).isEqualTo(usedBefore);
  }

  @Test
  void aSharedPartlyFilledBlockIsSharedAgain() {
    KvSequence prompt = memory.counting(10);
    KvSequence fork = prompt.fork();
    KvSequence head = prompt.fork(9);
    long referencesBefore = memory.cache().statistics().blocks().numReferences();

    DroppedGroup dropped = drop(List.of(head, prompt, fork));

    assertThat(dropped.plan().entries())
        .containsExactly(
            new Feed(prompt, 0, 10), new Share(fork, prompt, 10), new Share(head, prompt, 9));
    dropped.restore(this::feed);
    requireRestored(List.of(head, prompt, fork));
    assertThat(memory.numUsed()).isEqualTo(3);
    assertThat(memory.cache().statistics().blocks().numReferences()).isEqualTo(referencesBefore);
    memory.append(head, 300);
    assertThat(memory.tokensOf(prompt)).containsExactly(range(1, 11));
  }

  @Test
  void aForkThatOutgrewItsShortenedParentIsFedFirst() {
    KvSequence parent = memory.counting(16);
    KvSequence child = parent.fork();
    memory.append(child, 100, 101, 102);
    parent.truncate(6);

    DroppedGroup dropped = drop(List.of(parent, child));

    assertThat(dropped.plan().entries())
        .containsExactly(new Feed(child, 0, 19), new Share(parent, child, 6));
    assertThat(dropped.plan().numBlocks()).isEqualTo(5);
    dropped.restore(this::feed);
    requireRestored(List.of(parent, child));
    assertThat(memory.numUsed()).isEqualTo(5);
  }

  @Test
  void equalTokensThatWereNeverSharedAreFedTwice() {
    List<KvSequence> group = List.of(memory.counting(8), memory.counting(8));

    DroppedGroup dropped = drop(group);

    assertThat(dropped.plan().numTokens()).isEqualTo(16);
    dropped.restore(this::feed);
    assertThat(memory.numUsed()).isEqualTo(4);
  }

  /** Two sequences that computed the same, and a third one with the beginning of one of them. */
  @ParameterizedTest
  @CsvSource({"0, 2", "1, 4"})
  void aBlockThatIsSharedBehindOthersComesBack(int firstBlockIndex, int numBlocks) {
    int[] prompt = range(0, 2 * BLOCK_SIZE + 1);
    Namespace tenant = Namespace.of("tenant");
    try (PrefixCache prefixes = PrefixCache.open(memory.cache(), PrefixSettings.of("model"));
        KvSequence first = memory.counting(BLOCK_SIZE);
        KvSequence second = memory.counting(2 * BLOCK_SIZE)) {
      int[] ids = memory.tokensOf(second);
      int published = prefixes.publish(first, memory.tokensOf(first), tenant);
      published += prefixes.publish(second, ids, tenant);
      assertThat(published).isEqualTo(2 * BLOCK_SIZE);
      int[] longer = Arrays.copyOf(ids, prompt.length);
      try (TokenSequence found = prefixes.open(longer, tenant)) {
        List<KvSequence> group = List.of(second, found.sequence());
        assertThat(found.sequence().blockIds()[0]).isEqualTo(first.blockIds()[0]);
        assertThat(found.sequence().blockIds()[1]).isEqualTo(second.blockIds()[1]);
        group.forEach(sequence -> kept.put(sequence, memory.tokensOf(sequence)));

        DroppedGroup dropped = DroppedGroup.dropTail(memory.cache(), group, firstBlockIndex);
        dropped.restore(this::feed);

        requireRestored(group);
        assertThat(group.stream().flatMapToInt(s -> IntStream.of(s.blockIds())).distinct())
            .hasSize(numBlocks);
      }
    }
  }

  @Test
  void untilTheyAreBackTheSequencesKeepTheirLengthAndRefuseEverythingElse() {
    KvSequence sequence = memory.counting(10);
    DroppedGroup dropped = drop(List.of(sequence));

    assertThat(sequence.length()).isEqualTo(10);
    assertThat(dropped.sequences()).containsExactly(sequence);
    assertThatIllegalStateException().isThrownBy(sequence::fork);
    assertThatIllegalStateException().isThrownBy(() -> memory.append(sequence, 1));
    assertThatIllegalStateException()
        .isThrownBy(() -> DroppedGroup.drop(memory.cache(), List.of(sequence)));
    memory.cache().checkConservation();
    dropped.restore(this::feed);
    assertThatIllegalStateException().isThrownBy(() -> dropped.restore(this::feed));
    assertThatIllegalStateException().isThrownBy(dropped::reopen);
  }

  @Test
  void anEngineCanCarryThePlanOutByItself() {
    KvSequence prompt = memory.counting(10);
    KvSequence fork = prompt.fork();
    memory.append(fork, 100);
    DroppedGroup dropped = drop(List.of(prompt, fork));

    dropped.reopen();

    assertThat(memory.numUsed()).isZero();
    assertThat(List.of(prompt, fork)).allMatch(sequence -> sequence.length() == 0);
    for (RecomputePlan.Entry entry : dropped.plan().entries()) {
      switch (entry) {
        case Feed feed -> feed(feed.sequence(), feed.fromPosition(), feed.toPosition());
        case Share share -> share.sequence().shareFrom(share.source(), share.length());
      }
    }
    requireRestored(List.of(prompt, fork));
    assertThat(memory.numUsed()).isEqualTo(4);
  }

  @Test
  void aFeederThatFailsLeavesTheGroupDroppedToTryAgain() {
    KvSequence prompt = memory.counting(10);
    KvSequence fork = prompt.fork();
    memory.append(fork, 100);
    List<KvSequence> group = List.of(prompt, fork);
    DroppedGroup dropped = drop(group);
    for (int failing = 1; failing <= 2; failing++) {
      int[] calls = {0, failing};

      assertThatThrownBy(() ->
              dropped.restore((sequence, from, to) -> {
                calls[0]++;
                memory.append(sequence, kept.get(sequence)[from]);
                if (calls[0] == calls[1]) {
                  throw new UncheckedFailure();
                }
                feed(sequence, from + 1, to);
              }))
          .isInstanceOf(UncheckedFailure.class);

      assertThat(memory.numUsed()).isZero();
      assertThatIllegalStateException().isThrownBy(prompt::fork);
      memory.cache().checkConservation();
    }
    dropped.restore(this::feed);
    requireRestored(group);
    assertThat(memory.numUsed()).isEqualTo(4);
  }

  @Test
  void aFeederThatAppendsOtherTokensIsNamed() {
    DroppedGroup dropped = drop(List.of(memory.counting(10)));

    assertThatIllegalStateException()
        .isThrownBy(() -> dropped.restore((sequence, from, to) -> feed(sequence, from, to - 1)))
        .withMessageContaining("fromPosition=0, toPosition=10, length=9");

    assertThat(memory.numUsed()).isZero();
    dropped.restore(this::feed);
  }

  @Test
  void aFeederThatLeavesItsStepOpenLeavesTheGroupAsItStands() {
    KvSequence sequence = memory.counting(10);
    DroppedGroup dropped = drop(List.of(sequence));
    try (Step open = memory.cache().newStep()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> dropped.restore((s, from, to) -> open.append(s, to - from).begin()))
          .satisfies(refused -> assertThat(refused.getSuppressed()).hasSize(1));
    }
    memory.cache().checkConservation();
    assertThat(sequence.length()).isZero();
    feed(sequence, 0, 10);
    requireRestored(List.of(sequence));
  }

  @Test
  void tooFewFreeBlocksAreReportedBeforeAnythingIsComputed() {
    DroppedGroup dropped = drop(List.of(memory.counting(10)));
    KvSequence hog = memory.counting((NUM_BLOCKS - 2) * BLOCK_SIZE);

    assertThatThrownBy(() -> dropped.restore(this::feed))
        .isInstanceOf(OutOfBlocksException.class)
        .hasMessageContaining("needed=3, free=2");

    assertThat(numFed).isZero();
    hog.close();
    dropped.restore(this::feed);
    assertThat(numFed).isEqualTo(10);
  }

  @Test
  void whatCannotBeDroppedIsRefusedAndChangesNothing() {
    KvSequence sequence = memory.counting(10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DroppedGroup.drop(memory.cache(), List.of()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DroppedGroup.drop(memory.cache(), List.of(sequence, sequence)));
    KvSequence closed = memory.counting(1);
    closed.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> DroppedGroup.drop(memory.cache(), List.of(sequence, closed)));
    memory.cache().checkConservation();
    assertThat(memory.tokensOf(sequence)).hasSize(10);
  }

  @Test
  void aGroupOfWhichASequenceWasClosedCannotComeBack() {
    KvSequence sequence = memory.counting(10);
    KvSequence fork = sequence.fork();
    DroppedGroup dropped = drop(List.of(sequence, fork));
    fork.close();

    assertThatIllegalStateException().isThrownBy(() -> dropped.restore(this::feed));

    memory.cache().checkConservation();
    assertThat(numFed).isZero();
  }

  @Test
  void aPlanForAGroupThatIsStillHereIsTheSame() {
    KvSequence prompt = memory.counting(10);
    KvSequence fork = prompt.fork();
    memory.append(fork, 100);
    List<KvSequence> group = List.of(prompt, fork);

    RecomputePlan plan = RecomputePlan.of(memory.cache(), group);

    assertThat(plan).isEqualTo(drop(group).plan());
    assertThat(plan.numTokens()).isEqualTo(13);
  }

  @Test
  void onlyAnEmptyIdleSequenceTakesOverTokens() {
    KvSequence source = memory.counting(10);
    KvSequence empty = memory.cache().newSequence();
    assertThatIllegalArgumentException().isThrownBy(() -> empty.shareFrom(source, 11));
    assertThatIllegalArgumentException().isThrownBy(() -> empty.shareFrom(source, -1));
    assertThatIllegalStateException().isThrownBy(() -> source.shareFrom(empty, 0));
    try (ReadableCache other = ReadableCache.open(BLOCK_SIZE, 4)) {
      KvSequence stranger = other.counting(4);
      assertThatIllegalArgumentException().isThrownBy(() -> empty.shareFrom(stranger, 4));
    }
    try (Step open = memory.cache().newStep()) {
      open.append(empty, 1).begin();
      assertThatIllegalStateException().isThrownBy(() -> empty.shareFrom(source, 5));
    }
    empty.shareFrom(source, 5);
    memory.cache().checkConservation();
    assertThat(memory.tokensOf(empty)).containsExactly(1, 2, 3, 4, 5);
    memory.append(empty, 9);
    assertThat(memory.tokensOf(source)).containsExactly(range(1, 11));
  }

  private static final class UncheckedFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }
}
