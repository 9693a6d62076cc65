package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.file.RefusedFileException.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("any-backend")
class SequenceStoreTest {
  private static final int BLOCK_SIZE = 4;
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");
  private static final int[] NONE = {};

  @TempDir Path folder;

  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 32);
  private final ReadableCache other = ReadableCache.open(BLOCK_SIZE, 8);
  private final SequenceStore store = SequenceStore.open(memory.cache(), MODEL);
  private final SequenceStore otherStore =
      SequenceStore.open(other.cache(), MODEL, Capacity.blocks(1));

  @AfterEach
  void close() {
    store.close();
    otherStore.close();
    memory.close();
    other.close();
  }

  private Path file() {
    return folder.resolve("chat.kv");
  }

  private static Reason refusal(Runnable call) {
    try {
      call.run();
    } catch (RefusedFileException refused) {
      assertThat(refused).hasMessageContaining("path=").hasMessageContaining("reason=");
      assertThat(refused.path()).isNotNull();
      return refused.reason();
    }
    throw new AssertionError("it was not refused");
  }

  @Test
  void aSequenceGoesOnInAnotherCache() {
    KvSequence chat = memory.counting(10);
    store.save(chat, ReadableCache.ascending(10), file());
    chat.close();

    RestoredGroup restored = otherStore.restore(file());
    KvSequence again = restored.sequence();

    assertThat(again.length()).isEqualTo(10);
    assertThat(restored.tokenIds(0)).containsExactly(ReadableCache.ascending(10));
    assertThat(other.tokensOf(again)).containsExactly(ReadableCache.ascending(10));
    other.append(again, 11, 12, 13, 14);
    assertThat(other.tokensOf(again)).containsExactly(ReadableCache.ascending(14));
    assertThat(other.numUsed()).isEqualTo(4);
  }

  @Test
  void aGroupIsSavedOncePerBlockAndSharesAsBefore() throws IOException {
    ForkGroup group = ForkGroup.of(memory.counting(6), 3, PromptHandle.MOVE);
    memory.commit(group.appendTo(memory.cache().newStep()), 100, 101, 102);
    List<KvSequence> beams = group.sequences();
    beams.get(2).truncate(6);

    store.save(beams, List.of(NONE, new int[] {1, 2, 3, 4, 5, 6, 101}, NONE), file());
    long blockBytes = memory.cache().layout().blockBytes();
    assertThat(Files.size(file())).isBetween(4 * blockBytes, 5 * blockBytes);
    RestoredGroup restored = otherStore.restore(file());

    List<KvSequence> back = restored.sequences();
    assertThat(other.numUsed()).isEqualTo(4);
    assertThat(ReadableCache.distinctBlocks(back)).isEqualTo(4);
    assertThat(back).extracting(KvSequence::length).containsExactly(7, 7, 6);
    assertThat(other.tokensOf(back.get(0))).containsExactly(1, 2, 3, 4, 5, 6, 100);
    assertThat(other.tokensOf(back.get(1))).containsExactly(1, 2, 3, 4, 5, 6, 101);
    assertThat(other.tokensOf(back.get(2))).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(restored.tokenIds(0)).isEmpty();
    assertThat(restored.tokenIds(1)).containsExactly(1, 2, 3, 4, 5, 6, 101);
    back.forEach(KvSequence::close);
    assertThat(other.numUsed()).isZero();
  }

  @Test
  void whatIsSavedStaysAsItIs() {
    KvSequence chat = memory.counting(6);
    int[] blocks = chat.blockIds();

    store.save(chat, file());
    memory.append(chat, 7);

    assertThat(chat.blockIds()).containsExactly(blocks);
    assertThat(memory.tokensOf(chat)).containsExactly(ReadableCache.ascending(7));
    assertThat(memory.numUsed()).isEqualTo(2);
    memory.cache().checkConservation();
  }

  @Test
  void anEmptySequenceIsSavedToo() {
    store.save(memory.counting(0), file());
    KvSequence again = otherStore.restore(file()).sequence();

    assertThat(again.length()).isZero();
    other.append(again, 1, 2);
    assertThat(other.tokensOf(again)).containsExactly(1, 2);
  }

  @Test
  void aSecondSaveReplacesTheFirst() throws IOException {
    KvSequence chat = memory.counting(6);
    store.save(chat, file());
    memory.append(chat, 7, 8, 9);
    store.save(chat, file());

    assertThat(otherStore.restore(file()).sequence().length()).isEqualTo(9);
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(file());
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
        .isEqualTo("rw-------");
  }

  @Test
  void slotsOfNobodyAreNotInTheFile() throws IOException {
    KvSequence chat = memory.counting(8);
    chat.truncate(5); // three tokens stay behind in the block
    store.save(chat, file());

    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file()));
    long blockBytes = memory.cache().layout().blockBytes();
    long second = bytes.limit() - blockBytes;
    long values = second + memory.cache().layout().valueTileOffset(0, 0, 0);
    for (int slot = 1; slot < BLOCK_SIZE; slot++) {
      assertThat(bytes.getInt((int) values + slot * 4)).as("slot %s", slot).isZero();
    }
    assertThat(bytes.getInt((int) values)).isNotZero();
  }

  @Test
  void refusalsSayWhatIsWrong() throws IOException {
    KvSequence chat = memory.counting(10);
    store.save(chat, file());
    byte[] sound = Files.readAllBytes(file());

    assertThat(refusal(() -> restoreOf(new byte[0]))).isEqualTo(Reason.TRUNCATED);
    assertThat(refusal(() -> restoreOf("{\"a\": 1}".getBytes(StandardCharsets.UTF_8))))
        .isEqualTo(Reason.NOT_OURS);
    assertThat(refusal(() -> restoreOf(new byte[5000]))).isEqualTo(Reason.NOT_OURS);
    for (int length : new int[] {1, 8, 255, 256, 300, sound.length - 1}) {
      assertThat(refusal(() -> restoreOf(Arrays.copyOf(sound, length))))
          .as("length %s", length)
          .isEqualTo(Reason.TRUNCATED);
    }
    assertThat(refusal(() -> restoreOf(Arrays.copyOf(sound, sound.length + 1))))
        .isEqualTo(Reason.DAMAGED);
    assertThat(refusal(() -> restoreOf(HeaderSurgery.withInt(sound, 8, 2))))
        .isEqualTo(Reason.NEWER_VERSION);
    assertThat(refusal(() -> restoreOf(HeaderSurgery.withInt(sound, 12, 4))))
        .isEqualTo(Reason.NEWER_VERSION);
    assertThat(refusal(() -> restoreOf(HeaderSurgery.withInt(sound, 16, 2))))
        .isEqualTo(Reason.OTHER_CONTENT);
    assertThat(refusal(() -> restoreOf(HeaderSurgery.withInt(sound, 200, 1))))
        .isEqualTo(Reason.DAMAGED);

    try (SequenceStore foreign =
        SequenceStore.open(other.cache(), ModelFingerprint.ofDescription("model", "2"))) {
      assertThat(refusal(() -> foreign.restore(file()))).isEqualTo(Reason.FOREIGN_MODEL);
    }
    try (ReadableCache wider = ReadableCache.open(BLOCK_SIZE + 1, 8);
        SequenceStore there = SequenceStore.open(wider.cache(), MODEL)) {
      assertThat(refusal(() -> there.restore(file()))).isEqualTo(Reason.OTHER_LAYOUT);
    }
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> store.restore(folder.resolve("missing.kv")))
        .withCauseInstanceOf(NoSuchFileException.class)
        .withMessageContaining("missing.kv");
    assertThat(other.numUsed()).isZero();
    assertThat(other.cache().statistics().numSequences()).isZero();
  }

  private void restoreOf(byte[] bytes) {
    try {
      Path path = folder.resolve("damaged.kv");
      Files.write(path, bytes);
      otherStore.restore(path);
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }

  @Test
  void aGroupThatDoesNotFitTheCacheLeavesNothingBehind() {
    KvSequence chat = memory.counting(9 * BLOCK_SIZE);
    store.save(chat, file());

    assertThatExceptionOfType(OutOfBlocksException.class)
        .isThrownBy(() -> otherStore.restore(file()))
        .satisfies(e -> assertThat(e.needed()).isEqualTo(9));
    assertThat(other.cache().statistics().numSequences()).isZero();
    assertThat(store.restore(file()).sequence().length()).isEqualTo(36);
  }

  @Test
  void misuseIsRefusedByName() {
    KvSequence chat = memory.counting(3);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.save(chat, new int[] {1, 2}, file()))
        .withMessageContaining("length=3, numTokenIds=2");
    assertThatIllegalArgumentException().isThrownBy(() -> otherStore.save(chat, file()));
    assertThatIllegalArgumentException().isThrownBy(() -> store.save(List.of(), List.of(), file()));
    try (Step _ = memory.cache().newStep().append(chat, 1).begin()) {
      assertThatIllegalStateException().isThrownBy(() -> store.save(chat, file()));
    }
    assertThat(folder).isEmptyDirectory();
    assertThat(memory.numUsed()).isEqualTo(1);
  }

  @Test
  void aLinkIsNotFollowed() throws IOException {
    store.save(memory.counting(3), file());
    Path link = Files.createSymbolicLink(folder.resolve("link.kv"), file());

    assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(() -> store.restore(link));
  }

  @Test
  void savesOfManyThreadsAreAllWhole() throws Exception {
    List<KvSequence> chats =
        List.of(memory.counting(3), memory.counting(9), memory.counting(17), memory.counting(12));
    List<Thread> threads =
        chats.stream()
            .map(chat ->
                Thread.ofPlatform()
                    .start(() -> {
                      for (int i = 0; i < 20; i++) {
                        store.save(chat, file());
                      }
                    }))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }

    KvSequence one = store.restore(file()).sequence();
    assertThat(one.length()).isIn(3, 9, 17, 12);
    assertThat(memory.tokensOf(one)).containsExactly(ReadableCache.ascending(one.length()));
  }

  private enum Cpu {
    SCALAR(Backend.SCALAR),
    VECTOR(Backend.VECTOR);

    private final Backend backend;

    Cpu(Backend backend) {
      this.backend = backend;
    }
  }

  /** Five tokens after the prompt, and what attention says about them. */
  private static byte[] attend(PagedKvCache cache, KvSequence sequence, long seed) {
    RandomGenerator random = Seeds.generator(seed, "after");
    float[] keys = floats(random, 5 * 2 * 32);
    float[] values = floats(random, 5 * 2 * 32);
    float[] queries = floats(random, 5 * 4 * 32);
    float[] out = new float[queries.length];
    ByteBuffer bytes = ByteBuffer.allocate(2 * out.length * Float.BYTES);
    try (Step step = cache.newStep().append(sequence, 5).begin()) {
      for (int layer = 0; layer < 2; layer++) {
        step.write(layer, Rows.of(keys), Rows.of(values));
        step.attend(layer, AttentionSpec.causal(4, 0.2f), Rows.of(queries), Rows.of(out));
        for (float element : out) {
          bytes.putInt(Float.floatToRawIntBits(element));
        }
      }
      step.commit();
    }
    return bytes.array();
  }

  private static float[] floats(RandomGenerator random, int count) {
    float[] floats = new float[count];
    for (int i = 0; i < count; i++) {
      floats[i] = random.nextFloat() * 2 - 1;
    }
    return floats;
  }

  @ParameterizedTest
  @EnumSource
  void attentionAfterARestoreIsTheSameToTheBit(Cpu cpu) {
    for (DType dtype : DType.values()) {
      KvShape shape = KvShape.uniform(2, 2, 32, dtype);
      try (PagedKvCache cache = PagedKvCache.open(shape, cpu.backend, Capacity.blocks(40));
          SequenceStore saved = SequenceStore.open(cache, MODEL)) {
        KvSequence chat = cache.newSequence();
        attendMany(cache, chat, 19);
        KvSequence twin = chat.fork();
        saved.save(chat, file());
        KvSequence again = saved.restore(file()).sequence();
        chat.close();

        assertThat(attend(cache, again, 99))
            .as("%s", dtype)
            .containsExactly(attend(cache, twin, 99));
        again.close();
        twin.close();
      }
    }
  }

  private static void attendMany(PagedKvCache cache, KvSequence chat, int times) {
    for (int i = 0; i < times; i++) {
      attend(cache, chat, i);
    }
  }
}
