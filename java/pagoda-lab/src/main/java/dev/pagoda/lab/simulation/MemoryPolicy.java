package dev.pagoda.lab.simulation;

import java.util.Arrays;
import java.util.stream.Collectors;

/** How a server gives memory to requests. */
public enum MemoryPolicy {
  /** A contiguous region for the longest request that is allowed, from a buddy allocator. */
  MAXIMUM("max", "reserve maximum"),
  /**
   * A region for the prompt and its output rounded up to a power of two, from a buddy allocator.
   */
  POWER_OF_TWO("pow2", "power of two"),
  /** A region of the final length, which nobody knows, from a buddy allocator. */
  ORACLE("oracle", "oracle"),
  /** A region of the final length to the token, wherever the first hole is. */
  EXACT("exact", "exact length"),
  /** The library's blocks. */
  PAGED("paged", "paged");

  private final String option;
  private final String label;

  MemoryPolicy(String option, String label) {
    this.option = option;
    this.label = label;
  }

  /**
   * The name on the command line.
   *
   * @return a word
   */
  public String option() {
    return option;
  }

  /**
   * The name in tables.
   *
   * @return a few words
   */
  public String label() {
    return label;
  }

  /**
   * The policy of a name.
   *
   * @param option name on the command line
   * @return the policy
   * @throws IllegalArgumentException if there is none of that name
   */
  public static MemoryPolicy named(String option) {
    return Arrays.stream(values())
        .filter(policy -> policy.option.equals(option))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "policies are "
                    + Arrays.stream(values())
                        .map(MemoryPolicy::option)
                        .collect(Collectors.joining(", "))
                    + ": policy="
                    + option));
  }
}
