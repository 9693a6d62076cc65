package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.lab.attention.ShuffledBlocks;
import dev.pagoda.lab.attention.TokenRows;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Computes the same rows in ways that must not make a difference on a CPU, and compares bits: what
 * prefix reuse, batching and threads rest on.
 */
final class BitClaims {
  private static final int NUM_QUERY_HEADS = 8;
  private static final int NUM_KV_HEADS = 2;
  private static final int HEAD_DIM = 64;
  private static final int CHUNK_TOKENS = 7;
  private static final AttentionSpec SPEC =
      AttentionSpec.causal(NUM_QUERY_HEADS, (float) (1 / Math.sqrt(HEAD_DIM)));

  private final Conditions conditions;
  private final int numTokens;
  private final TokenRows rows;

  private BitClaims(Conditions conditions) {
    this.conditions = conditions;
    // More than a span of 1,024 positions in the thorough run, so that spans are merged.
    numTokens = conditions.either(200, 1100);
    rows = TokenRows.random(numTokens, NUM_QUERY_HEADS, layer(DType.FP32), conditions.seed());
  }

  private static LayerShape layer(DType dtype) {
    return LayerShape.of(NUM_KV_HEADS, HEAD_DIM, dtype);
  }

  static List<CorrectnessResult.BitClaim> check(Conditions conditions) {
    List<CorrectnessResult.BitClaim> claims = new ArrayList<>();
    List<Backend> backends =
        CorrectnessExperiment.backends(conditions).stream()
            .filter(backend -> backend != Backend.CUDA)
            .toList();
    BitClaims these = new BitClaims(conditions);
    if (backends.contains(Backend.VECTOR)) {
      for (DType dtype : DType.values()) {
        these.addVectorAgainstScalar(dtype, claims);
        conditions.progress().accept(0.2 * claims.size());
      }
    }
    these.addWaysToCompute(backends.getFirst(), claims);
    conditions.progress().accept(1);
    return claims;
  }

  private void addVectorAgainstScalar(DType dtype, List<CorrectnessResult.BitClaim> claims) {
    Setting setting = new Setting(Backend.SCALAR, 16, dtype);
    claims.add(
        claim(
            "vector = scalar, " + dtype + " in the cache",
            compute(setting.with(Backend.VECTOR), Workers.caller(), numTokens, true),
            compute(setting, Workers.caller(), numTokens, true)));
  }

  private void addWaysToCompute(Backend backend, List<CorrectnessResult.BitClaim> claims) {
    Setting setting = new Setting(backend, 16, DType.FP32);
    float[] atOnce = compute(setting, Workers.caller(), numTokens, true);
    claims.add(
        claim("token by token = all at once", compute(setting, Workers.caller(), 1, true), atOnce));
    claims.add(
        claim(
            "chunks of " + CHUNK_TOKENS + " = all at once",
            compute(setting, Workers.caller(), CHUNK_TOKENS, true),
            atOnce));
    for (int blockSize : new int[] {1, 64, 256}) {
      claims.add(
          claim(
              "blocks of " + blockSize + " = blocks of 16",
              compute(setting.with(blockSize), Workers.caller(), numTokens, true),
              atOnce));
    }
    claims.add(
        claim(
            "blocks in order = blocks shuffled",
            compute(setting, Workers.caller(), numTokens, false),
            atOnce));
    int numThreads = Math.max(2, Runtime.getRuntime().availableProcessors());
    ExecutorService executor = Executors.newFixedThreadPool(numThreads - 1);
    try {
      claims.add(
          claim(
              numThreads + " threads = 1 thread",
              compute(setting, new Workers(executor, numThreads), numTokens, true),
              atOnce));
    } finally {
      executor.shutdown();
    }
    claims.add(claim("in a batch = alone", computeInBatch(setting), atOnce));
  }

  private static CorrectnessResult.BitClaim claim(
      String claim, float[] output, float[] otherOutput) {
    return new CorrectnessResult.BitClaim(claim, Difference.between(output, otherOutput));
  }

  private record Setting(Backend backend, int blockSize, DType dtype) {
    Setting with(Backend newBackend) {
      return new Setting(newBackend, blockSize, dtype);
    }

    Setting with(int newBlockSize) {
      return new Setting(backend, newBlockSize, dtype);
    }

    PagedKvCache open(int numSequences, int numTokens) {
      KvShape shape = new KvShape(List.of(layer(dtype)), blockSize);
      return PagedKvCache.open(
          shape, backend, Capacity.blocks(numSequences * shape.blocksFor(numTokens)));
    }
  }

  private float[] compute(Setting setting, Workers workers, int chunkTokens, boolean shuffled) {
    float[] output = new float[rows.output().length];
    try (PagedKvCache cache = setting.open(1, numTokens)) {
      if (shuffled) {
        ShuffledBlocks.shuffle(cache, conditions.seed());
      }
      try (PagedBatch batch = PagedBatch.open(cache, SPEC, 1, workers)) {
        for (int from = 0; from < numTokens; from += chunkTokens) {
          int to = Math.min(numTokens, from + chunkTokens);
          TokenRows chunk = rows.slice(from, to, numTokens);
          batch.forward(to - from, chunk);
          System.arraycopy(
              chunk.output(), 0, output, from * NUM_QUERY_HEADS * HEAD_DIM, chunk.output().length);
        }
      }
    }
    return output;
  }

  /** The rows as the second one of two sequences, the other one being different. */
  private float[] computeInBatch(Setting setting) {
    TokenRows other =
        TokenRows.random(numTokens, NUM_QUERY_HEADS, layer(DType.FP32), conditions.seed() + 1);
    TokenRows both = other.followedBy(rows);
    try (PagedKvCache cache = setting.open(2, numTokens);
        PagedBatch batch = PagedBatch.open(cache, SPEC, 2, Workers.caller())) {
      batch.forward(numTokens, both);
    }
    return Arrays.copyOfRange(both.output(), rows.output().length, both.output().length);
  }
}
