package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.CudaGraph;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.CudaStep;
import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.DevicePointer;
import dev.pagoda.cuda.DeviceRows;
import dev.pagoda.cuda.StepRoom;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Caches on two devices in one process: each call finds its own device, whoever called before. */
@Tag("gpu")
class SeveralDevicesTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final int NUM_DEVICES = 2;

  @BeforeAll
  static void theMachineHasTwoDevices() {
    NativeBuild.requireDevices(NUM_DEVICES);
  }

  private static CudaPlace place(int deviceIndex) {
    return CudaPlace.firstDevice().withDevice(deviceIndex);
  }

  @SuppressWarnings("MustBeClosedChecker") // the caller does
  private static DeviceStory story(int deviceIndex, String purpose) {
    return new DeviceStory(
        place(deviceIndex),
        deviceIndex == 0 ? DType.BF16 : DType.FP32,
        Seeds.generator(SEED, purpose + " on device " + deviceIndex),
        purpose + " on device " + deviceIndex + ", seed=" + SEED);
  }

  @Test
  void storiesOnTwoDevicesGoOnInTurnsOnOneThread() {
    try (DeviceStory here = story(0, "in turns");
        DeviceStory there = story(1, "in turns")) {
      for (int event = 0; event < 120; event++) {
        here.go();
        there.go();
      }
    }
  }

  @Test
  void storiesOnTwoDevicesGoOnSideBySideAndFromThreadToThread() throws Exception {
    List<DeviceStory> stories = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(2 * NUM_DEVICES)) {
      for (int i = 0; i < 2 * NUM_DEVICES; i++) {
        stories.add(story(i % NUM_DEVICES, "side by side, " + i));
      }
      // A story's next chapter is told by whatever thread is free.
      for (int chapter = 0; chapter < 30; chapter++) {
        List<Callable<Boolean>> chapters = new ArrayList<>();
        for (DeviceStory story : stories) {
          chapters.add(() -> {
            for (int event = 0; event < 4; event++) {
              story.go();
            }
            return true;
          });
        }
        for (Future<Boolean> told : executor.invokeAll(chapters)) {
          assertThat(told.get()).isTrue();
        }
      }
    } finally {
      stories.forEach(DeviceStory::close);
    }
  }

  @Test
  void pinnedMemoryOfOneDeviceIsReadAndWrittenByAnother() {
    KvLayout layout = new KvLayout(KvShape.uniform(2, 2, 64, DType.BF16), KeyOrder.TOKEN_MAJOR);
    int numBlocks = 20;
    int[] ids = new int[numBlocks];
    int[] backwards = new int[numBlocks];
    for (int i = 0; i < numBlocks; i++) {
      ids[i] = i;
      backwards[i] = numBlocks - 1 - i;
    }
    try (DeviceStorage here = open(layout, numBlocks, 0);
        DeviceStorage there = open(layout, numBlocks, 1);
        HostStorage pinned = here.openHostStorage(numBlocks);
        HostStorage back = there.openHostStorage(numBlocks)) {
      byte[] bytes = new byte[(int) pinned.segment().byteSize()];
      Seeds.generator(SEED, "pinned").nextBytes(bytes);
      pinned.segment().copyFrom(MemorySegment.ofArray(bytes));

      here.copyIn(pinned, ids, backwards, numBlocks);
      pinned.segment().fill((byte) 0);
      here.copyOut(backwards, pinned, ids, numBlocks);
      there.copyIn(pinned, ids, ids, numBlocks);
      there.copyOut(ids, back, ids, numBlocks);
      assertThat(back.segment().toArray(ValueLayout.JAVA_BYTE)).as("seed=" + SEED).isEqualTo(bytes);
    }
  }

  private static DeviceStorage open(KvLayout layout, int numBlocks, int deviceIndex) {
    DeviceQueue queue = DeviceQueue.open(place(deviceIndex));
    assertThat(queue.deviceIndex()).isEqualTo(deviceIndex);
    return new DeviceStorage(layout, numBlocks, queue, StepRoom.growing());
  }

  @Test
  void graphsOfTwoDevicesAreReplayedInTurns() {
    try (Decoder here = new Decoder(0);
        Decoder there = new Decoder(1)) {
      List<Decoder> both = List.of(here, there);
      both.forEach(decoder -> decoder.queue(decoder::layer));
      both.forEach(Decoder::compare);
      both.forEach(decoder -> decoder.queue(decoder::capture));
      both.forEach(Decoder::compare);
      for (int round = 0; round < 40; round++) {
        // Both are queued before anybody waits.
        both.forEach(decoder -> decoder.queue(decoder::replay));
        both.forEach(Decoder::compare);
      }
    }
  }

  /** A kernel that reads or writes there would break its context, and the cache with it. */
  @Test
  void rowsOfAnotherDeviceAreRefusedByNameAndTheCacheGoesOn() {
    try (Decoder here = new Decoder(0);
        Decoder there = new Decoder(1)) {
      here.queue(here::layer);
      there.queue(there::layer);
      DeviceRows foreign = there.rows(3);
      here.queue(() -> {
        requireRefused("keys", foreign, () -> here.step.write(0, foreign, here.rows(1)));
        requireRefused("values", foreign, () -> here.step.write(0, here.rows(0), foreign));
        here.layer();
        requireRefused("queries", foreign, () -> here.attend(foreign, here.rows(3), Rows.none()));
        requireRefused("output", foreign, () -> here.attend(here.rows(2), foreign, Rows.none()));
        requireRefused("lse", foreign, () -> here.attend(here.rows(2), here.rows(3), foreign));
        CudaStep face = here.step.unwrap(CudaStep.class);
        requireRefused(
            "queries",
            foreign,
            () -> face.capture(() -> here.attend(foreign, here.rows(3), Rows.none())).close());
      });
      CudaCache cuda = here.cache.unwrap(CudaCache.class);
      DeviceRows whole = here.rows(3);
      DevicePointer lse = here.rows(0).pointer();
      requireRefused(
          "partial_outputs",
          foreign,
          () -> cuda.mergePartials(new CudaCache.Partials(foreign, lse, whole, lse, 1, 2, 64)));
      cuda.synchronize();
      here.compare();
      there.compare();
      here.queue(here::layer);
      here.compare();
    }
  }

  private static void requireRefused(String name, DeviceRows rows, Runnable call) {
    assertThatIllegalArgumentException()
        .isThrownBy(call::run)
        .withMessageContaining("this is memory of ")
        .withMessageEndingWith(name + "=0x" + Long.toHexString(rows.pointer().address()));
  }

  /** One sequence on a device, decoded token by token, and the same in plain Java. */
  private static final class Decoder implements AutoCloseable {
    private static final int WIDTH = 2 * 64;
    private static final AttentionSpec SPEC = AttentionSpec.causal(2, 0.125f);

    private final int deviceIndex;
    private final RandomGenerator random;
    private final PagedKvCache cache;
    private final PagedKvCache scalar;
    private final KvSequence sequence;
    private final KvSequence scalarSequence;
    private final Step step;
    private final List<DeviceBuffer> buffers = new ArrayList<>(); // keys, values, queries, output
    private final List<CudaGraph> graphs = new ArrayList<>();
    private final float[] expected = new float[WIDTH];

    Decoder(int deviceIndex) {
      this.deviceIndex = deviceIndex;
      random = Seeds.generator(SEED, "graph on device " + deviceIndex);
      KvShape shape = KvShape.uniform(1, 2, 64, DType.FP16);
      CudaPlace place = place(deviceIndex).withRoom(new StepRoom(1, 1, 256));
      cache = PagedKvCache.open(shape, place, Capacity.blocks(16), Checks.STANDARD);
      scalar = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(16));
      sequence = cache.newSequence();
      scalarSequence = scalar.newSequence();
      step = cache.newStep();
      for (int i = 0; i < 4; i++) {
        buffers.add(cache.unwrap(CudaCache.class).allocate(WIDTH * Float.BYTES));
      }
    }

    /** Decodes a token in plain Java, and queues it on the device. */
    void queue(Runnable onDevice) {
      float[][] rows = new float[3][WIDTH];
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < WIDTH; j++) {
          rows[i][j] = (float) random.nextGaussian();
        }
        buffers.get(i).copyFrom(MemorySegment.ofArray(rows[i]));
      }
      try (Step plain = scalar.newStep()) {
        plain.append(scalarSequence, 1).begin();
        plain.write(0, Rows.of(rows[0]), Rows.of(rows[1]));
        plain.attend(0, SPEC, Rows.of(rows[2]), Rows.of(expected));
        plain.commit();
      }
      step.append(sequence, 1).begin();
      onDevice.run();
      step.commit();
    }

    private DeviceRows rows(int buffer) {
      return DeviceRows.of(buffers.get(buffer).pointer(), DType.FP32);
    }

    void layer() {
      step.write(0, rows(0), rows(1));
      attend(rows(2), rows(3), Rows.none());
    }

    void attend(Rows queries, Rows output, Rows lse) {
      step.attend(0, SPEC, new AttentionRows(queries, output, lse), Workers.caller());
    }

    void capture() {
      graphs.add(step.unwrap(CudaStep.class).capture(this::layer));
    }

    void replay() {
      step.unwrap(CudaStep.class).replay(graphs.getFirst());
    }

    void compare() {
      float[] actual = new float[WIDTH];
      buffers.get(3).copyTo(MemorySegment.ofArray(actual));
      assertThat(TwoCaches.difference(actual, expected, 0))
          .as("device %d, length %d, seed=%d", deviceIndex, sequence.length(), SEED)
          .isLessThan(TwoCaches.bound(DType.FP16));
    }

    @Override
    public void close() {
      graphs.forEach(CudaGraph::close);
      buffers.forEach(DeviceBuffer::close);
      step.close();
      cache.closeAll();
      scalar.closeAll();
    }
  }
}
