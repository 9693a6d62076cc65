package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.ModelRun;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.file.FiledGroup;
import dev.pagoda.tier.file.MemoryStores;
import dev.pagoda.tier.file.RestoredGroup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/**
 * Random appends, forks, truncations, swaps, drops, saves and files, whole or of the last blocks,
 * in pools too small for them, against plain lists: tokens read from memory, who shares which
 * block, and exactly which calls run out of blocks.
 */
class TierModelTest {
  /** One of these costs as much as that many of other models. */
  private static final int COST = 50;

  private static final int OPERATIONS_PER_EPISODE = 250;
  private static final int SEQUENCES_MAX = 8;
  private static final int[] NO_IDS = {};

  /** A sequence as lists: its tokens, and its blocks by identity. */
  private record Twin(List<Integer> tokens, List<Object> blocks) {
    Twin copy() {
      return new Twin(new ArrayList<>(tokens), new ArrayList<>(blocks));
    }

    int[] tokenArray(int from, int to) {
      return tokens.subList(from, to).stream().mapToInt(token -> token).toArray();
    }
  }

  /** Sequences that left together. */
  private record Group(Map<KvSequence, Twin> members, int cut, Object handle) {
    int numBlocks() {
      Set<Object> away = new HashSet<>();
      members.values().forEach(twin -> away.addAll(behind(twin)));
      return away.size();
    }

    private List<Object> behind(Twin twin) {
      List<Object> blocks = twin.blocks();
      return blocks.subList(Math.min(cut, blocks.size()), blocks.size());
    }

    /** Blocks that stayed, one list per member. */
    List<List<Object>> heads() {
      return members.values().stream()
          .map(twin -> twin.blocks().subList(0, Math.min(cut, twin.blocks().size())))
          .toList();
    }

    /** Back again, they share what had left among themselves alone. */
    Map<KvSequence, Twin> renewed() {
      Map<Object, Object> renewed = new HashMap<>();
      Map<KvSequence, Twin> back = new LinkedHashMap<>();
      members.forEach((sequence, twin) -> {
        Twin copy = twin.copy();
        behind(copy).replaceAll(b -> renewed.computeIfAbsent(b, old -> new Object()));
        back.put(sequence, copy);
      });
      return back;
    }
  }

  private static Set<Object> distinct(Iterable<Twin> twins) {
    Set<Object> distinct = new HashSet<>();
    twins.forEach(twin -> distinct.addAll(twin.blocks()));
    return distinct;
  }

  private static final class World implements AutoCloseable {
    private final RandomGenerator random;
    private final int blockSize;
    private final int numBlocks;
    private final int numSlots;
    private final ReadableCache memory;
    private final SwapSpace space;
    private final Step step;
    private final Map<KvSequence, Twin> idle = new LinkedHashMap<>();
    private final List<Group> swapped = new ArrayList<>();
    private final List<Group> dropped = new ArrayList<>();
    private final List<Group> filed = new ArrayList<>();
    private final MemoryStores stores;
    private final int[] outcomes;
    private int nextToken = 1;

    World(long seed, int[] outcomes) {
      this.outcomes = outcomes;
      random = Seeds.generator(seed, "tiers");
      blockSize = random.nextInt(1, 6);
      numBlocks = random.nextInt(6, 40);
      numSlots = random.nextInt(3, 30);
      memory = ReadableCache.open(blockSize, numBlocks);
      space = SwapSpace.open(memory.cache(), Capacity.blocks(numSlots), Checks.DEBUG);
      stores = new MemoryStores(memory.cache());
      step = memory.cache().newStep();
    }

    void operate() {
      switch (random.nextInt(16)) {
        case 0 -> open();
        case 1, 2 -> fork();
        case 3, 4, 5 -> append();
        case 6 -> truncate();
        case 7 -> close(random.nextInt(3));
        case 8 -> swapOut();
        case 9 -> swapIn();
        case 10 -> drop();
        case 11 -> moreLeaves();
        case 12 -> saveAndRestore();
        case 13 -> file();
        case 14 -> unfile();
        default -> restore();
      }
    }

