package dev.pagoda.lab.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Damaged files: each is refused by the one typed exception, or consistent in itself. */
class SafetensorsMutationTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 20_261_122L);
  private static final int MUTATIONS = 10_000;

  private static final String HEADER =
      """
      {"__metadata__":{"scale":"0.125","block_size":"16"},\
      "query":{"dtype":"F16","shape":[2,2,4],"data_offsets":[0,32]},\
      "lse":{"dtype":"F32","shape":[3],"data_offsets":[32,44]},\
      "query_lens":{"dtype":"I32","shape":[2],"data_offsets":[44,52]},\
      "none":{"dtype":"I64","shape":[0,9],"data_offsets":[52,52]}}    \
      """;

  /** Pieces that mean something to the format, to reach further than single bytes do. */
  private static final String[] PIECES = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "-",
    ".",
    "e9",
    "null",
    "[]",
    "{}",
    "0",
    "4",
    "52",
    "18446744073709551616",
    "9223372036854775807",
    "F32",
    "BF16",
    "\"dtype\":\"U8\",",
    "\"shape\":[1],",
    "\"data_offsets\":[0,0],",
    "__metadata__",
    "\\u0000",
    "\\ud800",
    " ",
    "\n"
  };

  @Test
  void aDamagedFileIsRefusedByNameOrStillConsistent() {
    SplittableRandom seeds = new SplittableRandom(SEED);
    byte[] valid = SafetensorsFileTest.bytes(HEADER, new byte[52]);
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      long seed = seeds.nextLong();
      byte[] damaged = damaged(valid, new SplittableRandom(seed));
      try {
        requireConsistent(damaged);
        accepted++;
      } catch (SafetensorsException e) {
        assertThat(e.getMessage()).as("seed=%d", seed).doesNotContain("\n").contains("=");
        refused++;
      } catch (RuntimeException | Error e) {
        fail("mutation with seed=%d ended in %s".formatted(seed, e), e);
      }
    }
    // Both happen, or the mutations are too weak or too strong to say anything.
    assertThat(accepted).as("seed=%d", SEED).isGreaterThan(MUTATIONS / 50);
    assertThat(refused).as("seed=%d", SEED).isGreaterThan(MUTATIONS / 2);
  }

  private static byte[] damaged(byte[] valid, SplittableRandom random) {
    byte[] bytes = valid.clone();
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(7)) {
        case 0 -> bytes[at] = (byte) random.nextInt();
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 ->
            bytes[random.nextInt(Math.min(bytes.length, Long.BYTES))] = (byte) random.nextInt();
        case 3 -> bytes = Arrays.copyOf(bytes, Math.max(1, random.nextInt(bytes.length)));
        case 4 -> bytes = Arrays.copyOf(bytes, bytes.length + random.nextInt(1, 9));
        case 5 -> bytes = splice(bytes, random, PIECES[random.nextInt(PIECES.length)]);
        default -> {
          int length = random.nextInt(1, 40);
          int from = random.nextInt(valid.length - length);
          bytes = splice(bytes, random, new String(valid, from, length, UTF_8));
        }
      }
    }
    return bytes;
  }

  /** Puts a piece somewhere, over as many bytes or in between, and keeps the length in step. */
  private static byte[] splice(byte[] bytes, SplittableRandom random, String text) {
    byte[] piece = text.getBytes(UTF_8);
    int at = random.nextInt(Math.min(bytes.length, Long.BYTES), bytes.length + 1);
    int rest = Math.min(bytes.length, random.nextBoolean() ? at : at + piece.length);
    byte[] spliced =
        ByteBuffer.allocate(at + piece.length + bytes.length - rest)
            .put(bytes, 0, at)
            .put(piece)
            .put(bytes, rest, bytes.length - rest)
            .array();
    if (bytes.length > Long.BYTES && random.nextInt(4) > 0) {
      ByteBuffer length = ByteBuffer.wrap(spliced).order(ByteOrder.LITTLE_ENDIAN);
      length.putLong(0, length.getLong(0) + spliced.length - bytes.length);
    }
    return spliced;
  }

  /** Reads everything that an accepted file offers. */
  private static void requireConsistent(byte[] bytes) {
    SafetensorsFile file = SafetensorsFile.of(MemorySegment.ofArray(bytes), Arena.ofAuto());
    long covered = 0;
    for (Tensor tensor : file.tensors().values()) {
      long elements = tensor.shape().stream().reduce(1L, Math::multiplyExact);
      assertThat(tensor.numElements()).isEqualTo(elements);
      covered += tensor.data().byteSize();
      for (long i = 0; i < elements; i++) {
        switch (tensor.type()) {
          case F32, F16, BF16 -> tensor.floatAt(i);
          case I32 -> tensor.intAt(i);
          default -> tensor.data().get(ValueLayout.JAVA_BYTE, i);
        }
      }
    }
    long headerLength = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    assertThat(covered).isEqualTo(bytes.length - Long.BYTES - headerLength);
    file.metadata().forEach((key, value) -> assertThat(key + value).isNotNull());
  }
}
