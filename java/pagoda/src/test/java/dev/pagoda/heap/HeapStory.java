package dev.pagoda.heap;

import static dev.pagoda.decoding.ReadableCache.ascending;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.WatermarkWatch;
import dev.pagoda.Watermarks;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.ParallelSampling;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.pressure.AdmissionAnswer;
import dev.pagoda.pressure.AdmissionControl;
import dev.pagoda.pressure.AdmissionRequest;
import dev.pagoda.tier.DroppedGroup;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** What callers do with the library, one part of it each. */
enum HeapStory {
  /** Prompts, forks, copy-on-write, rollback, rewinding; more sequences than a step had before. */
  DECODING(HeapStory::decode),
  /** Beams that replace each other, and samples. */
  BEAMS(HeapStory::search),
  /** Reservations, admission, water marks. */
  PROMISES(HeapStory::promise),
  /** Groups that share blocks go to the host and come back, whole and in part. */
  SWAPPING(PressureStories::swap),
  /** The same, dropped and computed again. */
  RECOMPUTING(PressureStories::recompute),
  /** A preemptor makes room and brings back. */
  PRESSURE(PressureStories::press),
  /** Hits, misses, heads, publishing by hand and at commit, pins, eviction, removal. */
  PREFIXES(HeapStory::share),
  /** Blocks offered to host memory and loaded again, over another tier. */
  HOST_TIER(TierStories::host),
  /** Blocks on disk: written, found, damaged, removed, there after a restart. */
  DISK_TIER(TierStories::disk),
  /** The same, written by another thread. */
  DISK_TIER_IN_BACKGROUND(TierStories::diskInBackground),
  /** Hits that come back from host memory and disk, below a prefix cache that is too small. */
  PREFIXES_OVER_TIERS(TierStories::prefixes),
  /** Groups saved to a file and restored from it. */
  SAVES(FileStories::save),
  /** Groups that go to files and come back, from the cache and from host memory. */
  SWAP_FILES(FileStories::swap);

  private static final Namespace ANNA = Namespace.of("anna");
  private static final Namespace BERT = Namespace.of("bert");

  @SuppressWarnings("ImmutableEnumChecker") // a method, which has no state
  private final Consumer<HeapTrial> story;

  HeapStory(Consumer<HeapTrial> story) {
    this.story = story;
  }

  /** Plays it on a new cache; returns the bits of all attention. */
  static List<String> play(String name) {
    try (HeapTrial trial = new HeapTrial(14)) {
      valueOf(name).story.accept(trial);
      return trial.transcript;
    }
  }

  private static int[] tokens(int first, int count) {
    return Arrays.stream(ascending(count)).map(token -> first + token - 1).toArray();
  }

  private static KvSequence fork(HeapTrial t, KvSequence parent) {
    return t.known(t.obtain(() -> parent.fork()));
  }

  private static void decode(HeapTrial t) {
    KvSequence prompt = t.open(1, 2, 3, 4, 5, 6);
    KvSequence one = fork(t, prompt);
    KvSequence two = t.known(t.obtain(() -> prompt.fork(5)));
    try (Step step = t.obtain(() -> t.cache.newStep())) {
      Runnable plan = () -> step.append(prompt, 1).append(one, 3).append(two, 1);
      t.attempt(() -> step.append(prompt, 1));
      t.attempt(() -> step.append(one, 3));
      t.attempt(() -> step.append(two, 1));
      t.compute(step, plan, 7, 17, 18, 19, 27);
      t.attempt(() -> step.append(prompt, 2));
      t.begin(step, () -> step.append(prompt, 2));
      t.end(step::rollback);
    }
    t.attempt(() -> one.truncate(6));
    KvSequence sharer = t.open();
    t.attempt(() -> sharer.shareFrom(one, 4));
    // More entries than a step has room for.
    KvSequence[] many = new KvSequence[9];
    Arrays.setAll(many, i -> fork(t, prompt));
    try (Step step = t.cache.newStep()) {
      for (int i = 0; i < 3; i++) {
        int which = i;
        t.attempt(() -> step.append(many[which], 1));
      }
      for (KvSequence empty : List.of(t.open(), t.open(), t.open(), t.open(), t.open(), t.open())) {
        t.attempt(() -> step.append(empty, 1));
      }
      t.attempt(step::close);
    }
    for (KvSequence each : many) {
      t.attempt(each::close);
    }
    t.append(one, 60);
    t.attempt(prompt::close);
  }

  /** Forgets what an attempt that failed has planned. */
  private static void clear(Step step) {
    step.close();
  }