    private void count(boolean succeeds) {
      outcomes[succeeds ? 0 : 1]++;
    }

    private int numFree() {
      Set<Object> used = new HashSet<>(distinct(idle.values()));
      heads().forEach(used::addAll);
      return numBlocks - used.size();
    }

    /** What sequences that are away have kept. */
    private List<List<Object>> heads() {
      List<List<Object>> heads = new ArrayList<>();
      swapped.forEach(group -> heads.addAll(group.heads()));
      dropped.forEach(group -> heads.addAll(group.heads()));
      filed.forEach(group -> heads.addAll(group.heads()));
      return heads;
    }

    private int someCut() {
      return random.nextBoolean() ? 0 : random.nextInt(8);
    }

    private int numFreeSlots() {
      return numSlots - swapped.stream().mapToInt(Group::numBlocks).sum();
    }

    private KvSequence any() {
      return List.copyOf(idle.keySet()).get(random.nextInt(idle.size()));
    }

    private List<KvSequence> some() {
      List<KvSequence> some = new ArrayList<>(idle.keySet());
      some.removeIf(sequence -> random.nextInt(3) == 0);
      return some;
    }

    private void open() {
      if (idle.size() < SEQUENCES_MAX) {
        idle.put(memory.cache().newSequence(), new Twin(new ArrayList<>(), new ArrayList<>()));
      }
    }

    private void fork() {
      if (!idle.isEmpty() && idle.size() < SEQUENCES_MAX) {
        KvSequence parent = any();
        Twin twin = idle.get(parent).copy();
        int length = random.nextBoolean() ? parent.length() : random.nextInt(parent.length() + 1);
        shorten(twin, length);
        idle.put(parent.fork(length), twin);
      }
    }

    private void shorten(Twin twin, int length) {
      twin.tokens().subList(length, twin.tokens().size()).clear();
      twin.blocks().subList(Math.ceilDiv(length, blockSize), twin.blocks().size()).clear();
    }

    private void append() {
      Map<KvSequence, Twin> after = new LinkedHashMap<>(idle);
      List<Integer> tokens = new ArrayList<>();
      int needed = 0;
      for (KvSequence sequence : some()) {
        int count = random.nextInt(1, 2 * blockSize + 1);
        Twin twin = idle.get(sequence).copy();
        after.put(sequence, twin);
        step.append(sequence, count);
        needed += grow(twin, sequence, after, count, tokens);
      }
      boolean succeeds = needed <= numFree();
      count(succeeds);
      if (!succeeds) {
        assertThatThrownBy(step::begin).isInstanceOf(OutOfBlocksException.class);
      } else {
        step.begin();
        memory.write(step, tokens.stream().mapToInt(token -> token).toArray());
        if (random.nextInt(5) == 0) {
          step.rollback();
        } else {
          step.commit();
          idle.putAll(after);
        }
      }
    }

    /** Appends to a twin; returns how many new blocks that took. */
    private int grow(
        Twin twin,
        KvSequence sequence,
        Map<KvSequence, Twin> all,
        int count,
        List<Integer> tokens) {
      int numNew = 0;
      int last = twin.blocks().size() - 1;
      if (twin.tokens().size() % blockSize != 0) {
        Object block = twin.blocks().get(last);
        boolean isShared =
            all.entrySet().stream()
                    .anyMatch(e -> e.getKey() != sequence && e.getValue().blocks().contains(block))
                || heads().stream().anyMatch(head -> head.contains(block));
        if (isShared) {
          twin.blocks().set(last, new Object());
          numNew++;
        }
      }
      for (int i = 0; i < count; i++) {
        if (twin.tokens().size() % blockSize == 0) {
          twin.blocks().add(new Object());
          numNew++;
        }
        twin.tokens().add(nextToken);
        tokens.add(nextToken);
        nextToken++;
      }
      return numNew;
    }

