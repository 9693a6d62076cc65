package dev.pagoda.block;

/** The order of no blocks, until somebody sets another one. */
enum NothingCached implements IdleOrder {
  INSTANCE;

  @Override
  public void idle(int blockId) {}

  @Override
  public void notIdle(int blockId) {}

  @Override
  public boolean isReclaimable(int blockId) {
    return false;
  }

  @Override
  public int numReclaimable() {
    return 0;
  }

  @Override
  public int takeVictim() {
    throw new IllegalStateException("no block is idle: numReclaimable=0");
  }
}
