package dev.pagoda.prefix;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class KeyEncodingTest {
  /** 1,000,000 take 2 GiB of heap. */
  private static final int NUM_KEYS = Integer.getInteger("dev.pagoda.test.keys", 100_000);

  private static final KvShape SHAPE = KvShape.uniform(2, 2, 4, DType.BF16).withBlockSize(4);

  /** Makes an encoding of a fingerprint and a layout. */
  interface Maker {
    KeyEncoding make(String fingerprint, KvLayout layout);
  }

  private static KvLayout layout(KvShape shape) {
    return new KvLayout(shape, KeyOrder.DIM_MAJOR);
  }

  // The checks, which planted bugs must fail.

  /** Whatever differs in anything that keys and values depend on has another key. */
  static void requireDistinctKeys(Maker maker) {
    Map<String, BlockKey> keys = new LinkedHashMap<>();
    KeyEncoding plain = maker.make("model", layout(SHAPE));
    BlockKey root = plain.root(Namespace.COMMON);
    keys.put("plain", root);
    keys.put("other model", maker.make("model2", layout(SHAPE)).root(Namespace.COMMON));
    keys.put("longer", root("model", maker, KvShape.uniform(3, 2, 4, DType.BF16)));
    keys.put("heads", root("model", maker, KvShape.uniform(2, 4, 2, DType.BF16)));
    keys.put("head dim", root("model", maker, KvShape.uniform(2, 1, 8, DType.BF16)));
    keys.put("dtype", root("model", maker, KvShape.uniform(2, 2, 4, DType.FP16)));
    keys.put("mixed", root("model", maker, mixed(DType.FP16, DType.BF16)));
    keys.put("mixed otherwise", root("model", maker, mixed(DType.BF16, DType.FP16)));
    keys.put(
        "block size", maker.make("model", layout(SHAPE.withBlockSize(8))).root(Namespace.COMMON));
    keys.put(
        "key order",
        maker.make("model", new KvLayout(SHAPE, KeyOrder.TOKEN_MAJOR)).root(Namespace.COMMON));
    keys.put("tenant a", plain.root(Namespace.of("a")));
    keys.put("adapter a", plain.root(Namespace.COMMON.withAdapter("a")));
    keys.put("tenant ab", plain.root(Namespace.of("ab")));
    keys.put("tenant a, adapter b", plain.root(Namespace.of("a").withAdapter("b")));
    keys.put("tenant b, adapter a", plain.root(Namespace.of("b").withAdapter("a")));
    keys.put("half a surrogate pair", plain.root(Namespace.of("\ud800")));
    keys.put("the other half", plain.root(Namespace.of("\udc00")));
    keys.put("question mark", plain.root(Namespace.of("?")));
    BlockKey one = plain.block(root, new int[] {1, 2, 3, 4}, 0);
    BlockKey two = plain.block(root, new int[] {12, 3, 4, 5}, 0);
    keys.put("block", one);
    keys.put("digits elsewhere", two);
    keys.put("other order", plain.block(root, new int[] {2, 1, 3, 4}, 0));
    keys.put("high byte", plain.block(root, new int[] {1 << 24, 2, 3, 4}, 0));
    keys.put("negative", plain.block(root, new int[] {-1, 2, 3, 4}, 0));
    keys.put("behind one", plain.block(one, new int[] {1, 2, 3, 4}, 0));
    keys.put("behind two", plain.block(two, new int[] {1, 2, 3, 4}, 0));

    Map<BlockKey, String> seen = new HashMap<>();
    keys.forEach((what, key) -> assertThat(seen.put(key, what)).as("key of " + what).isNull());
  }

  private static BlockKey root(String fingerprint, Maker maker, KvShape shape) {
    return maker.make(fingerprint, layout(shape.withBlockSize(4))).root(Namespace.COMMON);
  }

  private static KvShape mixed(DType first, DType second) {
    return new KvShape(
        List.of(new LayerShape(2, 4, 4, first, second), new LayerShape(2, 4, 4, first, second)), 4);
  }

  /** Another process finds the same key. */
  static void requireSameKeyEverywhere(Maker maker) {
    KeyEncoding here = maker.make("model", layout(SHAPE));
    KeyEncoding there = maker.make("model", layout(SHAPE));
    int[] ids = {1, 2, 3, 4};
    assertThat(here.copy().block(here.root(Namespace.COMMON), ids, 0))
        .as("key in every process")
        .isEqualTo(there.copy().block(there.root(Namespace.COMMON), ids, 0));
  }

  @Test
  void whatDiffersInAnythingHasAnotherKey() {
    requireDistinctKeys(KeyEncoding::new);
  }

  @Test
  void keysAreTheSameInEveryProcess() {
    requireSameKeyEverywhere(KeyEncoding::new);
  }

  @Test
  void theKeyIsTheSha256OfTheDocumentedBytes() throws Exception {
    KeyEncoding encoding = new KeyEncoding("m", layout(SHAPE));
    BlockKey root = encoding.root(Namespace.of("t"));
    ByteBuffer expected = ByteBuffer.allocate(1024);
    expected.put((byte) 'K').putInt(8).put("pagoda1b".getBytes(US_ASCII));
    expected.put((byte) 'P').putInt(32).put(root.toBytes());
    expected.put((byte) 'T').putInt(16).putInt(7).putInt(8).putInt(9).putInt(-10);
    byte[] bytes = Arrays.copyOf(expected.array(), expected.position());

    BlockKey key = encoding.block(root, new int[] {0, 7, 8, 9, -10}, 1);
    assertThat(key.toBytes()).isEqualTo(MessageDigest.getInstance("SHA-256").digest(bytes));
    assertThat(key.toString()).isEqualTo(HexFormat.of().formatHex(key.toBytes()));
    assertThat(BlockKey.parse(key.toString())).isEqualTo(key).hasSameHashCodeAs(key);
  }

  @Test
  void aBlockOf16TokensIsHashedInTwoRounds() {
    KeyEncoding encoding = new KeyEncoding("m", layout(SHAPE.withBlockSize(16)));
    BlockKey root = encoding.root(Namespace.COMMON);
    // SHA-256 pads with at least 9 bytes to a multiple of 64.
    assertThat(encoding.blockBytes(root, new int[16], 0).length + 9).isLessThanOrEqualTo(128);
  }

  /** An encoding without the content of one field. */
  static byte[] without(String tag, byte[] bytes) {
    ByteBuffer from = ByteBuffer.wrap(bytes);
    ByteBuffer to = ByteBuffer.allocate(bytes.length);
    while (from.hasRemaining()) {
      byte field = from.get();
      byte[] content = new byte[from.getInt()];
      from.get(content);
      if (field != tag.charAt(0)) {
        to.put(field).putInt(content.length).put(content);
      }
    }
    return Arrays.copyOf(to.array(), to.position());
  }

  /** What an encoding says, read back by the documented grammar. */
  private static List<String> decode(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    List<String> fields = new ArrayList<>();
    while (buffer.hasRemaining()) {
      char tag = (char) buffer.get();
      byte[] content = new byte[buffer.getInt()];
      buffer.get(content);
      fields.add(tag + HexFormat.of().formatHex(content));
    }
    return fields;
  }

  private static String utf16(String text) {
    StringBuilder hex = new StringBuilder();
    text.chars().forEach(unit -> hex.append(String.format("%04x", unit)));
    return hex.toString();
  }

  @Test
  void encodingsCanBeReadBackAndSoNeverCoincide() {
    SplittableRandom random = new SplittableRandom(11);
    KeyEncoding encoding = new KeyEncoding("model", layout(SHAPE));
    Set<List<String>> roots = new HashSet<>();
    Set<Namespace> namespaces = new HashSet<>();
    Set<BlockKey> keys = new HashSet<>();
    Set<String> chains = new HashSet<>();
    for (int i = 0; i < NUM_KEYS; i++) {
      Namespace namespace = new Namespace(text(random), text(random));
      List<String> fields = decode(encoding.rootBytes(namespace));
      assertThat(fields.get(1)).isEqualTo("M" + utf16("model"));
      assertThat(fields.get(4)).isEqualTo("A" + utf16(namespace.adapter()));
      assertThat(fields.get(5)).isEqualTo("N" + utf16(namespace.name()));
      assertThat(roots.add(fields)).isEqualTo(namespaces.add(namespace));

      int[] ids = random.ints(4, -2, 3).toArray();
      BlockKey parent = encoding.root(namespace);
      String chain = fields + Arrays.toString(ids);
      if (chains.add(chain)) {
        assertThat(keys.add(encoding.block(parent, ids, 0))).isTrue();
      }
    }
  }

  private static String text(SplittableRandom random) {
    char[] units = new char[random.nextInt(4)];
    for (int i = 0; i < units.length; i++) {
      units[i] = random.nextBoolean() ? (char) random.nextInt(1 << 16) : (char) ('a' + i);
    }
    return new String(units);
  }
}
