package dev.pagoda.bench;

import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.internal.cuda.abi.pagoda_error;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_kv_layer;
import dev.pagoda.internal.cuda.abi.pagoda_paged_decode_params;
import dev.pagoda.internal.cuda.abi.pagoda_write_kv_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The native library called through FFM with params that never change: one block, in which every
 * sequence has its whole context. What a layer call of the cache costs above that is the cache's.
 */
final class BareCalls implements AutoCloseable {
  private static final int NUM_KV_HEADS = 8;
  private static final int NUM_QUERY_HEADS = 32;
  private static final int HEAD_DIM = 128;
  private static final int BLOCK_SIZE = 16;
  private static final long TILE_BYTES = 2L * BLOCK_SIZE * HEAD_DIM;

  private final Arena arena = Arena.ofShared();
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private final CudaCache cuda;
  private final MemorySegment stream;
  private final MemorySegment error;
  private final MemorySegment write;
  private final MemorySegment decode;

  BareCalls(CudaCache cuda, int numSeqs) {
    this.cuda = cuda;
    stream = MemorySegment.ofAddress(cuda.stream());
    error = pagoda_error.allocate(arena);
    write = pagoda_write_kv_params.allocate(arena);
    decode = pagoda_paged_decode_params.allocate(arena);
    long pool = zeros(2 * NUM_KV_HEADS * TILE_BYTES);
    describeLayer(write, pool);
    describeLayer(decode, pool);

    long kvRowBytes = 2L * NUM_KV_HEADS * HEAD_DIM;
    pagoda_write_kv_params.keys(write, zeros(numSeqs * kvRowBytes));
    pagoda_write_kv_params.values(write, zeros(numSeqs * kvRowBytes));
    pagoda_write_kv_params.slot_mapping(write, slots(numSeqs));
    pagoda_write_kv_params.key_row_stride_bytes(write, kvRowBytes);
    pagoda_write_kv_params.value_row_stride_bytes(write, kvRowBytes);
    pagoda_write_kv_params.num_tokens(write, numSeqs);
    pagoda_write_kv_params.row_dtype(write, pagoda_h.PAGODA_DTYPE_BF16());

    long queryRowBytes = 2L * NUM_QUERY_HEADS * HEAD_DIM;
    pagoda_paged_decode_params.queries(decode, zeros(numSeqs * queryRowBytes));
    pagoda_paged_decode_params.output(decode, zeros(numSeqs * queryRowBytes));
    pagoda_paged_decode_params.block_tables(decode, zeros(4L * numSeqs));
    pagoda_paged_decode_params.context_lengths(decode, lengths(numSeqs));
    pagoda_paged_decode_params.query_row_stride_bytes(decode, queryRowBytes);
    pagoda_paged_decode_params.output_row_stride_bytes(decode, queryRowBytes);
    pagoda_paged_decode_params.block_table_stride(decode, 1);
    pagoda_paged_decode_params.num_seqs(decode, numSeqs);
    pagoda_paged_decode_params.num_query_heads(decode, NUM_QUERY_HEADS);
    pagoda_paged_decode_params.row_dtype(decode, pagoda_h.PAGODA_DTYPE_BF16());
    pagoda_paged_decode_params.softmax_scale(decode, 0.0884f);
    MemorySegment workspaceBytes = arena.allocate(ValueLayout.JAVA_LONG);
    check(pagoda_h.pagoda_paged_decode_workspace(decode, workspaceBytes, error));
    long byteSize = workspaceBytes.get(ValueLayout.JAVA_LONG, 0);
    pagoda_paged_decode_params.workspace(decode, zeros(byteSize));
    pagoda_paged_decode_params.workspace_bytes(decode, byteSize);
    write();
    decode();
    cuda.synchronize();
  }

  private static void describeLayer(MemorySegment layer, long pool) {
    pagoda_kv_layer.pool(layer, pool);
    pagoda_kv_layer.num_blocks(layer, 1);
    pagoda_kv_layer.block_bytes(layer, 2 * NUM_KV_HEADS * TILE_BYTES);
    pagoda_kv_layer.value_base_bytes(layer, NUM_KV_HEADS * TILE_BYTES);
    pagoda_kv_layer.key_tile_bytes(layer, TILE_BYTES);
    pagoda_kv_layer.value_tile_bytes(layer, TILE_BYTES);
    pagoda_kv_layer.num_kv_heads(layer, NUM_KV_HEADS);
    pagoda_kv_layer.block_size(layer, BLOCK_SIZE);
    pagoda_kv_layer.key_head_dim(layer, HEAD_DIM);
    pagoda_kv_layer.value_head_dim(layer, HEAD_DIM);
    pagoda_kv_layer.key_dtype(layer, pagoda_h.PAGODA_DTYPE_BF16());
    pagoda_kv_layer.value_dtype(layer, pagoda_h.PAGODA_DTYPE_BF16());
  }

  private long zeros(long byteSize) {
    return copied(MemorySegment.ofArray(new byte[Math.toIntExact(byteSize)]));
  }

  private long slots(int numSeqs) {
    long[] slots = new long[numSeqs];
    Arrays.fill(slots, -1); // padding, but for the first
    slots[0] = 0;
    return copied(MemorySegment.ofArray(slots));
  }

  private long lengths(int numSeqs) {
    int[] lengths = new int[numSeqs];
    Arrays.fill(lengths, BLOCK_SIZE);
    return copied(MemorySegment.ofArray(lengths));
  }

  private long copied(MemorySegment source) {
    DeviceBuffer buffer = cuda.allocate(source.byteSize());
    buffers.add(buffer);
    buffer.copyFrom(source);
    return buffer.pointer().address();
  }

  /** Queues one write. */
  int write() {
    return check(pagoda_h.pagoda_write_kv(write, stream, error));
  }

  /** Queues one launch of attention. */
  int decode() {
    return check(pagoda_h.pagoda_paged_decode(decode, stream, error));
  }

  private int check(int status) {
    if (status != pagoda_h.PAGODA_STATUS_OK()) {
      throw new IllegalStateException(pagoda_error.text(error).getString(0));
    }
    return status;
  }

  @Override
  public void close() {
    buffers.forEach(DeviceBuffer::close);
    arena.close();
  }
}
