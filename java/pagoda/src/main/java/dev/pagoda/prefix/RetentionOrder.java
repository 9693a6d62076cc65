package dev.pagoda.prefix;

import dev.pagoda.block.IdleOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Gives up idle blocks of the lowest priority first, of those the ones that have been idle longest,
 * and of those that became idle together the end of their chain first.
 *
 * <p>A list per priority, to whose end blocks are appended as they become idle. Sequences drop
 * their blocks last one first, and whoever holds a block holds all before it: so the end of a chain
 * comes before its beginning in the list, and nothing needs sorting. Pinned blocks wait in a list
 * of their own until their deadline has passed.
 *
 * <p>Footprint: 48 bytes per block. Threads: one lock, in which nobody else is called; each call is
 * O(1), except that the first one after a pin's deadline looks through all pinned blocks.
 */
class RetentionOrder implements IdleOrder {
  /** Longest pin, so that differences of deadlines never overflow. */
  private static final Duration PIN_MAX = Duration.ofDays(36_500);

  private static final byte NOT_IDLE = -1;
  private static final byte IDLE_PINNED = Retention.PRIORITY_MAX + 1;

  private final ReentrantLock lock = new ReentrantLock();
  private final LongSupplier nanoTime;
  private final BlockLinks links;
  private final BlockLinks tenantLinks;
  private final BlockList[] idleByPriority = BlockList.perPriority();
  private final BlockList pinnedIdle = new BlockList();
  private final Tenant[] tenants;
  private final byte[] priorities;
  private final byte[] lists; // which list an idle block is in
  private final boolean[] pinned;
  private final long[] pinDeadlines;
  private final long[] idleSince;
  private final boolean[] returning; // idle again at the place where they were
  private final int[] numHits;
  private int numReclaimable;
  private long earliestDeadline; // no later than that of any block in pinnedIdle

  RetentionOrder(int numBlocks, LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    links = new BlockLinks(numBlocks);
    tenantLinks = new BlockLinks(numBlocks);
    tenants = new Tenant[numBlocks];
    Arrays.fill(tenants, new Tenant("", 0));
    priorities = new byte[numBlocks];
    lists = new byte[numBlocks];
    Arrays.fill(lists, NOT_IDLE);
    pinned = new boolean[numBlocks];
    pinDeadlines = new long[numBlocks];
    idleSince = new long[numBlocks];
    numHits = new int[numBlocks];
    returning = new boolean[numBlocks];
  }

  /** One of the same size and clock, for subclasses. */
  RetentionOrder(RetentionOrder other) {
    this(other.tenants.length, other.nanoTime);
  }

  /** What is known of a block besides its content. */
  record Standing(int priority, int numHits, boolean isIdle, long sinceIdleNanos, long pinNanos) {}

  // What the prefix cache says of blocks.

