package dev.pagoda.block;

/**
 * Debug record of where each block was last allocated and last freed, as throwables whose traces
 * say it. Costs a stack walk per allocation, so it is off unless asked for.
 */
final class AllocationSites {
  private final Site lost = new Site("no memory was left to say where");

  private final Site[] allocated;
  private final Site[] freed;

  AllocationSites(int numBlocks) {
    allocated = new Site[numBlocks];
    freed = new Site[numBlocks];
  }

  void allocated(int blockId) {
    record(allocated, blockId, "block was allocated here: blockId=");
  }

  void freed(int blockId) {
    record(freed, blockId, "block was freed here: blockId=");
  }

  /** Its callers are in the middle of changes that must not fail, so that a record may be lost. */
  private void record(Site[] sites, int blockId, String what) {
    try {
      sites[blockId] = new Site(what + blockId);
    } catch (OutOfMemoryError full) {
      sites[blockId] = lost;
    }
  }

  /** Adds what is known of a block to an exception about it. */
  <T extends Throwable> T explain(T exception, int blockId) {
    for (Site site : new Site[] {allocated[blockId], freed[blockId]}) {
      if (site != null) {
        exception.addSuppressed(site);
      }
    }
    return exception;
  }

  /** Not thrown: its stack trace is the record. */
  static final class Site extends Throwable {
    private static final long serialVersionUID = 1L;

    Site(String message) {
      super(message);
    }
  }
}
