package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.file.DiskBooks.ReadEnd;
import dev.pagoda.tier.file.DiskBooks.WriteEnd;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DiskBooksTest {
  private final DiskEntry one = entry(1);
  private final DiskEntry two = entry(2);
  private final DiskEntry three = entry(3);
  private static final long FILE_BYTES = 100;

  private final HostStorage storage = HostStorage.allocate(BlockPatterns.LAYOUT, 3);
  private final DiskBooks books =
      new DiskBooks(
          new TierFolder(new MemoryFiles(), Path.of("/memory/books")),
          DiskTierSettings.ofBytes(2 * FILE_BYTES),
          new DiskIndex(2 * FILE_BYTES, FILE_BYTES),
          BlockStaging.single(storage));

  private static DiskEntry entry(long number) {
    return new DiskEntry(BlockPatterns.block(number).key(), number);
  }

  @AfterEach
  void close() {
    storage.close();
  }

  private BlockStaging startWrite(DiskEntry entry) {
    return Objects.requireNonNull(books.startWrite(entry), () -> "no write of " + entry);
  }

  private BlockStaging startRead(DiskEntry entry) {
    return Objects.requireNonNull(books.startRead(entry.key()), () -> "no read of " + entry);
  }

  private void write(DiskEntry entry) {
    books.endWrite(entry, startWrite(entry), WriteEnd.WRITTEN);
  }

  @Test
  void writersLeaveOneStagingBlockForReaders() {
    write(one);
    BlockStaging first = startWrite(two);
    books.endWrite(two, first, WriteEnd.FAILED);
    BlockStaging reading = startRead(one);
    startWrite(two);
    assertThat(books.startWrite(three)).isNull();
    assertThat(books.statistics().numSkipped()).isEqualTo(1);
    assertThat(startRead(one)).isNotSameAs(reading);
  }

  @Test
  void aKeyIsWrittenByOneAndFoundWhenItIsWhole() {
    BlockStaging staging = startWrite(one);
    assertThat(books.wants(one.key())).isFalse();
    assertThat(books.startWrite(one)).isNull();
    assertThat(books.contains(one.key())).isFalse();
    assertThat(books.startRead(one.key())).isNull();
    books.endWrite(one, staging, WriteEnd.WRITTEN);
    assertThat(books.contains(one.key())).isTrue();
    assertThat(books.startWrite(one)).isNull();
    assertThat(books.statistics().numSkipped()).as("nothing was in the way").isZero();
  }

  @Test
  void roomIsTakenUntilTheFileIsGone() {
    write(one);
    write(two);
    assertThat(books.startWrite(three)).isNull();
    assertThat(books.startEvictions()).containsExactly(one);
    assertThat(books.startWrite(three)).as("the file is still there").isNull();
    books.endRemoval(one, false);
    assertThat(books.startWrite(one)).as("its file is in the way").isNull();
    assertThat(books.takeStranded()).containsExactly(one);
    books.endRemoval(one, true);
    assertThat(books.startEvictions()).as("there is room now").isEmpty();
    write(three);
    assertThat(books.statistics().bytes()).isEqualTo(2 * FILE_BYTES);
    assertThat(books.statistics().numEvicted()).isEqualTo(1);
  }

  @Test
  void whatAFailedWriteLeftKeepsItsRoomAndItsName() {
    books.endWrite(one, startWrite(one), WriteEnd.FAILED_AND_LEFT);
    assertThat(books.contains(one.key())).isFalse();
    assertThat(books.statistics().bytes()).isEqualTo(FILE_BYTES);
    assertThat(books.startWrite(one)).as("a removal under way could hit the new file").isNull();
    assertThat(books.takeStranded()).containsExactly(one);
    books.endRemoval(one, true);
    assertThat(books.statistics().bytes()).isZero();
    write(one);
    assertThat(books.statistics().numWriteFailures()).isEqualTo(1);
  }

  @Test
  void oneOfTwoReadersRemovesWhatBothRefused() {
    write(one);
    BlockStaging first = startRead(one);
    BlockStaging second = startRead(one);
    assertThat(books.endRead(one.key(), first, ReadEnd.REFUSED)).isSameAs(one);
    assertThat(books.endRead(one.key(), second, ReadEnd.REFUSED)).isNull();
    assertThat(books.statistics().numRefused()).isEqualTo(1);
  }

  @Test
  void aReadThatTheMachineRefusedMayBeTriedAgain() {
    write(one);
    assertThat(books.endRead(one.key(), startRead(one), ReadEnd.FAILED)).isNull();
    assertThat(books.endRead(one.key(), startRead(one), ReadEnd.BROKEN_OFF)).isNull();
    assertThat(books.contains(one.key())).isTrue();
    assertThat(books.statistics().numReadFailures()).isEqualTo(1);
    assertThat(books.endRead(one.key(), startRead(one), ReadEnd.HIT)).isNull();
    assertThat(books.statistics().numHits()).isEqualTo(1);
  }

  @Test
  void closedBooksLetNothingBeginAndStrandedFilesKeepNobodyWaiting() {
    books.endWrite(one, startWrite(one), WriteEnd.FAILED_AND_LEFT);
    books.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> books.startRead(one.key()))
        .withMessageEndingWith("folder=/memory/books");
    assertThatIllegalStateException().isThrownBy(() -> books.wants(two.key()));
    assertThatIllegalStateException().isThrownBy(books::startClearing);
    // An offer that was wanted before the books were closed goes no further: the folder, and the
    // staging memory, may be somebody else's by now.
    assertThatIllegalStateException().isThrownBy(() -> books.startWrite(two));
    assertThatIllegalStateException().isThrownBy(books::startEvictions);
    assertThat(books.takeStranded()).isEmpty();
    books.close(); // waits for nothing
  }
}
