package dev.pagoda;

/** How much a cache spends on finding its callers' mistakes. */
public enum Checks {
  /** Every misuse is still an exception; blocks that are free keep what was last in them. */
  STANDARD,

  /**
   * Free blocks are filled with NaN, and exceptions about a block tell where it was allocated and
   * freed. Touches the whole pool at open; a stack walk per allocation and a fill per free.
   */
  DEBUG
}
