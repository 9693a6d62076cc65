package dev.pagoda.block;

import dev.pagoda.Surgery;

/** On a pool's books. */
public final class PoolSurgery extends Surgery {
  public PoolSurgery(BlockPool pool) {
    this(pool.books());
  }

  private PoolSurgery(BlockBooks books) {
    super(books, books.lives, books.free, books.marks);
  }
}
