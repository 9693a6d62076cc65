package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.prefix.BlockKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

class TierFolderTest {
  private static final Path FOLDER = Path.of("/memory/tier");
  private static final int FILE_BYTES = 100;

  private final MemoryFiles files = new MemoryFiles();
  private final TierFolder folder = new TierFolder(files, FOLDER);

  private static BlockKey key(int number) {
    return BlockKey.parse("%064x".formatted(number));
  }

  private Path put(String name, int numBytes) {
    Path path = FOLDER.resolve(name);
    files.put(path, new byte[numBytes]);
    return path;
  }

  private TierFolder.Stock stock(DiskIndex index) throws IOException {
    return folder.takeStock(index, FILE_BYTES);
  }

  @Test
  void namesAreKeysAndTellPartsApart() {
    assertThat(folder.pathOf(key(10))).isEqualTo(FOLDER.resolve("0".repeat(63) + "a.kv"));
    assertThat(folder.partOf(new DiskEntry(key(10), 7)))
        .isEqualTo(FOLDER.resolve("0".repeat(63) + "a.7.part"));
  }

  @Test
  void wholeFilesAreFoundAndPartsAndOtherLengthsGo() throws IOException {
    Path whole = put(key(1) + ".kv", FILE_BYTES);
    put(key(2) + ".kv", FILE_BYTES - 1);
    put(key(3) + ".kv", 0);
    put(key(4) + ".12.part", FILE_BYTES);
    DiskIndex index = new DiskIndex(10 * FILE_BYTES, FILE_BYTES);

    assertThat(stock(index)).isEqualTo(new TierFolder.Stock(1, 2, 0));

    assertThat(files.paths()).containsExactly(whole);
    assertThat(index.contains(key(1))).isTrue();
    assertThat(index.contains(key(2))).isFalse();
  }

  @Test
  void whatIsNotTheTiersStaysWhateverItLooksLike() throws IOException {
    List<String> foreign =
        List.of(
            "notes.kv",
            key(1) + ".KV",
            key(0xabc).toString().toUpperCase(Locale.ROOT) + ".kv",
            key(1) + ".part",
            key(1) + ".-1.part",
            key(1).toString().substring(1) + ".kv",
            key(1) + "0.kv",
            "x" + key(1) + ".1.part",
            ".kv");
    foreign.forEach(name -> put(name, FILE_BYTES));
    DiskIndex index = new DiskIndex(10 * FILE_BYTES, FILE_BYTES);

    assertThat(stock(index)).isEqualTo(new TierFolder.Stock(0, 0, 0));
    assertThat(files.paths()).hasSize(foreign.size());
  }

  @Test
  void withoutRoomThoseWrittenFirstGo() throws IOException {
    for (int number : new int[] {5, 3, 9, 1, 7}) {
      put(key(number) + ".kv", FILE_BYTES);
    }
    DiskIndex index = new DiskIndex(3 * FILE_BYTES + 99, FILE_BYTES);

    assertThat(stock(index)).isEqualTo(new TierFolder.Stock(5, 0, 2));

    assertThat(files.paths())
        .containsExactly(folder.pathOf(key(1)), folder.pathOf(key(7)), folder.pathOf(key(9)));
    assertThat(index.contains(key(5))).isFalse();
    assertThat(index.contains(key(3))).isFalse();
  }

  @Test
  void aFolderThatCannotBeReadIsNoEmptyOne() {
    put(key(1) + ".kv", FILE_BYTES);
    files.failAt(1, MemoryFiles.Manner.BEFORE);
    assertThatThrownBy(() -> stock(new DiskIndex(FILE_BYTES, FILE_BYTES)))
        .isInstanceOf(MemoryFiles.Planted.class);
  }
}