    private void truncate() {
      if (!idle.isEmpty()) {
        KvSequence sequence = any();
        int length = random.nextInt(sequence.length() + 1);
        sequence.truncate(length);
        shorten(idle.get(sequence), length);
      }
    }

    private void close(int where) {
      if (where == 0 && !swapped.isEmpty()) {
        Group group = swapped.remove(random.nextInt(swapped.size()));
        if (random.nextBoolean()) {
          group.members().keySet().iterator().next().close();
        }
        space.discard((SwappedGroup) group.handle());
        assertThat(group.members().keySet()).allMatch(KvSequence::isClosed);
      } else if (where == 1 && !dropped.isEmpty()) {
        Group group = dropped.remove(random.nextInt(dropped.size()));
        group.members().keySet().forEach(KvSequence::close);
      } else if (!idle.isEmpty()) {
        KvSequence sequence = any();
        sequence.close();
        idle.remove(sequence);
      }
    }

    private Map<KvSequence, Twin> take(List<KvSequence> sequences) {
      Map<KvSequence, Twin> members = new LinkedHashMap<>();
      sequences.forEach(sequence -> members.put(sequence, idle.remove(sequence)));
      return members;
    }

    private void swapOut() {
      List<KvSequence> sequences = some();
      if (sequences.isEmpty()) {
        return;
      }
      int cut = someCut();
      Map<KvSequence, Twin> members = new LinkedHashMap<>();
      sequences.forEach(sequence -> members.put(sequence, idle.get(sequence)));
      int needed = new Group(members, cut, "").numBlocks();
      boolean succeeds = needed <= numFreeSlots();
      count(succeeds);
      if (succeeds) {
        SwappedGroup handle = space.swapOutTail(sequences, cut);
        assertThat(handle.numBlocks()).isEqualTo(needed);
        swapped.add(new Group(take(sequences), cut, handle));
      } else {
        assertThatThrownBy(() -> space.swapOutTail(sequences, cut))
            .isInstanceOf(OutOfBlocksException.class);
      }
    }

    private void swapIn() {
      if (swapped.isEmpty()) {
        return;
      }
      Group group = swapped.get(random.nextInt(swapped.size()));
      SwappedGroup handle = (SwappedGroup) group.handle();
      if (random.nextInt(6) == 0) {
        swapped.remove(group);
        dropped.add(new Group(group.members(), group.cut(), space.drop(handle)));
        return;
      }
      boolean succeeds = group.numBlocks() <= numFree();
      count(succeeds);
      if (succeeds) {
        space.swapIn(handle);
        swapped.remove(group);
        idle.putAll(group.renewed());
      } else {
        assertThatThrownBy(() -> space.swapIn(handle)).isInstanceOf(OutOfBlocksException.class);
      }
    }

    private void drop() {
      List<KvSequence> sequences = some();
      if (!sequences.isEmpty()) {
        int cut = someCut();
        DroppedGroup handle = DroppedGroup.dropTail(memory.cache(), sequences, cut);
        dropped.add(new Group(take(sequences), cut, handle));
      }
    }

    /** A group that kept its first blocks gives up some of those too. */
    private void moreLeaves() {
      boolean fromSwapped = random.nextBoolean();
      List<Group> groups = fromSwapped ? swapped : dropped;
      if (groups.isEmpty()) {
        return;
      }
      int index = random.nextInt(groups.size());
      Group group = groups.get(index);
      if (group.cut() == 0) {
        return;
      }
      int cut = random.nextInt(group.cut());
      Group more = new Group(group.members(), cut, group.handle());
      if (group.handle() instanceof DroppedGroup handle) {
        handle.dropMore(cut);
        groups.set(index, more);
      } else if (group.handle() instanceof SwappedGroup handle) {
        boolean succeeds = more.numBlocks() - group.numBlocks() <= numFreeSlots();
        count(succeeds);
        if (succeeds) {
          SwappedGroup longer = space.swapOutMore(handle, cut);
          assertThat(longer.numBlocks()).isEqualTo(more.numBlocks());
          groups.set(index, new Group(group.members(), cut, longer));
        } else {
          assertThatThrownBy(() -> space.swapOutMore(handle, cut))
              .isInstanceOf(OutOfBlocksException.class);
        }
      }
    }