  private static void search(HeapTrial t) {
    KvSequence prompt = t.open(1, 2, 3, 4, 5, 6);
    ForkGroup beams = t.obtain(() -> ForkGroup.of(prompt, 3, PromptHandle.KEEP));
    t.watch("beams", () -> beams.sequences().stream().map(KvSequence::length).toList());
    try (Step step = t.cache.newStep()) {
      t.attempt(() -> {
        clear(step);
        beams.appendTo(step);
      });
      t.compute(step, () -> beams.appendTo(step), 7, 8, 9);
      t.attempt(() -> beams.reassign(0, 0, 1));
      t.attempt(() -> {
        clear(step);
        beams.appendTo(step);
      });
      t.compute(step, () -> beams.appendTo(step), 10, 11, 12);
    }
    t.attempt(beams::close);
    ParallelSampling samples = t.obtain(() -> ParallelSampling.of(prompt, 2, PromptHandle.KEEP));
    t.watch("samples", () -> samples.sequences().stream().map(KvSequence::length).toList());
    try (Step step = t.cache.newStep()) {
      t.attempt(() -> {
        clear(step);
        samples.appendTo(step, 7, 8);
      });
      t.compute(step, () -> samples.appendTo(step, 7, 8), 7, 8);
    }
    t.attempt(() -> samples.finish(0));
    t.attempt(samples::close);
  }

  private static void promise(HeapTrial t) {
    WatermarkWatch watch =
        t.obtain(() -> t.cache.watch(new Watermarks(0.3, 0.5), (level, blocks) -> {}));
    if (Boolean.getBoolean("dev.pagoda.test.heap.planted")) {
      t.attempt(() -> {
        BlockReservation lost = t.cache.reserve(1);
        KvSequence next = t.cache.newSequence(); // whose failure leaves the reservation to nobody
        next.close();
        lost.close();
      });
    }
    BlockReservation room = t.obtain(() -> t.cache.reserve(3));
    KvSequence one = t.open();
    t.attempt(() -> one.drawFrom(room));
    t.append(one, 1, 2, 3, 4, 5);
    assertThat(room.numLeft()).isEqualTo(1);
    KvSequence fork = fork(t, one);
    t.append(fork, 6);
    assertThat(t.obtain(() -> room.tryResize(2))).isTrue();
    t.attempt(() -> fork.truncate(4));
    t.attempt(one::drawFromNone);
    BlockReservation maybe = t.obtain(() -> t.cache.tryReserve(2)).orElseThrow();
    t.attempt(maybe::close);
    AdmissionControl admission = new AdmissionControl(t.cache, 1);
    AdmissionAnswer answer = t.obtain(() -> admission.tryAdmit(AdmissionRequest.of(6, 4)));
    t.attempt(((AdmissionAnswer.Admitted) answer).reservation()::close);
    t.attempt(fork::close);
    t.attempt(room::close);
    t.attempt(watch::close);
  }

  private static void share(HeapTrial t) {
    Chats chats = Chats.open(t, PrefixSettings.of("model").withQuotas(Map.of("bert", 2)));
    PrefixCache prefixes = chats.prefixes();
    int[] prompt = tokens(1, 13);
    chats.visit(ANNA, prompt);
    TokenSequence again = chats.open(ANNA, prompt);
    t.attempt(() -> again.append(14, 15, 16, 17));
    chats.compute(again);
    TokenSequence other = t.obtain(again::fork);
    t.known(other.sequence());
    t.attempt(() -> other.truncate(10));
    t.attempt(() -> other.append(61, 62, 63));
    chats.compute(other);
    t.attempt(other::close);
    t.attempt(again::close);
    chats.visit(ANNA, 1, 2, 3, 4, 5, 6, 50, 51, 52);
    chats.visit(BERT, tokens(1, 13));
    chats.visit(BERT, tokens(31, 13));
    KvSequence own = t.open(tokens(70, 8));
    t.attempt(() -> prefixes.publish(own, tokens(70, 8), ANNA));
    t.attempt(own::close);
    t.attempt(() -> prefixes.probe(tokens(70, 8), ANNA));
    t.attempt(() -> prefixes.pin(tokens(70, 8), ANNA, Duration.ofHours(1)));
    t.attempt(() -> prefixes.explain(0));
    t.attempt(() -> prefixes.unpin(tokens(70, 8), ANNA));
    chats.needAllBlocks();
    TokenSequence back = chats.open(ANNA, prompt);
    DroppedGroup.drop(t.cache, List.of(back.sequence())).reopen();
    t.attempt(back::resume);
    chats.compute(back);
    t.attempt(back::close);
    t.attempt(() -> prefixes.remove(prompt, ANNA));
    chats.visit(ANNA, prompt);
    t.attempt(() -> prefixes.clear(ANNA));
    chats.visit(ANNA, prompt);
    t.attempt(() -> prefixes.clear());
    t.attempt(prefixes::statistics);
  }
}
