/**
 * The contract that each implementation of the kernels meets, the canonical order of operations
 * that makes them agree to the bit, and the rule that picks one of the candidates offered.
 */
package dev.pagoda.internal.kernel;
