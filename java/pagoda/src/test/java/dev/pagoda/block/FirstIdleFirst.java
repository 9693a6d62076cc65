package dev.pagoda.block;

import java.util.ArrayDeque;
import java.util.Deque;

/** Gives blocks up in the order in which they became idle. */
public final class FirstIdleFirst implements IdleOrder {
  private final Deque<Integer> ids = new ArrayDeque<>();

  public FirstIdleFirst() {}

  @Override
  public void idle(int blockId) {
    ids.add(blockId);
  }

  @Override
  public void notIdle(int blockId) {
    ids.remove(blockId);
  }

  @Override
  public boolean isReclaimable(int blockId) {
    return true;
  }

  @Override
  public int numReclaimable() {
    return ids.size();
  }

  @Override
  public int takeVictim() {
    return ids.remove();
  }
}
