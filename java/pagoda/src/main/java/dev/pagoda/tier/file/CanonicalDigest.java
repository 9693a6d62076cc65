package dev.pagoda.tier.file;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * SHA-256 over parts that cannot run into each other: texts go in with their length in front, and
 * the first one says what is digested.
 */
final class CanonicalDigest {
  private final MessageDigest sha256;

  CanonicalDigest(String domain) {
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has it: algorithm=SHA-256", impossible);
    }
    add(domain);
  }

  CanonicalDigest add(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    add(bytes.length);
    sha256.update(bytes);
    return this;
  }

  CanonicalDigest add(int number) {
    sha256.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, number));
    return this;
  }

  Digest digest() {
    return Digest.of(sha256.digest());
  }
}
