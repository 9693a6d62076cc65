package dev.pagoda.story;

import dev.pagoda.TokenContent;
import dev.pagoda.prefix.Namespace;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Who owns prompts, by name. Some have an adapter, or one that is called like a tenant. */
final class Tenants {
  private static final Map<String, Namespace> NAMESPACES =
      Map.of(
          "anna", Namespace.of("anna"),
          "bert", Namespace.of("bert"),
          "anna with adapter", Namespace.of("anna").withAdapter("lora"),
          "adapter anna", Namespace.COMMON.withAdapter("anna"));

  static final List<String> NAMES = NAMESPACES.keySet().stream().sorted().toList();

  private Tenants() {}

  static Namespace namespace(String tenant) {
    return Objects.requireNonNull(NAMESPACES.get(tenant));
  }

  static String nameOf(Namespace namespace) {
    return NAMES.stream()
        .filter(name -> namespace(name).equals(namespace))
        .findFirst()
        .orElseThrow();
  }

  /** The history that a tenant's first token goes on from. */
  static long historyBefore(String tenant) {
    return TokenContent.follow(0, tenant.hashCode());
  }

  static Tokens tokens(String tenant, int... ids) {
    return Tokens.of(historyBefore(tenant), ids);
  }
}
