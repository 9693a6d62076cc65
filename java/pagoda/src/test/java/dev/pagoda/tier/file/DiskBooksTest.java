package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.tier.BlockPatterns;
import dev.pagoda.tier.file.DiskBooks.ReadEnd;
import dev.pagoda.tier.file.DiskBooks.WriteEnd;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DiskBooksTest {
  private static final BlockKey ONE = BlockPatterns.block(1).key();
  private static final BlockKey TWO = BlockPatterns.block(2).key();
  private static final BlockKey THREE = BlockPatterns.block(3).key();
  private static final long FILE_BYTES = 100;

  private final HostStorage storage = HostStorage.allocate(BlockPatterns.LAYOUT, 3);
  private final DiskBooks books =
      new DiskBooks(
          new TierFolder(new MemoryFiles(), Path.of("/memory/books")),
          DiskTierSettings.ofBytes(2 * FILE_BYTES),
          new DiskIndex(2 * FILE_BYTES, FILE_BYTES),
          BlockStaging.single(storage));

  @AfterEach
  void close() {
    storage.close();
  }

  private BlockStaging startWrite(BlockKey key) {
    return Objects.requireNonNull(books.startWrite(key), () -> "no write of " + key);
  }

  private BlockStaging startRead(BlockKey key) {
    return Objects.requireNonNull(books.startRead(key), () -> "no read of " + key);
  }

  private void write(BlockKey key) {
    books.endWrite(key, startWrite(key), WriteEnd.WRITTEN);
  }

  @Test
  void writersLeaveOneStagingBlockForReaders() {
    write(ONE);
    BlockStaging first = startWrite(TWO);
    books.endWrite(TWO, first, WriteEnd.FAILED);
    BlockStaging reading = startRead(ONE);
    startWrite(TWO);
    assertThat(books.startWrite(THREE)).isNull();
    assertThat(books.statistics().numSkipped()).isEqualTo(1);
    assertThat(startRead(ONE)).isNotSameAs(reading);
  }

  @Test
  void aKeyIsWrittenByOneAndFoundWhenItIsWhole() {
    BlockStaging staging = startWrite(ONE);
    assertThat(books.wants(ONE)).isFalse();
    assertThat(books.startWrite(ONE)).isNull();
    assertThat(books.contains(ONE)).isFalse();
    assertThat(books.startRead(ONE)).isNull();
    books.endWrite(ONE, staging, WriteEnd.WRITTEN);
    assertThat(books.contains(ONE)).isTrue();
    assertThat(books.startWrite(ONE)).isNull();
    assertThat(books.statistics().numSkipped()).as("nothing was in the way").isZero();
  }

  @Test
  void roomIsTakenUntilTheFileIsGone() {
    write(ONE);
    write(TWO);
    assertThat(books.startWrite(THREE)).isNull();
    assertThat(books.startEvictions()).containsExactly(ONE);
    assertThat(books.startWrite(THREE)).as("the file is still there").isNull();
    books.endRemoval(ONE, false);
    assertThat(books.startWrite(ONE)).as("its file is in the way").isNull();
    assertThat(books.takeStranded()).containsExactly(ONE);
    books.endRemoval(ONE, true);
    assertThat(books.startEvictions()).as("there is room now").isEmpty();
    write(THREE);
    assertThat(books.statistics().bytes()).isEqualTo(2 * FILE_BYTES);
    assertThat(books.statistics().numEvicted()).isEqualTo(1);
  }

  @Test
  void whatAFailedWriteLeftKeepsItsRoomAndItsName() {
    books.endWrite(ONE, startWrite(ONE), WriteEnd.FAILED_AND_LEFT);
    assertThat(books.contains(ONE)).isFalse();
    assertThat(books.statistics().bytes()).isEqualTo(FILE_BYTES);
    assertThat(books.startWrite(ONE)).as("a removal under way could hit the new file").isNull();
    assertThat(books.takeStranded()).containsExactly(ONE);
    books.endRemoval(ONE, true);
    assertThat(books.statistics().bytes()).isZero();
    write(ONE);
    assertThat(books.statistics().numWriteFailures()).isEqualTo(1);
  }

  @Test
  void oneOfTwoReadersRemovesWhatBothRefused() {
    write(ONE);
    BlockStaging first = startRead(ONE);
    BlockStaging second = startRead(ONE);
    assertThat(books.endRead(ONE, first, ReadEnd.REFUSED)).isTrue();
    assertThat(books.endRead(ONE, second, ReadEnd.REFUSED)).isFalse();
    assertThat(books.statistics().numRefused()).isEqualTo(1);
  }

  @Test
  void aReadThatTheMachineRefusedMayBeTriedAgain() {
    write(ONE);
    assertThat(books.endRead(ONE, startRead(ONE), ReadEnd.FAILED)).isFalse();
    assertThat(books.endRead(ONE, startRead(ONE), ReadEnd.BROKEN_OFF)).isFalse();
    assertThat(books.contains(ONE)).isTrue();
    assertThat(books.statistics().numReadFailures()).isEqualTo(1);
    assertThat(books.endRead(ONE, startRead(ONE), ReadEnd.HIT)).isFalse();
    assertThat(books.statistics().numHits()).isEqualTo(1);
  }

  @Test
  void closedBooksLetNothingBeginAndStrandedFilesKeepNobodyWaiting() {
    books.endWrite(ONE, startWrite(ONE), WriteEnd.FAILED_AND_LEFT);
    books.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> books.startRead(ONE))
        .withMessageEndingWith("folder=/memory/books");
    assertThatIllegalStateException().isThrownBy(() -> books.wants(TWO));
    assertThatIllegalStateException().isThrownBy(books::startClearing);
    assertThatIllegalStateException().isThrownBy(books::close);
  }
}
