package dev.pagoda.tier.file;

import dev.pagoda.layout.KvLayout;

/**
 * Whose files they are.
 *
 * @param layout how the cache's blocks lie
 * @param shape digest of layers, element types and block size
 * @param model the application's model
 */
record FileOwner(KvLayout layout, Digest shape, ModelFingerprint model) {
  static FileOwner of(KvLayout layout, ModelFingerprint model) {
    return new FileOwner(layout, FileHeader.shapeDigest(layout), model);
  }
}
