/** Blocks that are kept still while their bytes move. Hidden. */
package dev.pagoda.internal.move;