    private void restore() {
      if (dropped.isEmpty()) {
        return;
      }
      Group group = dropped.get(random.nextInt(dropped.size()));
      DroppedGroup handle = (DroppedGroup) group.handle();
      boolean fits = group.numBlocks() <= numFree();
      count(fits);
      if (!fits) {
        assertThatThrownBy(() -> handle.restore(this::mustNotBeAsked))
            .isInstanceOf(OutOfBlocksException.class);
      } else if (handle.plan().numFeeds() > 0 && random.nextInt(4) == 0) {
        int[] left = {random.nextInt(handle.plan().numFeeds())};
        assertThatThrownBy(() ->
                handle.restore((sequence, from, to) -> {
                  if (left[0]-- == 0) {
                    throw new UnsupportedOperationException();
                  }
                  memory.append(sequence, group.members().get(sequence).tokenArray(from, to));
                }))
            .isInstanceOf(UnsupportedOperationException.class);
        group
            .members()
            .forEach(
                (sequence, twin) -> assertThat(sequence.length()).isEqualTo(twin.tokens().size()));
      } else {
        long[] numFed = new long[1];
        handle.restore((sequence, from, to) -> {
          memory.append(sequence, group.members().get(sequence).tokenArray(from, to));
          numFed[0] += to - from;
        });
        dropped.remove(group);
        idle.putAll(group.renewed());
        assertThat(numFed[0]).isEqualTo(handle.plan().numTokens()).isEqualTo(numDistinct(group));
      }
    }

    /** A saved group comes back beside the one that was saved. */
    private void saveAndRestore() {
      List<KvSequence> sequences = some();
      if (sequences.isEmpty() || idle.size() + sequences.size() > 2 * SEQUENCES_MAX) {
        return;
      }
      Map<KvSequence, Twin> members = new LinkedHashMap<>();
      sequences.forEach(sequence -> members.put(sequence, idle.get(sequence)));
      List<int[]> ids =
          members.values().stream()
              .map(twin -> random.nextBoolean() ? twin.tokenArray(0, twin.tokens().size()) : NO_IDS)
              .toList();
      stores.store().save(sequences, ids, MemoryStores.FILE);
      Group group = new Group(members, 0, "");
      boolean succeeds = group.numBlocks() <= numFree();
      count(succeeds);
      if (!succeeds) {
        assertThatThrownBy(() -> stores.store().restore(MemoryStores.FILE))
            .isInstanceOf(OutOfBlocksException.class);
        return;
      }
      RestoredGroup restored = stores.store().restore(MemoryStores.FILE);
      Iterator<Twin> twins = group.renewed().values().iterator();
      for (int i = 0; i < sequences.size(); i++) {
        assertThat(restored.tokenIds(i)).isEqualTo(ids.get(i));
        idle.put(restored.sequences().get(i), twins.next());
      }
    }

    /** From the cache or from the host to a file. */
    private void file() {
      if (!swapped.isEmpty() && random.nextBoolean()) {
        Group group = swapped.remove(random.nextInt(swapped.size()));
        FiledGroup handle = stores.folder().push(space, (SwappedGroup) group.handle());
        filed.add(new Group(group.members(), group.cut(), handle));
        return;
      }
      List<KvSequence> sequences = some();
      if (!sequences.isEmpty()) {
        FiledGroup handle = stores.folder().swapOut(sequences);
        filed.add(new Group(take(sequences), 0, handle));
      }
    }

