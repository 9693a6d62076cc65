package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.WorkspaceTable.Workspace;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_kv_layer;
import dev.pagoda.internal.cuda.abi.pagoda_paged_decode_params;
import dev.pagoda.internal.cuda.abi.pagoda_paged_prefill_params;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One launch of attention: everything on the device, nothing left but to fill in the params.
 *
 * <p>Mutable so that a step makes one and uses it for ever. One thread at a time.
 */
final class AttentionLaunch {
  private final DeviceStorage storage;
  private final DeviceQueue queue;

  private int layer;
  private AttentionSpec spec = AttentionSpec.causal(1, 1f);
  private int firstKvHead;
  private int endKvHead;
  private int groupSize;
  private LayerShape shape;

  private int numSeqs;
  private int numTokens;
  private boolean decodes;
  private long tables;
  private long lengths;
  private long cumulative;

  private long queries;
  private long queryStrideBytes;
  private long output;
  private long outputStrideBytes;
  private DType rowDType = DType.FP32;

  // What the layers' specs have on the device, looked up again when a layer gets another spec.
  private final AttentionSpec[] specOfLayer;
  private final long[] slopesOfLayer;
  private final long[] sinksOfLayer;

  AttentionLaunch(DeviceStorage storage) {
    this.storage = storage;
    queue = storage.queue();
    int numLayers = storage.layout().shape().numLayers();
    shape = storage.layout().shape().layer(0);
    specOfLayer = new AttentionSpec[numLayers];
    Arrays.fill(specOfLayer, spec);
    slopesOfLayer = new long[numLayers];
    sinksOfLayer = new long[numLayers];
  }

  /** What to compute, over which KV heads. */
  void set(int newLayer, AttentionSpec newSpec, int newFirstKvHead, int newEndKvHead) {
    layer = newLayer;
    spec = newSpec;
    firstKvHead = newFirstKvHead;
    endKvHead = newEndKvHead;
    shape = storage.layout().shape().layer(newLayer);
    groupSize = newSpec.groupSize(shape);
  }

  /** How many rows; {@code newDecodes} if each is the last token of a sequence of its own. */
  void setBatch(int newNumSeqs, int newNumTokens, boolean newDecodes) {
    numSeqs = newNumSeqs;
    numTokens = newNumTokens;
    decodes = newDecodes;
  }

  /** Where the arrays of the batch lie; decoding needs no cumulative lengths. */
  void setArrays(long newTables, long newLengths, long newCumulative) {
    tables = newTables;
    lengths = newLengths;
    cumulative = newCumulative;
  }

  void setRows(
      long newQueries,
      long newQueryStrideBytes,
      long newOutput,
      long newOutputStrideBytes,
      DType newRowDType) {
    queries = newQueries;
    queryStrideBytes = newQueryStrideBytes;
    output = newOutput;
    outputStrideBytes = newOutputStrideBytes;
    rowDType = newRowDType;
  }

  int numTokens() {
    return numTokens;
  }

  int numQueryHeads() {
    return (endKvHead - firstKvHead) * groupSize;
  }

  int queryWidth() {
    return numQueryHeads() * shape.keyHeadDim();
  }

  int outputWidth() {
    return numQueryHeads() * shape.valueHeadDim();
  }

  /** Queues the launch. The context is entered. */
  void run(long lse, StepMemory memory) {
    lookUpSpec(memory);
    long firstHeadBytes = (long) firstKvHead * groupSize * Float.BYTES;
    long slopes = slopesOfLayer[layer] == 0 ? 0 : slopesOfLayer[layer] + firstHeadBytes;
    long sinks = sinksOfLayer[layer] == 0 ? 0 : sinksOfLayer[layer] + firstHeadBytes;
    MemorySegment prefill = memory.prefillParams;
    storage.layers().putHeads(layer, firstKvHead, endKvHead, prefill);
    pagoda_paged_prefill_params.num_query_heads(prefill, numQueryHeads());
    Workspace workspace =
        storage
            .workspaces()
            .of(
                numQueryHeads(),
                endKvHead - firstKvHead,
                shape.valueHeadDim(),
                prefill,
                memory.call);
    if (decodes) {
      decode(lse, slopes, sinks, workspace, memory);
    } else {
      prefill(lse, slopes, sinks, workspace, memory);
    }
  }

