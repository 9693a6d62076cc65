/**
 * Reuse of common beginnings: full blocks of committed tokens are kept after their sequence and
 * found again by what they contain. Start at {@link dev.pagoda.prefix.PrefixCache}.
 */
package dev.pagoda.prefix;
