package dev.pagoda.prefix;

import java.util.Objects;

/**
 * Who may reuse whose blocks: sequences of one namespace share, different ones never do, whatever
 * their tokens.
 *
 * <p>A server gives each tenant a name of its own choosing; a name that the client may choose
 * protects nobody.
 *
 * @param name the tenant, any text
 * @param adapter what changes the model's keys and values, a LoRA for instance: a digest of its
 *     weights rather than its name, which may be given to others; empty for none
 */
public record Namespace(String name, String adapter) {
  /** For applications that serve one party. */
  public static final Namespace COMMON = new Namespace("", "");

  /** Checks that both are there. */
  public Namespace {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(adapter, "adapter");
  }

  /**
   * A tenant's namespace, without an adapter.
   *
   * @param name the tenant
   * @return the namespace
   */
  public static Namespace of(String name) {
    return new Namespace(name, "");
  }

  /**
   * The same tenant with an adapter.
   *
   * @param newAdapter a digest of the adapter's weights
   * @return the namespace
   */
  public Namespace withAdapter(String newAdapter) {
    return new Namespace(name, newAdapter);
  }
}
