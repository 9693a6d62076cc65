package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.ModelRun;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A copy engine in one thread, over real pools: copies are queued, pass at a random later step in
 * any order, and read their source <b>then</b>. Blocks are released, aborted and used again
 * meanwhile; pins are all that keeps them still. Whoever reads a block must find what it was given.
 *
 * <p>The same protocol with one mistake, of those that other systems have made, must be found out.
 */
class QueuedCopiesTest {
  private static final int STEPS_PER_EPISODE = 400;

  /** Mistakes of the protocol. */
  enum Fault {
    /** Every upload goes through the same staging buffer. */
    STAGING_BUFFER_REUSED,
    /** Two staging buffers take turns, whatever is in flight. */
    DOUBLE_BUFFER_BY_TURNS,
    /** Two offloads of one step go to the same host slot. */
    SAME_SLOT_TWICE,
    /** A copy is taken to have passed after one step. */
    FREED_ONE_STEP_LATER,
    /** The source of an offload is not pinned. */
    SOURCE_FREED_IN_FLIGHT,
    /** The target of a copy is not pinned. */
    TARGET_FREED_ON_ABORT,
    /** The source of a load is not pinned. */
    HOST_SLOT_EVICTED_DURING_COPY,
    /** Readers do not wait for what is being loaded. */
    READ_BEFORE_ARRIVAL,
    /** The completion of an aborted copy is dropped. */
    LOST_COMPLETION,
    /** A hold ends at its deadline, and again when the completion comes. */
    LATE_COMPLETION
  }

  private static final int COPIES_MAX = 5;

  /** Two memories, an engine between them, and what everybody believes. */
  private static final class Engine {
    /** A block that somebody has, and what must be in it. */
    private static final class Holding {
      final BlockPool pool;
      final long[] memory;
      final long handle;
      final long content;
      boolean arrived = true;

      Holding(BlockPool pool, long[] memory, long handle, long content) {
        this.pool = pool;
        this.memory = memory;
        this.handle = handle;
        this.content = content;
      }

      int id() {
        return BlockHandle.blockId(handle);
      }

      void read() {
        if (arrived && memory[id()] != content) {
          throw new AssertionError(
              "content of another: expected=" + content + ", actual=" + memory[id()]);
        }
      }
    }

    /** Something that was queued and has not passed. */
    private static final class Copy {
      final Holding source;
      final Holding target;
      final int buffer; // staging buffer it goes through; -1 for none
      boolean aborted;
      int age;
      boolean unpinned;

      Copy(Holding source, Holding target, int buffer) {
        this.source = source;
        this.target = target;
        this.buffer = buffer;
      }
    }

    private final SplittableRandom random;
    private final Set<Fault> bugs;
    private final BlockPool device;
    private final BlockPool host;
    private final long[] deviceMemory;
    private final long[] hostMemory;
    private final long[] staging = new long[2];
    private final List<Holding> holdings = new ArrayList<>();
    private final List<Copy> queue = new ArrayList<>();
    private final Map<Integer, Integer> slotsOfStep = new HashMap<>();
    private long nextContent = 1;
    private int nextBuffer;

    Engine(long seed, Set<Fault> bugs) {
      this.bugs = bugs;
      random = new SplittableRandom(seed);
      device = new BlockPool(random.nextInt(2, 7));
      host = new BlockPool(random.nextInt(2, 7));
      deviceMemory = new long[device.numBlocks()];
      hostMemory = new long[host.numBlocks()];
    }

    private boolean has(Fault bug) {
      return bugs.contains(bug);
    }

    void run(int steps) {
      for (int step = 0; step < steps; step++) {
        slotsOfStep.clear();
        queue.forEach(copy -> copy.age++);
        for (int i = random.nextInt(4); i > 0; i--) {
          operate();
        }
        if (has(Fault.FREED_ONE_STEP_LATER)) {
          queue.stream().filter(copy -> copy.age > 0).forEach(this::unpin);
        }
        holdings.forEach(Holding::read);
        device.checkConservation();
        host.checkConservation();
      }
      while (!queue.isEmpty()) {
        pass(queue.get(random.nextInt(queue.size())));
      }
      holdings.forEach(Holding::read);
      while (!holdings.isEmpty()) {
        release(holdings.getFirst());
      }
      assertThat(device.numFree())
          .as("device blocks are held for ever")
          .isEqualTo(device.numBlocks());
      assertThat(host.numFree()).as("host slots are held for ever").isEqualTo(host.numBlocks());
    }

    private void operate() {
      switch (random.nextInt(6)) {
        case 0 -> compute();
        case 1 -> offload();
        case 2 -> load();
        case 3 -> upload();
        case 4 -> finishSome();
        default -> {
          if (!queue.isEmpty()) {
            pass(queue.get(random.nextInt(queue.size())));
          }
        }
      }
    }

    /** A kernel writes a new block at once. */
    private void compute() {
      if (device.numFree() > 0) {
        Holding holding = new Holding(device, deviceMemory, device.allocate(), nextContent++);
        holdings.add(holding);
        deviceMemory[holding.id()] = holding.content;
      }
    }

    private List<Holding> arrived(BlockPool pool) {
      return holdings.stream()
          .filter(h -> h.pool == pool)
          .filter(h -> h.arrived || has(Fault.READ_BEFORE_ARRIVAL))
          .toList();
    }

