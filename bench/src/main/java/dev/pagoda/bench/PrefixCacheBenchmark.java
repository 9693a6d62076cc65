package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does it cost to find a long prompt in a prefix cache, SHA-256 of every block included, and
 * to publish one that is not there? The cache counts its blocks and has no memory for them, so that
 * a million fit; it is full of prompts of the same length, and each call looks for another one.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 3,
    jvmArgsAppend = {"-Xmx3g", "-XX:+UseSerialGC"})
public class PrefixCacheBenchmark {
  private static final int BLOCK_SIZE = 16;

  /** Blocks in the pool, nearly all of them cached. */
  @Param({"16384", "1048576"})
  public int numBlocks = 16384;

  /** Tokens of a prompt. */
  @Param({"32768"})
  public int promptTokens = 32768;

  private PagedKvCache cache;
  private PrefixCache prefixes;
  private Step step;
  private int numPrompts;
  private int next;
  private int nextNew;

  /** Fills the cache. */
  @Setup
  public void fill() {
    KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(BLOCK_SIZE);
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.counted(numBlocks));
    prefixes = PrefixCache.open(cache, PrefixSettings.of("benchmark"));
    step = cache.newStep();
    numPrompts = numBlocks / shape.blocksFor(promptTokens) - 1;
    for (int i = 0; i < numPrompts; i++) {
      publish(i);
    }
    int cached = prefixes.probe(prompt(0), Namespace.COMMON).cachedTokens();
    if (cached != promptTokens - 1) {
      throw new IllegalStateException("the prompt is not cached: cached=" + cached);
    }
    nextNew = numPrompts;
  }

  private int[] prompt(int number) {
    return new SplittableRandom(number).ints(promptTokens, 0, 128_000).toArray();
  }

  private int publish(int number) {
    try (TokenSequence tokens = prefixes.open(prompt(number), Namespace.COMMON)) {
      step.append(tokens.sequence(), tokens.numMissing()).begin();
      step.commit();
      return tokens.length();
    }
  }

  private int[] nextPrompt() {
    next = (next + 1) % numPrompts;
    return prompt(next);
  }

  /** Makes a prompt: part of every other row. */
  @Benchmark
  public int[] promptAlone() {
    return nextPrompt();
  }

  /** Finds every block of a prompt. */
  @Benchmark
  public int lookup() {
    return prefixes.probe(nextPrompt(), Namespace.COMMON).cachedTokens();
  }

  /** Finds them, opens a sequence over them and closes it. */
  @Benchmark
  public int openAndClose() {
    try (TokenSequence tokens = prefixes.open(nextPrompt(), Namespace.COMMON)) {
      return tokens.length();
    }
  }

  /** Opens a prompt that is not there, publishes all its blocks, and gives up as many others. */
  @Benchmark
  public int openAndPublish() {
    return publish(nextNew++);
  }

  /** Frees the cache. */
  @TearDown
  public void close() {
    step.close();
    prefixes.close();
    cache.close();
  }
}
