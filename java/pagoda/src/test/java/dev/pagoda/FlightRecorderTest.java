package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.PreemptibleGroup;
import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TransferModel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a recording says is what happened, once, and nothing that did not happen. */
@Tag("any-backend")
class FlightRecorderTest {
  private static final String PREFIX = "dev.pagoda.";
  private static final int BLOCK_SIZE = 4;
  private static final PreemptionModel SWAP_IS_CHEAP =
      new PreemptionModel(
          new TransferModel(1e12, 0), new TransferModel(1e12, 0), new PrefillModel(1, 0, 0));

  @TempDir Path folder;

  private final Set<String> recordedKinds = new TreeSet<>();

  /** What is recorded on this thread meanwhile. */
  private List<RecordedEvent> record(Runnable story) {
    return record(Set.of(), story);
  }

  private List<RecordedEvent> record(Set<String> disabled, Runnable story) {
    Path file = folder.resolve("recording" + recordedKinds.size() + ".jfr");
    try (Recording recording = new Recording()) {
      for (EventType type : ourTypes()) {
        if (disabled.contains(type.getName())) {
          recording.disable(type.getName());
        } else {
          recording.enable(type.getName());
        }
      }
      recording.start();
      story.run();
      recording.stop();
      recording.dump(file);
      List<RecordedEvent> events = new ArrayList<>();
      for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
        if (event.getEventType().getName().startsWith(PREFIX)
            && event.getThread().getJavaThreadId() == Thread.currentThread().threadId()) {
          events.add(event);
          recordedKinds.add(kind(event));
        }
      }
      return events;
    } catch (IOException broken) {
      throw new AssertionError(broken);
    }
  }

  /** The events that the library declares; a first fork makes them known to the recorder. */
  private static List<EventType> ourTypes() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 2);
        KvSequence chat = memory.counting(1);
        KvSequence fork = chat.fork()) {
      assertThat(fork.length()).isEqualTo(1);
    }
    return FlightRecorder.getFlightRecorder().getEventTypes().stream()
        .filter(type -> type.getName().startsWith(PREFIX))
        .toList();
  }

  private static String kind(RecordedEvent event) {
    return event.getEventType().getName().substring(PREFIX.length());
  }

  private static List<RecordedEvent> of(String kind, List<RecordedEvent> events) {
    return events.stream().filter(event -> kind(event).equals(kind)).toList();
  }

  private static RecordedEvent only(String kind, List<RecordedEvent> events) {
    List<RecordedEvent> found = of(kind, events);
    assertThat(found).as(kind).hasSize(1);
    return found.getFirst();
  }

  @Test
  void everyEventIsRecordedOnceWithItsNumbers() {
    stepsAndForks();
    refusals();
    swaps();
    preemptions();
    prefixes();
    assertThat(recordedKinds)
        .as("every kind that is declared")
        .isEqualTo(
            ourTypes().stream()
                .map(type -> type.getName().substring(PREFIX.length()))
                .collect(Collectors.toCollection(TreeSet::new)));
  }

  private void stepsAndForks() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 8);
        KvSequence chat = memory.cache().newSequence()) {
      List<RecordedEvent> first =
          record(() -> memory.append(chat, ReadableCache.ascending(2 * BLOCK_SIZE + 1)));
      assertThat(first).hasSize(1);
      assertThat(only("Reserve", first).getInt("numSequences")).isEqualTo(1);
      assertThat(only("Reserve", first).getInt("numBlocks")).isEqualTo(3);

      assertThat(record(() -> memory.append(chat, 7))).as("no block is needed").isEmpty();

      List<KvSequence> forks = new ArrayList<>();
      List<RecordedEvent> fork = record(() -> forks.add(chat.fork()));
      assertThat(fork).hasSize(1);
      assertThat(only("Fork", fork).getLong("parentId")).isEqualTo(chat.id());
      assertThat(only("Fork", fork).getLong("forkId")).isEqualTo(forks.getFirst().id());
      assertThat(only("Fork", fork).getInt("length")).isEqualTo(chat.length());

      List<RecordedEvent> write = record(() -> memory.append(forks.getFirst(), 8));
      assertThat(only("Copy", write).getInt("numBlocks")).isEqualTo(1);
      assertThat(only("Reserve", write).getInt("numBlocks")).isEqualTo(1);
      assertThat(write).hasSize(2);
      forks.getFirst().close();
    }
  }

  private void refusals() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 2);
        KvSequence chat = memory.counting(1)) {
      List<RecordedEvent> refused =
          record(() ->
              assertThatExceptionOfType(OutOfBlocksException.class)
                  .isThrownBy(() -> memory.append(chat, new int[3 * BLOCK_SIZE])));
      RecordedEvent exhausted = only("Exhaust", refused);
      assertThat(exhausted.getInt("needed")).isEqualTo(3);
      assertThat(exhausted.getInt("free")).isEqualTo(1);
      assertThat(exhausted.getInt("total")).isEqualTo(2);
      assertThat(refused).as("nothing was taken").hasSize(1);
    }
  }

  private void swaps() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 8)) {
      SwapSpace space = SwapSpace.open(memory.cache(), Capacity.blocks(8));
      KvSequence chat = memory.counting(3 * BLOCK_SIZE);
      List<SwappedGroup> swapped = new ArrayList<>();
      requireSwap("out", record(() -> swapped.add(space.swapOut(List.of(chat)))), memory);
      requireSwap("in", record(() -> space.swapIn(swapped.getFirst())), memory);
      chat.close();
    }
  }

  private static void requireSwap(
      String direction, List<RecordedEvent> events, ReadableCache memory) {
    RecordedEvent swap = only("Swap", events);
    assertThat(swap.getString("direction")).isEqualTo(direction);
    assertThat(swap.getInt("numBlocks")).isEqualTo(3);
    assertThat(swap.getLong("bytes")).isEqualTo(3 * memory.cache().layout().blockBytes());
    assertThat(swap.getDuration("nanos")).isGreaterThan(Duration.ZERO);
  }

  private void preemptions() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 8)) {
      SwapSpace space = SwapSpace.open(memory.cache(), Capacity.blocks(8));
      Preemptor preemptor =
          new Preemptor(
              memory.cache(), new LatestFirst(SWAP_IS_CHEAP, LatestFirst.Extent.WHOLE), space);
      KvSequence chat = memory.counting(5 * BLOCK_SIZE);
      PreemptibleGroup group = preemptor.enter(chat);
      List<Preemption<PreemptibleGroup>> done = new ArrayList<>();
      List<RecordedEvent> events = record(() -> done.addAll(preemptor.makeRoom(6, List.of())));
      RecordedEvent preempted = only("Preempt", events);
      assertThat(preempted.getString("way")).isEqualTo("SWAP");
      assertThat(preempted.getInt("numBlocksFreed")).isEqualTo(5);
      assertThat(preempted.getString("reason")).isEqualTo(done.getFirst().reason());
      assertThat(only("Swap", events).getInt("numBlocks")).isEqualTo(5);
      preemptor.leave(group);
      chat.close();
    }
  }

  private void prefixes() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 4);
        PrefixCache prefixes = PrefixCache.open(memory.cache(), PrefixSettings.of("model"))) {
      int[] prompt = ReadableCache.ascending(2 * BLOCK_SIZE + 1);
      List<RecordedEvent> miss = record(() -> visit(memory, prefixes, prompt));
      assertThat(only("PrefixMiss", miss).getInt("promptTokens")).isEqualTo(prompt.length);
      assertThat(only("PrefixMiss", miss).getString("reason"))
          .isEqualTo(MissReason.NO_SHARED_PREFIX.name());
      assertThat(of("PrefixHit", miss)).isEmpty();

      List<RecordedEvent> hit = record(() -> visit(memory, prefixes, prompt));
      assertThat(only("PrefixHit", hit).getInt("cachedTokens")).isEqualTo(2 * BLOCK_SIZE);
      assertThat(only("PrefixHit", hit).getInt("promptTokens")).isEqualTo(prompt.length);
      assertThat(only("PrefixHit", hit).getLong("sequenceId"))
          .isGreaterThan(only("PrefixMiss", miss).getLong("sequenceId"));
      assertThat(of("PrefixMiss", hit)).isEmpty();

      List<RecordedEvent> eviction = record(() -> memory.counting(4 * BLOCK_SIZE).close());
      assertThat(only("Evict", eviction).getInt("numBlocks")).isEqualTo(2);
    }
  }

  private static void visit(ReadableCache memory, PrefixCache prefixes, int[] prompt) {
    try (TokenSequence chat = prefixes.open(prompt, Namespace.of("anna"))) {
      memory.append(chat.sequence(), Arrays.copyOfRange(prompt, chat.length(), prompt.length));
    }
  }

  @Test
  void aKindThatIsSwitchedOffIsNotRecorded() {
    try (ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 8);
        KvSequence chat = memory.counting(5)) {
      List<RecordedEvent> events =
          record(
              Set.of(PREFIX + "Fork"),
              () -> {
                try (KvSequence fork = chat.fork()) {
                  memory.append(fork, 6);
                }
              });
      assertThat(events).extracting(FlightRecorderTest::kind).containsExactly("Reserve", "Copy");
    }
  }
}
