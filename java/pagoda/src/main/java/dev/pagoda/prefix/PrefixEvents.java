package dev.pagoda.prefix;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * The flight recorder's view of a prefix cache. The only class that names {@code jdk.jfr}, and only
 * touched where that module is: an image without it loses the events and nothing else.
 */
final class PrefixEvents {
  private PrefixEvents() {}

  @Name("dev.pagoda.PrefixHit")
  @Label("Prefix hit")
  @Category({"Pagoda", "Prefix cache"})
  @Description("A request found a cached prefix")
  @Enabled(false)
  @StackTrace(false)
  static final class Hit extends Event {
    @Label("Tenant")
    String tenant = "";

    @Label("Prompt tokens")
    int promptTokens;

    @Label("Cached tokens")
    int cachedTokens;

    @Label("Why not more")
    String missReason = "";
  }

  @Name("dev.pagoda.PrefixMiss")
  @Label("Prefix miss")
  @Category({"Pagoda", "Prefix cache"})
  @Description("A request found no cached prefix")
  @Enabled(false)
  @StackTrace(false)
  static final class Miss extends Event {
    @Label("Tenant")
    String tenant = "";

    @Label("Prompt tokens")
    int promptTokens;

    @Label("Why")
    String missReason = "";
  }

  @Name("dev.pagoda.PrefixEvict")
  @Label("Prefix block removed")
  @Category({"Pagoda", "Prefix cache"})
  @Description("A block is shareable no more")
  @Enabled(false)
  @StackTrace(false)
  static final class Evict extends Event {
    @Label("Tenant")
    String tenant = "";

    @Label("Block index")
    int blockIndex;

    @Label("Reason")
    String reason = "";
  }

  static void lookup(Namespace namespace, int promptTokens, int cachedTokens, MissReason reason) {
    if (cachedTokens > 0) {
      Hit hit = new Hit();
      if (hit.isEnabled()) {
        hit.tenant = namespace.name();
        hit.promptTokens = promptTokens;
        hit.cachedTokens = cachedTokens;
        hit.missReason = reason.name();
        hit.commit();
      }
    } else {
      Miss miss = new Miss();
      if (miss.isEnabled()) {
        miss.tenant = namespace.name();
        miss.promptTokens = promptTokens;
        miss.missReason = reason.name();
        miss.commit();
      }
    }
  }

  static void evict(PrefixBlock block, RemovalReason reason) {
    Evict evict = new Evict();
    if (evict.isEnabled()) {
      evict.tenant = block.namespace().name();
      evict.blockIndex = block.blockIndex();
      evict.reason = reason.name();
      evict.commit();
    }
  }
}
