package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.tier.file.DiskTier;
import dev.pagoda.tier.file.DiskTierSettings;
import dev.pagoda.tier.file.ModelFingerprint;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * How long does an application wait at its start for a disk tier to take stock of what it finds?
 * Blocks are tiny, so that names and not bytes are counted, and the folder's entries are hot.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 8)
@Fork(1)
public class DiskTierBenchmark {
  private static final int POOL_BLOCKS = 1024;
  private static final int PROMPT_BLOCKS = 32;
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("benchmark", "1");

  /** Files in the folder. */
  @Param({"100000"})
  public int numFiles = 100_000;

  private final KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(4);
  private final DiskTierSettings settings = DiskTierSettings.ofBytes(1L << 34);
  private PagedKvCache cache;
  private Path parent;

  /** Has a prefix cache give up as many blocks. */
  @Setup
  public void fill() throws IOException {
    parent = Files.createTempDirectory("pagoda-benchmark");
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(POOL_BLOCKS));
    try (DiskTier tier = open();
        PrefixCache prefixes =
            PrefixCache.open(cache, PrefixSettings.of("benchmark").withTier(tier));
        Step step = cache.newStep()) {
      SplittableRandom random = new SplittableRandom(1);
      Rows rows = Rows.of(new float[PROMPT_BLOCKS * shape.blockSize()]);
      while (tier.statistics().numBlocks() < numFiles) {
        int[] prompt = random.ints((long) PROMPT_BLOCKS * shape.blockSize(), 0, 128_000).toArray();
        try (TokenSequence tokens = prefixes.open(prompt, Namespace.COMMON)) {
          step.append(tokens.sequence(), tokens.numMissing()).begin();
          step.write(0, rows, rows);
          step.commit();
        }
      }
    }
  }

  private DiskTier open() {
    return DiskTier.open(parent.resolve("blocks"), cache, MODEL, settings);
  }

  /** Opens a tier over the files and closes it. */
  @Benchmark
  public long reopen() {
    try (DiskTier tier = open()) {
      return tier.statistics().numFound();
    }
  }

  /** Removes the files. */
  @TearDown
  public void close() throws IOException {
    cache.close();
    Path folder = parent.resolve("blocks");
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
    Files.delete(parent);
  }
}
