package dev.pagoda.prefix;

import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * What is hashed to a {@link BlockKey}. Every field is preceded by its domain's tag and its length,
 * so that two different inputs never encode alike; numbers are big-endian.
 *
 * <pre>
 *   field   tag (1 byte), length in bytes (4 bytes), content
 *   root    "K" "pagoda1r", "M" model fingerprint, "L" layout, "D" dtypes, "A" adapter,
 *           "N" namespace                                             key of a namespace
 *   block   "K" "pagoda1b", "P" parent key, "T" token ids            parent: a block or a root
 *
 *   layout  block size, key order, number of layers, per layer KV heads, key and value head dim
 *   dtypes  names of the key and the value type of each layer, each followed by ";"
 *   text    its UTF-16 code units: unlike UTF-8, nothing is replaced in malformed text
 * </pre>
 *
 * <p>With 16 tokens a block's encoding has 119 bytes, which SHA-256 takes in two rounds.
 *
 * <p>Not thread-safe: each lookup makes its own from a {@link #copy}.
 */
class KeyEncoding {
  private static final byte[] ROOT_KIND = "pagoda1r".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] BLOCK_KIND = "pagoda1b".getBytes(StandardCharsets.US_ASCII);
  private static final int FIELD_BYTES = 1 + Integer.BYTES;

  private final String modelFingerprint;
  private final byte[] layout;
  private final String dtypes;
  private final MessageDigest sha256;
  private final byte[] encoded;
  private final ByteBuffer buffer;

  KeyEncoding(String modelFingerprint, KvLayout layout) {
    this(
        modelFingerprint,
        layoutBytes(layout),
        dtypesText(layout),
        blockBytes(layout.shape().blockSize()));
  }

  /** The same for subclasses. */
  KeyEncoding(KeyEncoding other) {
    this(other.modelFingerprint, other.layout, other.dtypes, other.encoded.length);
  }

  private KeyEncoding(String modelFingerprint, byte[] layout, String dtypes, int blockBytes) {
    this.modelFingerprint = modelFingerprint;
    this.layout = layout;
    this.dtypes = dtypes;
    sha256 = newSha256();
    encoded = new byte[blockBytes];
    buffer = ByteBuffer.wrap(encoded);
  }

  /** Another one, for another thread. */
  KeyEncoding copy() {
    return new KeyEncoding(this);
  }

  private static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError("every Java platform has SHA-256", impossible);
    }
  }

  private static int blockBytes(int blockSize) {
    return 3 * FIELD_BYTES + BLOCK_KIND.length + BlockKey.BYTES + blockSize * Integer.BYTES;
  }

  private static byte[] layoutBytes(KvLayout layout) {
    byte[] order = text(layout.keyOrder().name());
    int numLayers = layout.shape().numLayers();
    ByteBuffer bytes =
        ByteBuffer.allocate(3 * Integer.BYTES + order.length + numLayers * 3 * Integer.BYTES);
    bytes.putInt(layout.shape().blockSize()).putInt(order.length).put(order).putInt(numLayers);
    for (LayerShape layer : layout.shape().layers()) {
      bytes.putInt(layer.numKvHeads()).putInt(layer.keyHeadDim()).putInt(layer.valueHeadDim());
    }
    return bytes.array();
  }

  private static String dtypesText(KvLayout layout) {
    StringBuilder text = new StringBuilder();
    for (LayerShape layer : layout.shape().layers()) {
      text.append(layer.keyDType()).append(';').append(layer.valueDType()).append(';');
    }
    return text.toString();
  }

  private static byte[] text(String text) {
    byte[] bytes = new byte[text.length() * Character.BYTES];
    ByteBuffer.wrap(bytes).asCharBuffer().put(text);
    return bytes;
  }

  /** What stands for a namespace: the parent of its first blocks. */
  BlockKey root(Namespace namespace) {
    return hash(rootBytes(namespace));
  }

  byte[] rootBytes(Namespace namespace) {
    byte[] model = text(modelFingerprint);
    byte[] types = text(dtypes);
    byte[] adapter = text(namespace.adapter());
    byte[] name = text(namespace.name());
    ByteBuffer bytes =
        ByteBuffer.allocate(
            6 * FIELD_BYTES
                + ROOT_KIND.length
                + model.length
                + layout.length
                + types.length
                + adapter.length
                + name.length);
    field(bytes, 'K', ROOT_KIND);
    field(bytes, 'M', model);
    field(bytes, 'L', layout);
    field(bytes, 'D', types);
    field(bytes, 'A', adapter);
    field(bytes, 'N', name);
    return bytes.array();
  }

  /**
   * The key of a block.
   *
   * @param tokenIds holds its {@code blockSize} tokens
   * @param from index of the first one
   */
  BlockKey block(BlockKey parent, int[] tokenIds, int from) {
    return hash(blockBytes(parent, tokenIds, from));
  }

  /** The encoding, in a buffer that the next call overwrites. */
  byte[] blockBytes(BlockKey parent, int[] tokenIds, int from) {
    int tokenBytes = encoded.length - 3 * FIELD_BYTES - BLOCK_KIND.length - BlockKey.BYTES;
    buffer.clear();
    field(buffer, 'K', BLOCK_KIND);
    buffer.put((byte) 'P').putInt(BlockKey.BYTES);
    parent.copyTo(encoded, buffer.position());
    buffer.position(buffer.position() + BlockKey.BYTES);
    buffer.put((byte) 'T').putInt(tokenBytes);
    for (int i = 0; i < tokenBytes / Integer.BYTES; i++) {
      buffer.putInt(tokenIds[from + i]);
    }
    return encoded;
  }

  private static void field(ByteBuffer bytes, char tag, byte[] content) {
    bytes.put((byte) tag).putInt(content.length).put(content);
  }

  /** SHA-256, unless a test makes keys collide. */
  BlockKey hash(byte[] bytes) {
    return BlockKey.of(sha256.digest(bytes), 0);
  }
}
