package dev.pagoda.tier.file;

import dev.pagoda.memory.HostStorage;
import dev.pagoda.tier.BlockPatterns;
import java.nio.file.Path;

/** Opens disk tiers of {@link BlockPatterns}, without a cache, for tests of other packages. */
public final class TierDoor {
  private static final FileOwner OWNER =
      FileOwner.of(BlockPatterns.LAYOUT, ModelFingerprint.ofDescription("model", "1"));

  private TierDoor() {}

  /** Bytes of a file of a block. */
  public static long fileBytes() {
    return BlockFiles.fileBytes(OWNER);
  }

  /** A tier over files of the machine. */
  public static DiskTier open(Path folder, DiskTierSettings settings) {
    HostStorage staging = HostStorage.allocate(BlockPatterns.LAYOUT, 3);
    return DiskTier.open(folder, OWNER, settings, staging, new SystemFiles());
  }
}
