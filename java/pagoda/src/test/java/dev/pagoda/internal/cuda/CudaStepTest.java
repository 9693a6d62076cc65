package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.offset;

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
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.AllocationMeter;
import dev.pagoda.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Steps whose rows stay on the device: queued, allocation-free, captured and replayed. */
@Tag("gpu")
class CudaStepTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", System.nanoTime());
  private static final int NUM_SEQS = 5;
  private static final int NUM_LAYERS = 3;
  private static final int KV_WIDTH = 2 * 64;
  private static final int QUERY_WIDTH = 8 * 64;
  private static final AttentionSpec SPEC = AttentionSpec.causal(8, 0.125f);
  private static final KvShape SHAPE = KvShape.uniform(NUM_LAYERS, 2, 64, DType.BF16);

  private final RandomGenerator random = Seeds.generator(SEED, "rows");
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private PagedKvCache cache;
  private CudaCache cuda;
  private Step step;
  private final List<KvSequence> sequences = new ArrayList<>();
  private PagedKvCache scalar;
  private Step scalarStep;
  private final List<KvSequence> scalarSequences = new ArrayList<>();
  private DeviceBuffer keys;
  private DeviceBuffer values;
  private DeviceBuffer queries;
  private DeviceBuffer output;
  private final float[] hostKeys = new float[NUM_SEQS * KV_WIDTH];
  private final float[] hostValues = new float[NUM_SEQS * KV_WIDTH];
  private final float[] hostQueries = new float[NUM_SEQS * QUERY_WIDTH];

  @BeforeAll
  static void theMachineHasADevice() {
    NativeBuild.requireDevices();
  }

  @BeforeEach
  void open() {
    CudaPlace place = CudaPlace.firstDevice().withRoom(new StepRoom(8, 64, 4096));
    cache = PagedKvCache.open(SHAPE, place, Capacity.blocks(1024), Checks.STANDARD);
    cuda = cache.unwrap(CudaCache.class);
    step = cache.newStep();
    scalar = PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(1024));
    scalarStep = scalar.newStep();
    for (int i = 0; i < NUM_SEQS; i++) {
      sequences.add(cache.newSequence(4096));
      scalarSequences.add(scalar.newSequence(4096));
    }
    keys = buffer(hostKeys.length);
    values = buffer(hostValues.length);
    queries = buffer(hostQueries.length);
    output = buffer(hostQueries.length);
  }

  private DeviceBuffer buffer(int numFloats) {
    DeviceBuffer buffer = cuda.allocate(4L * numFloats);
    buffers.add(buffer);
    return buffer;
  }

  @AfterEach
  void close() {
    buffers.forEach(DeviceBuffer::close);
    cache.closeAll();
    scalar.closeAll();
  }

  private void draw() {
    for (float[] rows : List.of(hostKeys, hostValues, hostQueries)) {
      for (int i = 0; i < rows.length; i++) {
        rows[i] = (float) random.nextGaussian();
      }
    }
    keys.copyFrom(MemorySegment.ofArray(hostKeys));
    values.copyFrom(MemorySegment.ofArray(hostValues));
    queries.copyFrom(MemorySegment.ofArray(hostQueries));
    float[] poison = new float[hostQueries.length];
    Arrays.fill(poison, Float.NaN);
    output.copyFrom(MemorySegment.ofArray(poison));
  }

  private static DeviceRows rows(DeviceBuffer buffer) {
    return DeviceRows.of(buffer.pointer(), DType.FP32);
  }

  /** One decode step in both caches; the device's part is the caller's. */
  private void decode(Runnable onDevice, String what) {
    draw();
    for (int i = 0; i < NUM_SEQS; i++) {
      step.append(sequences.get(i), 1);
      scalarStep.append(scalarSequences.get(i), 1);
    }
    step.begin();
    onDevice.run();
    step.commit();

    float[] expected = new float[hostQueries.length];
    scalarStep.begin();
    for (int layer = 0; layer < NUM_LAYERS; layer++) {
      scalarStep.write(layer, Rows.of(hostKeys), Rows.of(hostValues));
    }
    scalarStep.attend(NUM_LAYERS - 1, SPEC, Rows.of(hostQueries), Rows.of(expected));
    scalarStep.commit();

    float[] actual = new float[hostQueries.length];
    output.copyTo(MemorySegment.ofArray(actual));
    assertThat(TwoCaches.difference(actual, expected, 0))
        .as("%s, seed=%d", what, SEED)
        .isLessThan(TwoCaches.bound(DType.BF16));
  }

  private void layers() {
    for (int layer = 0; layer < NUM_LAYERS; layer++) {
      step.write(layer, rows(keys), rows(values));
      step.attend(layer, SPEC, rows(queries), rows(output));
    }
  }

  @Test
  void deviceRowsGiveWhatHostRowsGive() {
    for (int round = 0; round < 40; round++) {
      decode(this::layers, "step " + round);
    }
  }

  @Test
  void aGraphIsReplayedWithGrowingLengthsAndOtherBlocks() {
    decode(this::layers, "warm-up");
    CudaStep face = step.unwrap(CudaStep.class);
    List<CudaGraph> graphs = new ArrayList<>();
    decode(() -> graphs.add(face.capture(this::layers)), "capture");
    try (CudaGraph graph = graphs.getFirst()) {
      for (int round = 0; round < 60; round++) {
        if (round == 30) {
          // Other blocks and a shorter context: the arrays change, the graph does not.
          sequences.get(1).truncate(3);
          scalarSequences.get(1).truncate(3);
          KvSequence fork = sequences.get(2).fork();
          KvSequence scalarFork = scalarSequences.get(2).fork();
          sequences.set(0, fork);
          scalarSequences.set(0, scalarFork);
        }
        decode(() -> face.replay(graph), "replay " + round);
      }
    }
  }

  @Test
  void aGraphOfAnotherShapeIsRefusedAndTheStepGoesOn() {
    decode(this::layers, "warm-up");
    CudaStep face = step.unwrap(CudaStep.class);
    List<CudaGraph> graphs = new ArrayList<>();
    decode(() -> graphs.add(face.capture(this::layers)), "capture");
    try (CudaGraph graph = graphs.getFirst()) {
      step.append(sequences.getFirst(), 1).begin();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> face.replay(graph))
          .withMessageContaining("numSeqs=1");
      step.rollback();
      decode(() -> face.replay(graph), "after the refusal");

      // More tokens than there was room for: the arrays move.
      step.append(sequences.getFirst(), 65).begin();
      step.rollback();
      draw();
      sequences.forEach(sequence -> step.append(sequence, 1));
      step.begin();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> face.replay(graph))
          .withMessageContaining("have moved");
      step.rollback();
    }
  }

  @Test
  void hostRowsCannotBeCapturedAndTheStreamStaysUsable() {
    decode(this::layers, "warm-up");
    CudaStep face = step.unwrap(CudaStep.class);
    decode(
        () -> {
          assertThatIllegalStateException()
              .isThrownBy(
                  () -> face.capture(() -> step.write(0, Rows.of(hostKeys), Rows.of(hostValues))))
              .withMessageContaining("isCapturing=true");
          layers();
        },
        "after the refusal");
  }

  @Test
  void whatAnotherThreadQueuesDoesNotGetIntoAGraph() {
    decode(this::layers, "warm-up");
    CudaStep face = step.unwrap(CudaStep.class);
    KvSequence other = cache.newSequence();
    List<CudaGraph> graphs = new ArrayList<>();
    decode(
        () ->
            graphs.add(
                face.capture(() -> {
                  ReadableCache.onAnotherThread(() -> requireRefused(other));
                  layers();
                })),
        "capture");
    try (CudaGraph graph = graphs.getFirst()) {
      decode(() -> face.replay(graph), "replay");
    }
    assertThat(other.length()).isZero();
    try (Step own = cache.newStep()) {
      own.append(other, 1).begin(); // as if nothing had been
      own.rollback();
    }
  }

  @Test
  void aCallUnderWayIsOverBeforeACaptureBegins() throws InterruptedException {
    decode(this::layers, "warm-up");
    CudaStep face = step.unwrap(CudaStep.class);
    DeviceBuffer sevens = buffer(1);
    List<CudaGraph> graphs = new ArrayList<>();
    LateCall call = new LateCall(((DeviceStorage) cuda).queue(), sevens);
    call.start();
    call.inside.await();
    decode(() -> graphs.add(face.capture(this::layers)), "capture");
    call.join();
    assertThat(call.seen).isEqualTo("the capture waited, and had not begun");

    float[] number = {1f};
    try (CudaGraph graph = graphs.getFirst()) {
      sevens.copyFrom(MemorySegment.ofArray(number));
      decode(() -> face.replay(graph), "replay");
      sevens.copyTo(MemorySegment.ofArray(number));
      assertThat(number).containsExactly(1f);
    }
  }

  /** Is inside the queue when the thread that made it captures, and only then queues something. */
  private static final class LateCall extends Thread {
    private static final Duration WAIT_MAX = Duration.ofMinutes(1);

    private final CountDownLatch inside = new CountDownLatch(1);
    private final Thread capturing = Thread.currentThread();
    private final CallMemory memory = CallMemory.allocate(Arena.ofAuto());
    private final DeviceQueue queue;
    private final DeviceBuffer target;
    private String seen = "nothing";

    LateCall(DeviceQueue queue, DeviceBuffer target) {
      this.queue = queue;
      this.target = target;
    }

    @Override
    public void run() {
      queue.enter(memory);
      try {
        inside.countDown();
        long deadline = System.nanoTime() + WAIT_MAX.toNanos();
        while (capturing.getState() != State.TIMED_WAITING) {
          if (System.nanoTime() > deadline) {
            seen = "the capture did not wait";
            return;
          }
          Thread.onSpinWait();
        }
        queue.requireNotCapturing(memory);
        queue.fill(target.pointer().address(), Float.BYTES, 7, memory);
        seen = "the capture waited, and had not begun";
      } finally {
        queue.leave(memory);
      }
    }
  }

  private void requireRefused(KvSequence sequence) {
    try (Step own = cache.newStep()) {
      own.append(sequence, 1);
      assertThatIllegalStateException()
          .isThrownBy(own::begin)
          .withMessageContaining("a graph is being captured");
    }
    assertThatIllegalStateException()
        .isThrownBy(() -> cuda.allocate(16))
        .withMessageContaining("a graph is being captured");
  }

  @Test
  void aDecodeStepAllocatesNothingOnTheHeap() {
    decode(this::layers, "warm-up");
    Rows k = rows(keys);
    Rows v = rows(values);
    AttentionRows attention = AttentionRows.of(rows(queries), rows(output));
    long bytes =
        AllocationMeter.bytesOf(
            round -> {
              for (int i = 0; i < NUM_SEQS; i++) {
                step.append(sequences.get(i), 1);
              }
              step.begin();
              for (int layer = 0; layer < NUM_LAYERS; layer++) {
                step.write(layer, k, v);
                step.attend(layer, SPEC, attention, Workers.caller());
              }
              step.rollback();
            },
            20,
            Duration.ofMinutes(1));
    assertThat(bytes).isZero();
  }

  @Test
  void theArraysHoldWhatTheStepSays() {
    step.append(sequences.get(0), 20).append(sequences.get(1), 3).begin();
    CudaStep face = step.unwrap(CudaStep.class);
    int[] ids = sequences.get(0).blockIds();

    assertThat(ints(face.cumulativeQueryLengths())).containsExactly(0, 20, 23);
    assertThat(ints(face.contextLengths())).containsExactly(20, 3);
    assertThat(ints(face.positions())).startsWith(0, 1, 2).endsWith(0, 1, 2).hasSize(23);
    assertThat(Arrays.copyOf(ints(face.blockTables()), ids.length)).containsExactly(ids);
    int[] slots = ints(face.slotMapping());
    assertThat(slots[2 * 17]).isEqualTo(ids[1] * 16 + 1);
    step.rollback();
    assertThatIllegalStateException().isThrownBy(face::positions);
  }

  private int[] ints(DevicePointer pointer) {
    int[] numbers = new int[(int) (pointer.byteSize() / 4)];
    try (DeviceBuffer copy = cuda.allocate(pointer.byteSize())) {
      copy(pointer, copy.pointer());
      copy.copyTo(MemorySegment.ofArray(numbers));
    }
    return numbers;
  }

  private void copy(DevicePointer from, DevicePointer to) {
    DeviceQueue queue = ((DeviceStorage) cuda).queue();
    CallMemory memory = CallMemory.allocate(Arena.ofAuto());
    queue.enter(memory);
    queue.copyEntered(from.address(), to.address(), from.byteSize(), memory);
    queue.leave(memory);
  }

  @Test
  void stagingIsNotWrittenBeforeItsCopyHasPassed() {
    // A long queue of work, then many more updates than there are buffers, none waited for.
    CudaStep face = step.unwrap(CudaStep.class);
    step.append(sequences.get(0), 64).begin();
    step.rollback();
    for (int round = 1; round <= 50; round++) {
      step.append(sequences.get(0), round).append(sequences.get(1), 1).begin();
      int[] lengths = ints(face.contextLengths());
      int[] cumulative = ints(face.cumulativeQueryLengths());
      assertThat(lengths).containsExactly(round, 1);
      assertThat(cumulative).containsExactly(0, round, round + 1);
      step.rollback();
    }
    for (int round = 1; round <= 500; round++) {
      step.append(sequences.get(0), 1 + round % 60).begin();
      step.rollback();
    }
    step.append(sequences.get(0), 7).begin();
    assertThat(ints(face.contextLengths())).containsExactly(7);
    step.rollback();
  }

  @Test
  void deviceRowsOfTwoTypesAreRefusedByName() {
    step.append(sequences.getFirst(), 1).begin();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> step.write(0, rows(keys), DeviceRows.of(values.pointer(), DType.BF16)))
        .withMessageContaining("keys=FP32, values=BF16");
    step.rollback();
  }

  @Test
  void theCpuRefusesDeviceRows() {
    scalarStep.append(scalarSequences.getFirst(), 1).begin();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> scalarStep.write(0, rows(keys), rows(values)))
        .withMessageContaining("host memory only");
    scalarStep.rollback();
    assertThatIllegalArgumentException().isThrownBy(() -> scalarStep.unwrap(CudaStep.class));
  }

  @Test
  void partialResultsMergeIntoTheWhole() {
    // Two parts of one row: weights e^0 and e^ln3, so a quarter and three quarters.
    float nothing = Float.NEGATIVE_INFINITY;
    try (DeviceBuffer parts = cuda.allocate(3 * 2 * 4);
        DeviceBuffer lse = cuda.allocate(3 * 4);
        DeviceBuffer merged = cuda.allocate(2 * 4);
        DeviceBuffer mergedLse = cuda.allocate(4)) {
      parts.copyFrom(MemorySegment.ofArray(new float[] {4f, 8f, 0f, -4f, Float.NaN, Float.NaN}));
      lse.copyFrom(MemorySegment.ofArray(new float[] {0f, (float) Math.log(3), nothing}));
      cuda.mergePartials(
          new CudaCache.Partials(
              DeviceRows.of(parts.pointer(), DType.FP32),
              lse.pointer(),
              DeviceRows.of(merged.pointer(), DType.FP32),
              mergedLse.pointer(),
              3,
              1,
              2));
      float[] output = new float[2];
      float[] outputLse = new float[1];
      merged.copyTo(MemorySegment.ofArray(output));
      mergedLse.copyTo(MemorySegment.ofArray(outputLse));
      assertThat(output[0]).isCloseTo(1f, offset(1e-6f));
      assertThat(output[1]).isCloseTo(-1f, offset(1e-6f));
      assertThat(outputLse[0]).isCloseTo((float) Math.log(4), offset(1e-6f));
    }
  }
}