  /**
   * A block is about to be cached for a tenant.
   *
   * @return false if the tenant has as many as it may
   */
  boolean admit(int blockId, Tenant tenant, Retention retention) {
    lock.lock();
    try {
      if (tenant.numCached >= tenant.quotaBlocks) {
        return false;
      }
      tenant.numCached++;
      tenants[blockId] = tenant;
      priorities[blockId] = (byte) retention.priority();
      pinned[blockId] = false;
      returning[blockId] = false;
      numHits[blockId] = 0;
      pinUntil(blockId, deadline(retention.pin()));
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * A victim is about to be cached again, as if it had not been taken: with the priority and the
   * pin that it had, and in front of all others when it is idle. Of several the last one that was
   * taken comes first.
   *
   * @return false if the tenant has as many as it may
   */
  boolean readmit(int blockId, Tenant tenant) {
    lock.lock();
    try {
      if (tenant.numCached >= tenant.quotaBlocks) {
        return false;
      }
      tenant.numCached++;
      tenants[blockId] = tenant;
      returning[blockId] = true;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** A block is not cached any more. */
  void dismiss(Tenant tenant) {
    lock.lock();
    try {
      tenant.numCached--;
    } finally {
      lock.unlock();
    }
  }

  /** Blocks are used by a request: its retention counts where it is higher. */
  void raise(int[] blockIds, int count, Retention retention, int hits) {
    lock.lock();
    try {
      long deadline = deadline(retention.pin());
      for (int i = 0; i < count; i++) {
        int blockId = blockIds[i];
        returning[blockId] = false; // somebody uses it: it is not what it was
        numHits[blockId] += hits;
        boolean isIdle = lists[blockId] != NOT_IDLE;
        boolean changes = retention.priority() > priorities[blockId] || !retention.pin().isZero();
        if (isIdle && changes) {
          unlink(blockId);
        }
        priorities[blockId] = (byte) Math.max(priorities[blockId], retention.priority());
        if (!retention.pin().isZero()) {
          pinUntil(blockId, deadline);
        }
        if (isIdle && changes) {
          link(blockId);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes the pins of blocks back. */
  void unpin(int[] blockIds, int count) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        int blockId = blockIds[i];
        if (lists[blockId] == IDLE_PINNED) {
          unlink(blockId);
          pinned[blockId] = false;
          link(blockId);
        }
        pinned[blockId] = false;
      }
    } finally {
      lock.unlock();
    }
  }

  private long deadline(Duration pin) {
    Duration bounded = pin.compareTo(PIN_MAX) > 0 ? PIN_MAX : pin;
    return nanoTime.getAsLong() + bounded.toNanos();
  }

  private void pinUntil(int blockId, long deadline) {
    if (deadline - nanoTime.getAsLong() > 0
        && (!pinned[blockId] || deadline - pinDeadlines[blockId] > 0)) {
      pinned[blockId] = true;
      pinDeadlines[blockId] = deadline;
    }
  }

  Standing standing(int blockId) {
    lock.lock();
    try {
      long now = nanoTime.getAsLong();
      boolean isIdle = lists[blockId] != NOT_IDLE;
      long pinNanos = pinned[blockId] ? Math.max(0, pinDeadlines[blockId] - now) : 0;
      return new Standing(
          priorities[blockId], numHits[blockId], isIdle, now - idleSince[blockId], pinNanos);
    } finally {
      lock.unlock();
    }
  }

  int numCached(Tenant tenant) {
    lock.lock();
    try {
      return tenant.numCached;
    } finally {
      lock.unlock();
    }
  }

  /** The idle block of a tenant that is given up next, or {@link BlockLinks#NONE}; it stays. */
  int victimOf(Tenant tenant) {
    lock.lock();
    try {
      releaseOverduePins();
      return firstOf(tenant.idleByPriority);
    } finally {
      lock.unlock();
    }
  }

  private static int firstOf(BlockList[] lists) {
    for (BlockList list : lists) {
      if (!list.isEmpty()) {
        return list.head;
      }
    }
    return BlockLinks.NONE;
  }

  // What the pool says and asks.

  @Override
  public void idle(int blockId) {
    lock.lock();
    try {
      if (!returning[blockId]) {
        idleSince[blockId] = nanoTime.getAsLong();
      }
      link(blockId);
      returning[blockId] = false;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void notIdle(int blockId) {
    lock.lock();
    try {
      unlink(blockId);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean isReclaimable(int blockId) {
    lock.lock();
    try {
      return lists[blockId] != NOT_IDLE && lists[blockId] != IDLE_PINNED;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean wouldBeReclaimable(int blockId) {
    lock.lock();
    try {
      return !pinned[blockId] || pinDeadlines[blockId] - nanoTime.getAsLong() <= 0;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int numReclaimable() {
    lock.lock();
    try {
      releaseOverduePins();
      return numReclaimable;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int takeVictim() {
    lock.lock();
    try {
      int blockId = firstOf(idleByPriority);
      if (blockId == BlockLinks.NONE) {
        throw new IllegalStateException("no block is idle: numReclaimable=" + numReclaimable);
      }
      unlink(blockId);
      return blockId;
    } finally {
      lock.unlock();
    }
  }

  // Lists.

  private void link(int blockId) {
    if (pinned[blockId] && pinDeadlines[blockId] - nanoTime.getAsLong() > 0) {
      if (pinnedIdle.isEmpty() || pinDeadlines[blockId] - earliestDeadline < 0) {
        earliestDeadline = pinDeadlines[blockId];
      }
      lists[blockId] = IDLE_PINNED;
      links.append(pinnedIdle, blockId);
      return;
    }
    pinned[blockId] = false;
    lists[blockId] = priorities[blockId];
    BlockList all = idleByPriority[priorities[blockId]];
    BlockList its = tenants[blockId].idleByPriority[priorities[blockId]];
    if (returning[blockId]) {
      links.prepend(all, blockId);
      tenantLinks.prepend(its, blockId);
    } else {
      links.append(all, blockId);
      tenantLinks.append(its, blockId);
    }
    numReclaimable++;
  }

  private void unlink(int blockId) {
    byte list = lists[blockId];
    lists[blockId] = NOT_IDLE;
    if (list == IDLE_PINNED) {
      links.remove(pinnedIdle, blockId);
    } else {
      links.remove(idleByPriority[list], blockId);
      tenantLinks.remove(tenants[blockId].idleByPriority[list], blockId);
      numReclaimable--;
    }
  }

  /** Pinned blocks whose time has come may be given up, in the order in which they became idle. */
  private void releaseOverduePins() {
    if (pinnedIdle.isEmpty()) {
      return;
    }
    long now = nanoTime.getAsLong();
    if (earliestDeadline - now > 0) {
      return;
    }
    long earliest = now + PIN_MAX.toNanos();
    int blockId = pinnedIdle.head;
    while (blockId != BlockLinks.NONE) {
      int next = links.next(blockId);
      if (pinDeadlines[blockId] - now <= 0) {
        unlink(blockId);
        pinned[blockId] = false;
        link(blockId);
      } else if (pinDeadlines[blockId] - earliest < 0) {
        earliest = pinDeadlines[blockId];
      }
      blockId = next;
    }
    earliestDeadline = earliest;
  }
}
