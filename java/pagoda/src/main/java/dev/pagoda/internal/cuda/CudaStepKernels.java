package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaGraph;
import dev.pagoda.cuda.CudaStep;
import dev.pagoda.cuda.DevicePointer;
import dev.pagoda.cuda.DeviceRows;
import dev.pagoda.internal.cuda.RowStaging.Piece;
import dev.pagoda.internal.cuda.RowStaging.Use;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_write_kv_params;
import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.RaggedBatch;
import dev.pagoda.internal.kernel.StepKernels;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A step on the device: each call is one launch over all rows of the batch.
 *
 * <p>With device rows a call allocates nothing and does not wait. Host rows are carried to device
 * memory and back, and a call whose output is on the host waits for it.
 *
 * <p>Calls for single rows take a lock: the device has one queue, and threads of the host do not
 * make it faster.
 */
final class CudaStepKernels implements StepKernels, CudaStep {
  private final DeviceStorage storage;
  private final DeviceQueue queue;
  private final RaggedBatch batch;
  private final boolean debug;
  private final AttentionLaunch launch;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final List<StepMemory> borrowed = new ArrayList<>(1); // one while begun, or none
  private boolean writtenByCaller;

  CudaStepKernels(DeviceStorage storage, RaggedBatch batch, boolean debug) {
    this.storage = storage;
    this.batch = batch;
    this.debug = debug;
    queue = storage.queue();
    launch = new AttentionLaunch(storage);
  }

