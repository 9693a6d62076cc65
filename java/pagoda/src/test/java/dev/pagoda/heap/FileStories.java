package dev.pagoda.heap;

import static dev.pagoda.decoding.ReadableCache.ascending;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.file.FiledGroup;
import dev.pagoda.tier.file.ModelFingerprint;
import dev.pagoda.tier.file.RestoredGroup;
import dev.pagoda.tier.file.SequenceStore;
import dev.pagoda.tier.file.SwapFolder;
import java.nio.file.Path;
import java.util.List;

/** How sequences go to files, and come back. */
final class FileStories {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model", "1");

  private FileStories() {}

  static void save(HeapTrial t) {
    HeapFolder folder = HeapFolder.create(t);
    List<KvSequence> group = PressureStories.family(t);
    SequenceStore store = t.obtain(() -> SequenceStore.open(t.cache, MODEL));
    t.atEnd(store::close);
    List<int[]> ids = List.of(ascending(6), ascending(9));
    Path both = folder.path().resolve("both.kv");
    Path one = folder.path().resolve("one.kv");
    t.attempt(() -> store.save(group, ids, both));
    t.attempt(() -> store.save(group.get(1), one));
    t.attempt(() -> store.save(group.get(0), one)); // in its place
    folder.requireFiles(2, ".kv");
    RestoredGroup restored = t.obtain(() -> store.restore(both));
    for (int i = 0; i < 2; i++) {
      KvSequence sequence = t.known(restored.sequences().get(i));
      assertThat(t.memory.tokensOf(sequence)).isEqualTo(ids.get(i));
      t.append(sequence, 90 + i);
      t.attempt(sequence::close);
    }
    RestoredGroup alone = t.obtain(() -> store.restore(one));
    assertThat(t.memory.tokensOf(t.known(alone.sequence()))).isEqualTo(ascending(6));
    t.attempt(alone.sequence()::close);
  }

  static void swap(HeapTrial t) {
    HeapFolder files = HeapFolder.create(t);
    List<KvSequence> group = PressureStories.family(t);
    SwapFolder folder = t.obtain(() -> SwapFolder.open(files.path(), t.cache));
    t.atEnd(() -> files.requireFiles(0, ".swap")); // at the latest when the folder closes
    t.atEnd(folder::close);
    t.watch("groups in files", folder::numGroups);
    FiledGroup filed = t.obtain(() -> folder.swapOut(group));
    t.attempt(() -> folder.swapIn(filed));
    SwapSpace space = SwapSpace.open(t.cache, Capacity.blocks(8));
    t.atEnd(space::close);
    t.audit(space::checkConservation);
    t.watch("host slots", () -> space.statistics().slots().numUsed());
    SwappedGroup swapped = space.swapOut(group);
    FiledGroup pushed = t.obtain(() -> folder.push(space, swapped));
    SwappedGroup pulled = t.obtain(() -> folder.pull(pushed, space));
    t.attempt(() -> space.swapIn(pulled));
    t.append(group.get(1), 10);
    FiledGroup lost = folder.swapOut(group);
    group.forEach(KvSequence::close);
    t.attempt(() -> folder.discard(lost));
  }
}
