/**
 * Reuse of common beginnings: full blocks of committed tokens are kept after their sequence and
 * found again by what they contain.
 */
package dev.pagoda.prefix;