  @Override
  public void begin() {
    lock.lock();
    try {
      queue.requireWhole();
      StepMemory memory = storage.stepMemories().take();
      try {
        memory.arrays.update(batch);
        if (debug) {
          StepValidation.require(storage, batch, memory);
        }
      } catch (Throwable refused) {
        storage.stepMemories().give(memory);
        throw refused;
      }
      borrowed.add(memory);
      writtenByCaller = false;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void end() {
    lock.lock();
    try {
      if (!borrowed.isEmpty()) {
        storage.stepMemories().give(borrowed.removeLast());
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireBegun() {
    if (borrowed.isEmpty()) {
      throw new IllegalStateException("the step has not begun: call begin() first: begun=false");
    }
  }

  private StepMemory memory() {
    requireBegun();
    return borrowed.getFirst();
  }

  @Override
  public void write(WriteCall call, Executor executor, int numThreads) {
    writeRows(call, 0, batch.numTokens());
  }

  @Override
  public void writeToken(WriteCall call, int token) {
    writeRows(call, token, token + 1);
  }

  void writeRows(WriteCall call, int first, int end) {
    lock.lock();
    try {
      StepMemory memory = memory();
      LayerShape shape = storage.layout().shape().layer(call.layer());
      int keyWidth = shape.numKvHeads() * shape.keyHeadDim();
      int valueWidth = shape.numKvHeads() * shape.valueHeadDim();
      Rows keys = call.keys();
      Rows values = call.values();
      DType dtype = RowPlaces.commonDType("keys", keys, "values", values);
      int count = end - first;
      queue.enter(memory.call);
      try {
        MemorySegment params = memory.writeParams;
        storage.layers().put(call.layer(), params);
        pagoda_write_kv_params.keys(
            params,
            keys instanceof DeviceRows device
                ? device.address(first, keyWidth)
                : send(new Piece(keys, first, count, keyWidth, dtype), Use.KEYS_OR_QUERIES));
        pagoda_write_kv_params.values(
            params,
            values instanceof DeviceRows device
                ? device.address(first, valueWidth)
                : send(new Piece(values, first, count, valueWidth, dtype), Use.VALUES_OR_OUTPUT));
        pagoda_write_kv_params.key_row_stride_bytes(
            params, RowPlaces.strideBytes(keys, keyWidth, dtype));
        pagoda_write_kv_params.value_row_stride_bytes(
            params, RowPlaces.strideBytes(values, valueWidth, dtype));
        pagoda_write_kv_params.slot_mapping(
            params, memory.arrays.slotsAddress() + (long) first * Long.BYTES);
        pagoda_write_kv_params.num_tokens(params, count);
        pagoda_write_kv_params.row_dtype(params, LayerParams.code(dtype));
        queue.checkRows(
            "pagoda_write_kv",
            pagoda_h.pagoda_write_kv(params, queue.stream(), memory.call.error()),
            memory.call);
      } finally {
        queue.leave(memory.call);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Queues the copy of host rows to a buffer on the device, and says where that is. */
  private long send(Piece piece, Use use) {
    StepMemory memory = memory();
    queue.requireNotCapturing(memory.call);
    long address = memory.staging().reserve(use, piece.count() * piece.rowBytes());
    memory.staging().send(piece, address);
    return address;
  }

  /** A buffer on the device for rows that go to the host. */
  private long reserve(Piece piece, Use use) {
    StepMemory memory = memory();
    queue.requireNotCapturing(memory.call);
    return memory.staging().reserve(use, piece.count() * piece.rowBytes());
  }

  @Override
  public void attend(AttendCall call, Executor executor, int numThreads) {
    lock.lock();
    try {
      StepMemory memory = memory();
      StepArrays arrays = memory.arrays;
      int numTokens = batch.numTokens();
      int numKvHeads = storage.layout().shape().layer(call.layer()).numKvHeads();
      launch.set(call.layer(), call.spec(), 0, numKvHeads);
      // One row per sequence is the shape that the decode kernels are made for.
      launch.setBatch(batch.numSeqs(), numTokens, numTokens == batch.numSeqs());
      launch.setArrays(arrays.tablesAddress(), arrays.lengthsAddress(), arrays.cumulativeAddress());
      attend(call.queries(), call.output(), call.lse(), memory);
    } finally {
      lock.unlock();
    }
  }

  /** Attention as {@link #launch} says, of the first rows of each kind. */
  private void attend(Rows queries, Rows output, Rows lse, StepMemory memory) {
    int count = launch.numTokens();
    int queryWidth = launch.queryWidth();
    int outputWidth = launch.outputWidth();
    int numQueryHeads = launch.numQueryHeads();
    DType dtype = RowPlaces.commonDType("queries", queries, "output", output);
    queue.enter(memory.call);
    try {
      long queryAddress =
          queries instanceof DeviceRows device
              ? device.address(0, queryWidth)
              : send(new Piece(queries, 0, count, queryWidth, dtype), Use.KEYS_OR_QUERIES);
      long outputAddress =
          output instanceof DeviceRows device
              ? device.address(0, outputWidth)
              : reserve(new Piece(output, 0, count, outputWidth, dtype), Use.VALUES_OR_OUTPUT);
      launch.setRows(
          queryAddress,
          RowPlaces.strideBytes(queries, queryWidth, dtype),
          outputAddress,
          RowPlaces.strideBytes(output, outputWidth, dtype),
          dtype);
      long lseAddress = lseAddress(lse, count, numQueryHeads);
      launch.run(lseAddress, memory);
      if (!(output instanceof DeviceRows)) {
        memory.staging().fetch(new Piece(output, 0, count, outputWidth, dtype), outputAddress);
      }
      if (!(lse instanceof DeviceRows || lse instanceof Rows.NoRows)) {
        memory.staging().fetch(new Piece(lse, 0, count, numQueryHeads, DType.FP32), lseAddress);
      }
    } finally {
      queue.leave(memory.call);
    }
  }

  private long lseAddress(Rows lse, int count, int numQueryHeads) {
    return switch (lse) {
      case Rows.NoRows none -> 0;
      case DeviceRows device -> {
        RowPlaces.requireLse(device, numQueryHeads, count == 1);
        yield device.address(0, numQueryHeads);
      }
      default -> reserve(new Piece(lse, 0, count, numQueryHeads, DType.FP32), Use.LSE);
    };
  }

  @Override
  public void attendToken(AttendCall call, int token, int firstKvHead, int endKvHead) {
    lock.lock();
    try {
      StepMemory memory = memory();
      queue.requireNotCapturing(memory.call);
      AttentionSpec spec = call.spec();
      LayerShape shape = storage.layout().shape().layer(call.layer());
      int groupSize = spec.groupSize(shape);
      int firstQueryHead = firstKvHead * groupSize;
      int queryWidth = spec.numQueryHeads() * shape.keyHeadDim();
      int outputWidth = spec.numQueryHeads() * shape.valueHeadDim();
      Rows queries =
          RowPlaces.from(call.queries(), token, queryWidth, firstQueryHead * shape.keyHeadDim());
      Rows output =
          RowPlaces.from(call.output(), token, outputWidth, firstQueryHead * shape.valueHeadDim());
      Rows lse = RowPlaces.from(call.lse(), token, spec.numQueryHeads(), firstQueryHead);

      int seqIndex = batch.sequenceOf(token);
      int position = batch.positionOf(token);
      int contextLength = batch.contextLength(seqIndex);
      launch.set(call.layer(), spec, firstKvHead, endKvHead);
      boolean looksBackOnly = spec.mask().causal() || position == contextLength - 1;
      boolean minds = spec.mask().windowTokens() > 0 || spec.hasAlibiSlopes();
      if (looksBackOnly || !minds) {
        // A row that is the last one it sees is a decode row of a shorter context; and where
        // distances do not count, any row that sees all is one of the whole.
        launchOneRow(seqIndex, looksBackOnly ? position + 1 : contextLength, memory);
        attend(queries, output, lse, memory);
      } else {
        attendInnerRow(new RowTriple(queries, output, lse), seqIndex, position, memory);
      }
    } finally {
      lock.unlock();
    }
  }

  private record RowTriple(Rows queries, Rows output, Rows lse) {}

  private void launchOneRow(int seqIndex, int contextLength, StepMemory memory) {
    long lengthAddress = numbers(memory);
    queue.enter(memory.call);
    try {
      memory.staging().sendInt(contextLength, lengthAddress);
    } finally {
      queue.leave(memory.call);
    }
    launch.setBatch(1, 1, true);
    launch.setArrays(tableAddress(seqIndex, memory), lengthAddress, 0);
  }

  /**
   * A row that sees what comes after it, where distances count: the kernels place rows by counting
   * from the end of the context, so the row goes in front of as many idle ones as follow it.
   */
  private void attendInnerRow(RowTriple rows, int seqIndex, int position, StepMemory memory) {
    int count = batch.contextLength(seqIndex) - position;
    long cumulative = numbers(memory);
    long rowBytes = (long) launch.queryWidth() * Float.BYTES;
    long outputBytes = (long) launch.outputWidth() * Float.BYTES;
    long lseBytes = (long) launch.numQueryHeads() * Float.BYTES;
    RowStaging staging = memory.staging();
    queue.enter(memory.call);
    try {
      long queries = staging.reserve(Use.ALL_ROWS, count * (rowBytes + outputBytes + lseBytes));
      long output = queries + count * rowBytes;
      long lse = output + count * outputBytes;
      staging.sendInt(0, cumulative);
      staging.sendInt(count, cumulative + Integer.BYTES);
      DType dtype = RowPlaces.commonDType("queries", rows.queries, "output", rows.output);
      if (rows.queries instanceof DeviceRows device) {
        queue.copyEntered(
            device.address(0, launch.queryWidth()),
            queries,
            (long) launch.queryWidth() * dtype.byteSize(),
            memory.call);
      } else {
        staging.send(new Piece(rows.queries, 0, 1, launch.queryWidth(), dtype), queries);
      }
      launch.setBatch(1, count, false);
      launch.setArrays(
          tableAddress(seqIndex, memory),
          memory.arrays.lengthsAddress() + (long) seqIndex * Integer.BYTES,
          cumulative);
      launch.setRows(
          queries,
          (long) launch.queryWidth() * dtype.byteSize(),
          output,
          (long) launch.outputWidth() * dtype.byteSize(),
          dtype);
      launch.run(lse, memory);
      deliver(new Piece(rows.output, 0, 1, launch.outputWidth(), dtype), output, memory);
      if (!(rows.lse instanceof Rows.NoRows)) {
        deliver(new Piece(rows.lse, 0, 1, launch.numQueryHeads(), DType.FP32), lse, memory);
      }
    } finally {
      queue.leave(memory.call);
    }
  }

  private void deliver(Piece piece, long source, StepMemory memory) {
    if (piece.rows() instanceof DeviceRows device) {
      queue.copyEntered(source, device.address(0, piece.width()), piece.rowBytes(), memory.call);
    } else {
      memory.staging().fetch(piece, source);
    }
  }

  /** Device memory for two numbers of a launch. */
  private static long numbers(StepMemory memory) {
    return memory.staging().reserve(Use.NUMBERS, 2L * Integer.BYTES);
  }

  private static long tableAddress(int seqIndex, StepMemory memory) {
    return memory.arrays.tablesAddress() + (long) seqIndex * memory.arrays.stride() * Integer.BYTES;
  }

  @Override
  public boolean writesEveryLayer() {
    lock.lock();
    try {
      return writtenByCaller;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void declareWritten() {
    lock.lock();
    try {
      requireBegun();
      writtenByCaller = true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public CudaGraph capture(Runnable work) {
    lock.lock();
    try {
      StepMemory memory = memory();
      CapturedGraph graph = CapturedGraph.capture(queue, batch, memory, work);
      graph.launch(memory);
      return graph;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void replay(CudaGraph graph) {
    lock.lock();
    try {
      StepMemory memory = memory();
      if (!(graph instanceof CapturedGraph captured)) {
        throw new IllegalArgumentException("another library's graph: graph=" + graph);
      }
      captured.requireFits(batch, memory);
      captured.launch(memory);
      writtenByCaller = true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public DevicePointer blockTables() {
    StepArrays arrays = memory().arrays;
    return new DevicePointer(
        arrays.tablesAddress(), (long) batch.numSeqs() * arrays.stride() * Integer.BYTES);
  }

  @Override
  public int blockTableStride() {
    return memory().arrays.stride();
  }

  @Override
  public DevicePointer contextLengths() {
    return new DevicePointer(
        memory().arrays.lengthsAddress(), (long) batch.numSeqs() * Integer.BYTES);
  }

  @Override
  public DevicePointer cumulativeQueryLengths() {
    return new DevicePointer(
        memory().arrays.cumulativeAddress(), (batch.numSeqs() + 1L) * Integer.BYTES);
  }

  @Override
  public DevicePointer positions() {
    return new DevicePointer(
        memory().arrays.positionsAddress(), (long) batch.numTokens() * Integer.BYTES);
  }

  @Override
  public DevicePointer slotMapping() {
    return new DevicePointer(memory().arrays.slotsAddress(), (long) batch.numTokens() * Long.BYTES);
  }
}