    private void unfile() {
      if (filed.isEmpty()) {
        return;
      }
      Group group = filed.get(random.nextInt(filed.size()));
      FiledGroup handle = (FiledGroup) group.handle();
      if (random.nextInt(6) == 0) {
        filed.remove(group);
        stores.folder().discard(handle);
        return;
      }
      boolean toHost = random.nextBoolean();
      boolean succeeds = group.numBlocks() <= (toHost ? numFreeSlots() : numFree());
      count(succeeds);
      if (!succeeds) {
        assertThatThrownBy(
                () -> {
                  if (toHost) {
                    stores.folder().pull(handle, space);
                  } else {
                    stores.folder().swapIn(handle);
                  }
                })
            .isInstanceOf(OutOfBlocksException.class);
        return;
      }
      filed.remove(group);
      if (toHost) {
        SwappedGroup back = stores.folder().pull(handle, space);
        swapped.add(new Group(group.members(), group.cut(), back));
      } else {
        stores.folder().swapIn(handle);
        idle.putAll(group.renewed());
      }
    }

    private void mustNotBeAsked(KvSequence sequence, int from, int to) {
      throw new AssertionError("fed without blocks: sequence=" + sequence);
    }

    /** Tokens of a group, those in a shared block counted once: the fullest view of each block. */
    private long numDistinct(Group group) {
      Map<Object, Integer> tokens = new HashMap<>();
      for (Twin twin : group.members().values()) {
        for (int i = group.cut(); i < twin.blocks().size(); i++) {
          int inBlock = Math.min(blockSize, twin.tokens().size() - i * blockSize);
          tokens.merge(twin.blocks().get(i), inBlock, Math::max);
        }
      }
      return tokens.values().stream().mapToInt(count -> count).sum();
    }

    void check(String at) {
      memory.cache().checkConservation();
      space.checkConservation();
      stores.check();
      assertThat(memory.numUsed()).as("blocks %s", at).isEqualTo(numBlocks - numFree());
      assertThat(memory.cache().statistics().blocks().numReferences())
          .as("references %s", at)
          .isEqualTo(
              idle.values().stream().mapToInt(twin -> twin.blocks().size()).sum()
                  + heads().stream().mapToInt(List::size).sum());
      assertThat(space.statistics().slots().numFree()).as("slots %s", at).isEqualTo(numFreeSlots());
      idle.forEach((sequence, twin) -> {
        int[] expected = twin.tokenArray(0, twin.tokens().size());
        if (!Arrays.equals(memory.tokensOf(sequence), expected)) {
          assertThat(memory.tokensOf(sequence)).as("%s %s", sequence, at).isEqualTo(expected);
        }
      });
    }

    @Override
    public void close() {
      swapped.forEach(group -> space.discard((SwappedGroup) group.handle()));
      filed.forEach(group -> stores.folder().discard((FiledGroup) group.handle()));
      stores.close();
      space.close();
      memory.close();
    }
  }

  @Test
  void contentSharingAndRefusalsAreThoseOfTheModel() {
    int[] outcomes = new int[2];
    long[] numOperations = new long[1];
    ModelRun.announced("TierModelTest")
        .run(seed -> {
          try (World world = new World(seed, outcomes)) {
            for (int operation = 0; operation < OPERATIONS_PER_EPISODE; operation++) {
              String at = "operation=" + operation;
              try {
                world.operate();
              } catch (RuntimeException | AssertionError failure) {
                throw new AssertionError(at, failure);
              }
              world.check(at);
            }
          }
          numOperations[0] += OPERATIONS_PER_EPISODE;
          return COST * OPERATIONS_PER_EPISODE;
        });
    assertThat(outcomes[0]).as("calls that had room").isGreaterThan((int) numOperations[0] / 10);
    assertThat(outcomes[1])
        .as("calls that ran out of blocks")
        .isGreaterThan((int) numOperations[0] / 100);
  }
}