  private void lookUpSpec(StepMemory memory) {
    if (specOfLayer[layer] != spec) {
      if (spec.hasAlibiSlopes() || spec.hasSinks()) {
        slopesOfLayer[layer] = storage.specs().slopes(spec, memory.staging(), memory.call);
        sinksOfLayer[layer] = storage.specs().sinks(spec, memory.staging(), memory.call);
      } else {
        slopesOfLayer[layer] = 0;
        sinksOfLayer[layer] = 0;
      }
      specOfLayer[layer] = spec;
    }
  }

  private void decode(long lse, long slopes, long sinks, Workspace workspace, StepMemory memory) {
    MemorySegment params = memory.decodeParams;
    MemorySegment.copy(memory.prefillParams, 0, params, 0, pagoda_kv_layer.sizeof());
    pagoda_paged_decode_params.queries(params, queries);
    pagoda_paged_decode_params.output(params, output);
    pagoda_paged_decode_params.maybe_lse(params, lse);
    pagoda_paged_decode_params.block_tables(params, tables);
    pagoda_paged_decode_params.context_lengths(params, lengths);
    pagoda_paged_decode_params.maybe_alibi_slopes(params, slopes);
    pagoda_paged_decode_params.maybe_sinks(params, sinks);
    pagoda_paged_decode_params.workspace(params, workspace.address());
    pagoda_paged_decode_params.workspace_bytes(params, workspace.byteSize());
    pagoda_paged_decode_params.query_row_stride_bytes(params, queryStrideBytes);
    pagoda_paged_decode_params.output_row_stride_bytes(params, outputStrideBytes);
    pagoda_paged_decode_params.block_table_stride(params, memory.arrays.stride());
    pagoda_paged_decode_params.num_seqs(params, numSeqs);
    pagoda_paged_decode_params.num_query_heads(params, numQueryHeads());
    pagoda_paged_decode_params.row_dtype(params, LayerParams.code(rowDType));
    pagoda_paged_decode_params.window_tokens(params, spec.mask().windowTokens());
    pagoda_paged_decode_params.softmax_scale(params, spec.softmaxScale());
    pagoda_paged_decode_params.logit_soft_cap(params, spec.logitSoftCap());
    queue.checkRows(
        "pagoda_paged_decode",
        pagoda_h.pagoda_paged_decode(params, queue.stream(), memory.call.error()),
        memory.call);
  }

  private void prefill(long lse, long slopes, long sinks, Workspace workspace, StepMemory memory) {
    MemorySegment params = memory.prefillParams;
    pagoda_paged_prefill_params.queries(params, queries);
    pagoda_paged_prefill_params.output(params, output);
    pagoda_paged_prefill_params.maybe_lse(params, lse);
    pagoda_paged_prefill_params.block_tables(params, tables);
    pagoda_paged_prefill_params.context_lengths(params, lengths);
    pagoda_paged_prefill_params.cumulative_query_lengths(params, cumulative);
    pagoda_paged_prefill_params.maybe_alibi_slopes(params, slopes);
    pagoda_paged_prefill_params.maybe_sinks(params, sinks);
    pagoda_paged_prefill_params.workspace(params, workspace.address());
    pagoda_paged_prefill_params.workspace_bytes(params, workspace.byteSize());
    pagoda_paged_prefill_params.query_row_stride_bytes(params, queryStrideBytes);
    pagoda_paged_prefill_params.output_row_stride_bytes(params, outputStrideBytes);
    pagoda_paged_prefill_params.block_table_stride(params, memory.arrays.stride());
    pagoda_paged_prefill_params.num_seqs(params, numSeqs);
    pagoda_paged_prefill_params.num_tokens(params, numTokens);
    pagoda_paged_prefill_params.row_dtype(params, LayerParams.code(rowDType));
    pagoda_paged_prefill_params.window_tokens(params, spec.mask().windowTokens());
    pagoda_paged_prefill_params.is_causal(params, spec.mask().causal() ? 1 : 0);
    pagoda_paged_prefill_params.softmax_scale(params, spec.softmaxScale());
    pagoda_paged_prefill_params.logit_soft_cap(params, spec.logitSoftCap());
    queue.checkRows(
        "pagoda_paged_prefill",
        pagoda_h.pagoda_paged_prefill(params, queue.stream(), memory.call.error()),
        memory.call);
  }
}
