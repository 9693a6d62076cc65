package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.tier.file.MemoryFiles.Manner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("any-backend")
class AbandonedPartsTest {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final Instant NOW = Instant.parse("2026-11-23T12:00:00Z");

  @TempDir Path folder;

  private Path file(String name, Duration age) throws IOException {
    Path path = Files.write(folder.resolve(name), new byte[3]);
    return Files.setLastModifiedTime(path, FileTime.from(NOW.minus(age)));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void onlyPartsThatNobodyHasWrittenToForAnHourGo() throws IOException {
    Duration over = AbandonedParts.AGE_MIN.plusSeconds(1);
    Duration under = AbandonedParts.AGE_MIN.minusSeconds(1);
    file(".chat.kv.0123456789abcdef.part", over);
    file(".other.kv.00000000000000ff.part", over);
    file(".chat.kv.1123456789abcdef.part", under);
    List<String> others =
        List.of(
            ".chat.kv.0123456789ABCDEF.part",
            ".chat.kv.0123456789abcde.part",
            ".chat.kv.part",
            ".0123456789abcdef.part",
            "chat.kv",
            "chat.kv.0123456789abcdef.part");
    for (String name : others) {
      file(name, over);
    }
    Files.createDirectory(folder.resolve(".folder.0123456789abcdef.part"));

    new AbandonedParts(new SystemFiles(), InstantSource.fixed(NOW)).remove(folder);

    assertThat(names())
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(
                    others.stream(),
                    Stream.of(".chat.kv.1123456789abcdef.part", ".folder.0123456789abcdef.part"))
                .toList());
  }

  @Test
  void aPartOfAnyNameIsFoundAgain() throws IOException {
    for (String name : List.of("chat.kv", "a", ".hidden", "two words", "line\nbreak")) {
      Path part = AbandonedParts.newPart(folder.resolve(name));
      file(part.getFileName().toString(), AbandonedParts.AGE_MIN.plusSeconds(1));
    }
    new AbandonedParts(new SystemFiles(), InstantSource.fixed(NOW)).remove(folder);
    assertThat(names()).isEmpty();
  }

  @Test
  void theFirstSaveIntoAFolderTidiesIt() throws IOException {
    String left = ".chat.kv.0123456789abcdef.part";
    Files.write(folder.resolve(left), new byte[3]);
    Files.setLastModifiedTime(folder.resolve(left), FileTime.from(Instant.EPOCH));
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store = SequenceStore.open(memory.cache(), MODEL);
        KvSequence chat = memory.counting(6)) {
      store.save(chat, folder.resolve("chat.kv"));
      assertThat(names()).containsExactly("chat.kv");
    }
  }

  @Test
  void aFolderThatCannotBeTidiedTakesTheSaveAllTheSame() {
    Path file = Path.of("/memory/store/chat.kv");
    Path left = file.resolveSibling(".chat.kv.0123456789abcdef.part");
    for (int failing = 1; failing <= 2; failing++) { // the list, and the deletion
      MemoryFiles files = new MemoryFiles();
      files.put(left, new byte[3]);
      files.failAt(failing, Manner.BEFORE);
      try (ReadableCache memory = ReadableCache.open(4, 8);
          SequenceStore store =
              SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), files);
          KvSequence chat = memory.counting(6)) {
        store.save(chat, file);
        assertThat(files.hasFailed()).isTrue();
        assertThat(files.paths()).containsExactlyInAnyOrder(file, left);
        try (KvSequence again = store.restore(file).sequence()) {
          assertThat(again.length()).isEqualTo(6);
        }
        memory.cache().checkConservation();
      }
    }
  }

  @Test
  void aSaveWhosePartIsTakenForAbandonedFailsAndTheOldFileStays() {
    Path file = Path.of("/memory/store/chat.kv");
    MemoryFiles files = new MemoryFiles();
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore store = SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), files);
        KvSequence chat = memory.counting(6)) {
      store.save(chat, file);
      memory.append(chat, 7, 8);
      int numUsed = memory.numUsed();
      // As when another process tidies, whose clock is an hour ahead.
      files.atNext("replace", () -> new AbandonedParts(files, () -> NOW).remove(file.getParent()));
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(() -> store.save(chat, file))
          .withMessageContaining("path=" + file)
          .withCauseInstanceOf(NoSuchFileException.class);
      assertThat(files.hasNothingAhead()).isTrue();
      assertThat(files.paths()).containsExactly(file);
      assertThat(memory.numUsed()).isEqualTo(numUsed);
      try (KvSequence old = store.restore(file).sequence()) {
        assertThat(old.length()).isEqualTo(6);
      }
      store.save(chat, file);
      try (KvSequence now = store.restore(file).sequence()) {
        assertThat(memory.tokensOf(now)).containsExactly(ReadableCache.ascending(8));
      }
    }
  }

  @Test
  void aStoreDoesNotRememberEveryFolderThatThereEverWas() {
    Path store = Path.of("/memory/store");
    Path left = store.resolve("0").resolve(".chat.kv.0123456789abcdef.part");
    MemoryFiles files = new MemoryFiles();
    try (ReadableCache memory = ReadableCache.open(4, 8);
        SequenceStore saves = SequenceStore.open(memory.cache(), MODEL, Capacity.blocks(1), files);
        KvSequence chat = memory.counting(1)) {
      saves.save(chat, store.resolve("0").resolve("chat.kv"));
      files.put(left, new byte[3]);
      saves.save(chat, store.resolve("0").resolve("chat.kv"));
      assertThat(files.paths()).as("a folder that is tidied already").contains(left);
      for (int i = 1; i <= SequenceStore.TIDIED_MAX; i++) {
        saves.save(chat, store.resolve(Integer.toString(i)).resolve("chat.kv"));
      }
      saves.save(chat, store.resolve("0").resolve("chat.kv"));
      assertThat(files.paths()).as("one that was forgotten").doesNotContain(left);
    }
  }
}
