package dev.pagoda.tier.file;

import java.util.List;

/**
 * What keys and values depend on beside their tokens: the model's weights and configuration,
 * adapters, position encoding. Two models have the same fingerprint only if every key and value of
 * the one is the other's.
 *
 * <p>32 bytes that the application chooses. A digest of the weight files is best; a description
 * that names them without doubt will do. A name that stays when weights change will not.
 */
public final class ModelFingerprint {
  private final Digest digest;

  private ModelFingerprint(Digest digest) {
    this.digest = digest;
  }

  /**
   * A digest that the application has.
   *
   * @param digest 32 bytes; copied
   * @return the fingerprint
   * @throws IllegalArgumentException if there are more bytes, or fewer
   */
  public static ModelFingerprint of(byte[] digest) {
    return new ModelFingerprint(Digest.of(digest));
  }

  /**
   * The SHA-256 of a description. Parts are told apart: {@code ("ab", "c")} is not {@code ("a",
   * "bc")}.
   *
   * @param parts what the keys and values depend on, at least one: name and revision of the
   *     weights, adapter, position encoding
   * @return the fingerprint
   * @throws IllegalArgumentException if there is none
   */
  public static ModelFingerprint ofDescription(String... parts) {
    List<String> copy = List.of(parts);
    if (copy.isEmpty()) {
      throw new IllegalArgumentException("a description has parts: numParts=0");
    }
    CanonicalDigest canonical = new CanonicalDigest("pagoda model description");
    copy.forEach(canonical::add);
    return new ModelFingerprint(canonical.digest());
  }

  Digest digest() {
    return digest;
  }

  /**
   * The fingerprint itself.
   *
   * @return 32 bytes; a copy
   */
  public byte[] bytes() {
    return digest.bytes();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ModelFingerprint that && digest.equals(that.digest);
  }

  @Override
  public int hashCode() {
    return digest.hashCode();
  }

  @Override
  public String toString() {
    return "ModelFingerprint[" + digest + "]";
  }
}
