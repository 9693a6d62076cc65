package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.file.MemoryFiles.Manner;
import dev.pagoda.tier.file.RefusedFileException.Reason;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("any-backend")
class SwapFolderTest {
  private static final Path FOLDER = Path.of("/memory/swap");

  private final ReadableCache memory = ReadableCache.open(4, 16);
  private final SwapSpace space = SwapSpace.open(memory.cache(), Capacity.blocks(4), Checks.DEBUG);
  private final MemoryFiles files = new MemoryFiles();
  private final SwapFolder folder =
      SwapFolder.open(FOLDER, memory.cache(), Capacity.blocks(1), files);

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.cache().checkConservation();
    space.checkConservation();
    space.close();
    folder.close();
    memory.close();
    assertThat(files.numOpen()).isZero();
  }

  /** Three members of 7, 7 and 6 tokens over 2 + 1 + 1 blocks. */
  private List<KvSequence> beams() {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);
    memory.commit(group.appendTo(memory.cache().newStep()), 100, 101, 102);
    group.sequences().get(2).truncate(6);
    return group.sequences();
  }

  private void requireBeams(List<KvSequence> beams) {
    assertThat(memory.numUsed()).isEqualTo(4);
    assertThat(memory.tokensOf(beams.get(0))).containsExactly(1, 2, 3, 4, 5, 6, 100);
    assertThat(memory.tokensOf(beams.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
    assertThat(memory.tokensOf(beams.get(2))).containsExactly(1, 2, 3, 4, 5, 6);
  }

  @Test
  void aGroupGoesToTheHostToAFileAndBack() {
    List<KvSequence> beams = beams();

    SwappedGroup swapped = space.swapOut(beams);
    FiledGroup filed = folder.push(space, swapped);
    assertThat(space.statistics().slots().numUsed()).isZero();
    assertThat(files.paths()).hasSize(1);
    assertThat(filed.numBlocks()).isEqualTo(4);
    SwappedGroup again = folder.pull(filed, space);
    assertThat(files.paths()).isEmpty();
    assertThat(space.statistics().slots().numUsed()).isEqualTo(4);
    space.swapIn(again);

    requireBeams(beams);
    assertThatIllegalStateException().isThrownBy(() -> folder.pull(filed, space));
    assertThatIllegalStateException().isThrownBy(() -> folder.push(space, swapped));
  }

  @Test
  void aGroupGoesFromTheCacheToAFileAndBack() {
    List<KvSequence> beams = beams();
    FiledGroup filed = folder.swapOut(beams);
    assertThat(memory.numUsed()).isZero();
    assertThatIllegalStateException().isThrownBy(folder::close).withMessageContaining("=1");

    folder.swapIn(filed);
    requireBeams(beams);
    assertThat(files.paths()).isEmpty();
  }

  @Test
  void aFileThatCannotBeRemovedGoesWithTheNextOneThatIsWritten() {
    List<KvSequence> beams = beams();
    FiledGroup filed = folder.swapOut(beams);
    files.failAt(Integer.MAX_VALUE, Manner.BEFORE);
    folder.swapIn(filed);
    int firstRemoval = files.calls() - 1; // of the part; then of the file
    FiledGroup again = folder.swapOut(beams);
    files.failAt(firstRemoval, Manner.FROM_THEN_ON);
    folder.swapIn(again);
    assertThat(files.hasFailed()).isTrue();
    files.repair();
    requireBeams(beams);
    assertThat(files.paths()).containsExactly(again.file().path());

    FiledGroup third = folder.swapOut(beams);
    assertThat(files.paths()).containsExactly(third.file().path());
    folder.swapIn(third);
  }

  @Test
  void whatDoesNotFitStaysInItsFile() {
    List<KvSequence> beams = beams();
    FiledGroup filed = folder.swapOut(beams);
    SwappedGroup squatters = space.swapOut(List.of(memory.counting(4)));
    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> folder.pull(filed, space));
    space.swapIn(squatters);
    KvSequence squatter = memory.counting(13 * 4);
    assertThatExceptionOfType(OutOfBlocksException.class).isThrownBy(() -> folder.swapIn(filed));
    squatter.close();
    squatters.sequences().forEach(KvSequence::close);

    folder.swapIn(filed);
    requireBeams(beams);
  }

  @Test
  void aDamagedFileIsRefusedAndItsGroupDiscarded() {
    List<KvSequence> beams = beams();
    FiledGroup filed = folder.swapOut(beams);
    Path path = files.paths().iterator().next();
    byte[] bytes = files.bytes(path);
    bytes[bytes.length - 70] ^= 4;
    files.put(path, bytes);

    assertThatExceptionOfType(RefusedFileException.class)
        .isThrownBy(() -> folder.swapIn(filed))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.DAMAGED));
    assertThat(memory.numUsed()).isZero();
    folder.discard(filed);
    assertThat(beams).allMatch(KvSequence::isClosed);
    assertThat(files.paths()).isEmpty();
  }

  @Test
  void anotherGroupsFileIsRefused() {
    FiledGroup one = folder.swapOut(List.of(memory.counting(6)));
    FiledGroup two = folder.swapOut(List.of(memory.counting(7)));
    byte[] first = files.bytes(one.file().path());
    files.put(one.file().path(), files.bytes(two.file().path()));

    assertThatExceptionOfType(RefusedFileException.class).isThrownBy(() -> folder.swapIn(one));
    files.put(one.file().path(), first);
    folder.swapIn(one);
    folder.swapIn(two);
    assertThat(one.sequences().getFirst().length()).isEqualTo(6);
  }

  @Test
  void aFileOfTheSameNumberOfAnotherOpeningIsRefused() {
    MemoryFiles otherFiles = new MemoryFiles();
    SwapFolder other = SwapFolder.open(FOLDER, memory.cache(), Capacity.blocks(1), otherFiles);
    FiledGroup one = folder.swapOut(List.of(memory.counting(6)));
    FiledGroup two = other.swapOut(List.of(memory.counting(7)));
    assertThat(one.file().path()).isEqualTo(two.file().path());
    files.put(one.file().path(), otherFiles.bytes(two.file().path()));

    assertThatExceptionOfType(RefusedFileException.class)
        .isThrownBy(() -> folder.swapIn(one))
        .withMessageContaining("another group's");
    folder.discard(one);
    other.swapIn(two);
    other.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"create", "write", "close", "replace"})
  void aFolderIsNotClosedUnderAGroupThatIsOnItsWayToIt(String site) {
    List<KvSequence> beams = beams();
    files.atNext(site, this::requireThatItStaysOpen);
    FiledGroup filed = folder.swapOut(beams);
    assertThat(files.hasNothingAhead()).isTrue();
    folder.swapIn(filed);
    requireBeams(beams);
  }

  @ParameterizedTest
  @ValueSource(strings = {"open", "read", "delete"})
  void aFolderIsNotClosedUnderAGroupThatLeaves(String site) {
    List<KvSequence> beams = beams();
    FiledGroup filed = folder.swapOut(beams);
    files.atNext(site, this::requireThatItStaysOpen);
    folder.swapIn(filed);
    assertThat(files.hasNothingAhead()).isTrue();
    requireBeams(beams);
  }

  @Test
  void aFolderIsNotClosedBeforeWhatAFailedSwapLeftIsGone() {
    List<KvSequence> beams = beams();
    files.failAt(2, Manner.BEFORE);
    files.atNext("delete", this::requireThatItStaysOpen);
    assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> folder.swapOut(beams));
    assertThat(files.hasNothingAhead()).isTrue();
    files.repair();
    requireBeams(beams);
    assertThat(files.paths()).isEmpty();
  }

  private void requireThatItStaysOpen() {
    assertThatIllegalStateException()
        .isThrownBy(folder::close)
        .withMessageMatching(".*num(Groups|Drafts)=1");
  }

  @ParameterizedTest
  @EnumSource
  void everyCallThatFailsLeavesTheGroupWhereItWas(Manner manner) {
    List<KvSequence> beams = beams();
    boolean isLast = false;
    for (int failing = 1; !isLast; failing++) {
      isLast = true;
      files.failAt(failing, manner);
      FiledGroup filed;
      try {
        filed = folder.swapOut(beams);
      } catch (UncheckedIOException planted) {
        isLast = false;
        files.repair();
        requireBeams(beams);
        filed = folder.swapOut(beams);
      }
      files.failAt(failing, manner);
      try {
        folder.swapIn(filed);
      } catch (UncheckedIOException planted) {
        isLast = false;
        files.repair();
        assertThat(memory.numUsed()).isZero();
        folder.swapIn(filed);
      }
      files.repair();
      requireBeams(beams);
      assertThat(files.numOpen()).isEqualTo(1);
      assertThat(failing).isLessThan(50);
    }
    files.repair();
  }

  @Test
  void whatAnEarlierProcessLeftIsRemoved(@TempDir Path parent) {
    Path place = parent.resolve("swap");
    SwapFolder.open(place, memory.cache()).close();
    try (SwapFolder real = SwapFolder.open(place, memory.cache())) {
      FiledGroup filed = real.swapOut(List.of(memory.counting(9)));
      assertThat(filed.file().path()).exists();
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> SwapFolder.open(place, memory.cache()));
      real.swapIn(filed);
      assertThat(filed.file().path()).doesNotExist();
      assertThat(memory.tokensOf(filed.sequences().getFirst()))
          .containsExactly(ReadableCache.ascending(9));
    }
  }
}