    private void offload() {
      List<Holding> sources = arrived(device);
      if (!sources.isEmpty() && host.numFree() > 0 && queue.size() < COPIES_MAX) {
        Holding source = sources.get(random.nextInt(sources.size()));
        Holding target = new Holding(host, hostMemory, host.allocate(), source.content);
        if (has(Fault.SAME_SLOT_TWICE)) {
          Integer slot = slotsOfStep.putIfAbsent(0, target.id());
          if (slot != null) { // both think that it is theirs
            Holding first = queue.getLast().target;
            if (first.pool == host) {
              target.pool.release(target.handle);
              Holding twice = new Holding(host, hostMemory, first.handle, source.content);
              first.pool.retain(new long[] {first.handle}, 0, 1);
              enqueue(source, twice, -1);
              return;
            }
          }
        }
        enqueue(source, target, -1);
      }
    }

    private void load() {
      List<Holding> sources = arrived(host);
      if (!sources.isEmpty() && device.numFree() > 0 && queue.size() < COPIES_MAX) {
        Holding source = sources.get(random.nextInt(sources.size()));
        enqueue(source, new Holding(device, deviceMemory, device.allocate(), source.content), -1);
      }
    }

    /** Data of the caller's, through a staging buffer. */
    private void upload() {
      if (device.numFree() == 0 || queue.size() >= COPIES_MAX) {
        return;
      }
      int buffer = buffer();
      if (buffer < 0) {
        return; // the caller waits
      }
      staging[buffer] = nextContent;
      long handle = device.allocate();
      Holding target = new Holding(device, deviceMemory, handle, nextContent++);
      enqueue(target, target, buffer);
    }

    private int buffer() {
      if (has(Fault.STAGING_BUFFER_REUSED)) {
        return 0;
      }
      if (has(Fault.DOUBLE_BUFFER_BY_TURNS)) {
        nextBuffer = 1 - nextBuffer;
        return nextBuffer;
      }
      for (int i = 0; i < staging.length; i++) {
        int buffer = i;
        if (queue.stream().noneMatch(copy -> copy.buffer == buffer)) {
          return buffer;
        }
      }
      return -1;
    }

    private void enqueue(Holding source, Holding target, int buffer) {
      target.arrived = has(Fault.READ_BEFORE_ARRIVAL);
      holdings.add(target);
      Copy copy = new Copy(source, target, buffer);
      queue.add(copy);
      if (buffer < 0) {
        pin(source, true);
      }
      pin(target, false);
    }

    private boolean pins(Holding holding, boolean asSource) {
      if (asSource) {
        return holding.pool == host
            ? !has(Fault.HOST_SLOT_EVICTED_DURING_COPY)
            : !has(Fault.SOURCE_FREED_IN_FLIGHT);
      }
      return !has(Fault.TARGET_FREED_ON_ABORT);
    }

    private void pin(Holding holding, boolean asSource) {
      if (pins(holding, asSource)) {
        holding.pool.pins().pin(new long[] {holding.handle}, 0, 1);
      }
    }

    private void unpin(Copy copy) {
      if (!copy.unpinned) {
        copy.unpinned = true;
        if (copy.buffer < 0 && pins(copy.source, true)) {
          copy.source.pool.pins().unpin(new long[] {copy.source.handle}, 0, 1);
        }
        if (pins(copy.target, false)) {
          copy.target.pool.pins().unpin(new long[] {copy.target.handle}, 0, 1);
        }
      }
    }

    /** The copy happens now, and reads what is there now. */
    private void pass(Copy copy) {
      queue.remove(copy);
      boolean cancelled = copy.aborted && has(Fault.LATE_COMPLETION);
      if (!cancelled) {
        copy.target.memory[copy.target.id()] =
            copy.buffer < 0 ? copy.source.memory[copy.source.id()] : staging[copy.buffer];
      }
      copy.target.arrived = true;
      if (!(copy.aborted && has(Fault.LOST_COMPLETION))) {
        unpin(copy);
      }
      if (cancelled) {
        // Drops the hold on whatever has the block now.
        holdings.stream()
            .filter(h -> h.pool == copy.target.pool && h.id() == copy.target.id())
            .findFirst()
            .ifPresent(h -> h.pool.release(h.handle));
      }
    }

    /** Somebody is done with a block, or gives up on it while it is on its way. */
    private void finishSome() {
      if (!holdings.isEmpty()) {
        release(holdings.get(random.nextInt(holdings.size())));
      }
    }

    private void release(Holding holding) {
      holdings.remove(holding);
      holding.pool.release(holding.handle);
      for (Copy copy : queue) {
        if (copy.target == holding) {
          copy.aborted = true;
          if (has(Fault.LATE_COMPLETION)) {
            unpin(copy); // the deadline; the completion comes all the same
          }
        }
      }
    }
  }

  private static long episode(long seed, Set<Fault> bugs) {
    new Engine(seed, bugs).run(STEPS_PER_EPISODE);
    return STEPS_PER_EPISODE;
  }

  @Test
  void whatIsPinnedStaysWhatItWasUntilItsCopiesHavePassed() {
    ModelRun.announced("QueuedCopiesTest").run(seed -> episode(seed, EnumSet.noneOf(Fault.class)));
  }

  /** For the registry of bugs: fails with one of them, passes with none. */
  static void requireRight(Set<Fault> faults) {
    ModelRun.fixed("QueuedCopiesTest", 40_000, 7).run(seed -> episode(seed, faults));
  }

  @ParameterizedTest
  @EnumSource
  void everyMistakeIsFound(Fault fault) {
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireRight(EnumSet.of(fault)))
        .withMessageContaining("-Ddev.pagoda.test.seed=");
  }
}
