package dev.pagoda.prefix;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Keys: what is taken for one is written as it was read, and two descriptions of content have one
 * key only if they are one. The first bytes say how the rest is cut into a fingerprint, an adapter,
 * a name and tokens, for each of the two; what they say is the same text cut elsewhere.
 */
public final class KeyTarget {
  private static final Pattern KEY = Pattern.compile("[0-9a-fA-F]{64}");
  private static final int BLOCK_SIZE = 2;
  private static final KvLayout LAYOUT =
      new KvLayout(
          KvShape.uniform(1, 1, 4, DType.BF16).withBlockSize(BLOCK_SIZE), KeyOrder.DIM_MAJOR);

  /** Hashes the contents of the fields one after the other, without what tells them apart. */
  private static final class RunningTogether extends KeyEncoding {
    RunningTogether(String fingerprint) {
      super(fingerprint, LAYOUT);
    }

    @Override
    BlockKey hash(byte[] bytes) {
      ByteBuffer from = ByteBuffer.wrap(bytes);
      ByteBuffer to = ByteBuffer.allocate(bytes.length);
      while (from.hasRemaining()) {
        var _ = from.get();
        byte[] content = new byte[from.getInt()];
        from.get(content);
        to.put(content);
      }
      return super.hash(Arrays.copyOf(to.array(), to.position()));
    }
  }

  private final boolean planted;

  /**
   * A target.
   *
   * @param planted whether fields run into each other
   */
  public KeyTarget(boolean planted) {
    this.planted = planted;
  }

  private record Description(String fingerprint, String adapter, String name, int[] tokenIds) {
    static Description cut(CharBuffer text, int first, int second, int[] tokenIds) {
      int one = Math.floorMod(first, text.length() + 1);
      int two = one + Math.floorMod(second, text.length() - one + 1);
      return new Description(
          text.subSequence(0, one).toString(),
          text.subSequence(one, two).toString(),
          text.subSequence(two, text.length()).toString(),
          tokenIds);
    }

    boolean isSame(Description other) {
      return fingerprint.equals(other.fingerprint)
          && adapter.equals(other.adapter)
          && name.equals(other.name)
          && Arrays.equals(tokenIds, other.tokenIds);
    }
  }

  private BlockKey key(Description what) {
    KeyEncoding encoding =
        planted ? new RunningTogether(what.fingerprint) : new KeyEncoding(what.fingerprint, LAYOUT);
    BlockKey root = encoding.root(new Namespace(what.name, what.adapter));
    return encoding.block(root, what.tokenIds, 0);
  }

  /** Throws unless keys are what they should be. */
  public void check(byte[] input) {
    String text = new String(input, StandardCharsets.UTF_8);
    require(parses(text) == KEY.matcher(text).matches(), "text=" + text);
    if (input.length < 12) {
      return;
    }
    ByteBuffer bytes = ByteBuffer.wrap(input);
    int[] cuts = {bytes.get(), bytes.get(), bytes.get(), bytes.get()};
    int[] ones = {bytes.getShort(), bytes.getShort()};
    int[] others = {bytes.getShort(), bytes.getShort()};
    CharBuffer words = bytes.slice().asCharBuffer();
    Description one = Description.cut(words, cuts[0], cuts[1], ones);
    Description other = Description.cut(words, cuts[2], cuts[3], others);
    require(
        key(one).equals(key(other)) == one.isSame(other),
        "two descriptions and their keys: one=" + one + ", other=" + other);
    if (input.length >= BlockKey.BYTES) {
      BlockKey key = BlockKey.of(input, input.length - BlockKey.BYTES);
      byte[] raw = Arrays.copyOfRange(input, input.length - BlockKey.BYTES, input.length);
      require(Arrays.equals(key.toBytes(), raw), "bytes of " + key);
      require(BlockKey.parse(key.toString()).equals(key), "text of " + key);
    }
  }

  private static boolean parses(String text) {
    try {
      String written = BlockKey.parse(text).toString();
      require(written.equals(text.toLowerCase(Locale.ROOT)), "text=" + text);
      return true;
    } catch (IllegalArgumentException refused) {
      return false;
    }
  }

  /** Inputs to begin with. */
  public List<byte[]> seeds() {
    byte[] words = new byte[12 + 64];
    for (int i = 12; i < words.length; i++) {
      words[i] = (byte) (i * 37);
    }
    byte[] cut = words.clone();
    cut[0] = 3;
    cut[1] = 4;
    cut[2] = 3;
    cut[3] = 4;
    return List.of(
        words,
        cut,
        "0123456789abcdef".repeat(4).getBytes(StandardCharsets.UTF_8),
        "0123456789ABCDEF".repeat(4).getBytes(StandardCharsets.UTF_8));
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}
