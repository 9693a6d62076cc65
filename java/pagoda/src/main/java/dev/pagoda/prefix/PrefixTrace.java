package dev.pagoda.prefix;

/** Flight recorder events, where the JVM has the recorder; nothing elsewhere. */
final class PrefixTrace {
  private static final boolean PRESENT = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

  private PrefixTrace() {}

  static void lookup(PrefixLookup lookup, int cachedTokens, MissReason reason) {
    if (PRESENT) {
      PrefixEvents.lookup(
          lookup.root.block.namespace(), lookup.tokenIds.length, cachedTokens, reason);
    }
  }

  static void evict(PrefixBlock block, RemovalReason reason) {
    if (PRESENT) {
      PrefixEvents.evict(block, reason);
    }
  }
}
