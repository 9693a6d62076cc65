package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.HostTier;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A prefix cache over a host tier over a disk tier, through a restart. */
@Tag("any-backend")
class PrefixTiersTest {
  private static final ModelFingerprint MODEL = ModelFingerprint.ofDescription("model");
  private static final DiskTierSettings ROOMY = DiskTierSettings.ofBytes(1 << 24);
  private static final Namespace TENANT = Namespace.of("tenant");

  @TempDir Path parent;

  private static TokenSequence chat(ReadableCache memory, PrefixCache prefixes, int... prompt) {
    TokenSequence chat = prefixes.open(prompt, TENANT);
    memory.append(chat.sequence(), Arrays.copyOfRange(prompt, chat.length(), prompt.length));
    assertThat(memory.tokensOf(chat.sequence())).containsExactly(prompt);
    return chat;
  }

  private static void fillPool(ReadableCache memory) {
    try (KvSequence greedy = memory.cache().newSequence()) {
      int available = memory.cache().statistics().blocks().numAvailable();
      memory.append(greedy, new int[available * 4]);
    }
  }

  @Test
  void blocksComeBackFromHostAndDiskAndAfterARestart() {
    int[] prompt = ReadableCache.ascending(33);
    try (ReadableCache memory = ReadableCache.open(4, 12);
        DiskTier disk = DiskTier.open(parent.resolve("tier"), memory.cache(), MODEL, ROOMY);
        HostTier host = HostTier.open(memory.cache(), Capacity.blocks(3), disk);
        PrefixCache prefixes =
            PrefixCache.open(memory.cache(), PrefixSettings.of("model").withTier(host))) {
      chat(memory, prefixes, prompt).close();
      fillPool(memory);
      assertThat(disk.statistics().numBlocks()).as("what the host has no room for").isEqualTo(5);

      try (TokenSequence again = prefixes.open(prompt, TENANT)) {
        assertThat(again.length()).isEqualTo(32);
        assertThat(memory.tokensOf(again.sequence())).containsExactly(ReadableCache.ascending(32));
      }
      assertThat(host.statistics().numHits()).isEqualTo(3);
      assertThat(disk.statistics().numHits()).isEqualTo(5);
      try (TokenSequence other = prefixes.open(prompt, Namespace.of("other"))) {
        assertThat(other.length()).as("another tenant").isZero();
      }
      host.spill();
    }
    try (ReadableCache memory = ReadableCache.open(4, 12);
        DiskTier disk = DiskTier.open(parent.resolve("tier"), memory.cache(), MODEL, ROOMY);
        PrefixCache prefixes =
            PrefixCache.open(memory.cache(), PrefixSettings.of("model").withTier(disk))) {
      try (TokenSequence again = prefixes.open(prompt, TENANT)) {
        assertThat(again.length()).as("after a restart").isEqualTo(32);
        assertThat(memory.tokensOf(again.sequence())).containsExactly(ReadableCache.ascending(32));
      }
    }
    try (ReadableCache memory = ReadableCache.open(4, 12);
        DiskTier disk = DiskTier.open(parent.resolve("tier"), memory.cache(), MODEL, ROOMY);
        PrefixCache prefixes =
            PrefixCache.open(memory.cache(), PrefixSettings.of("other model").withTier(disk));
        TokenSequence foreign = prefixes.open(prompt, TENANT)) {
      assertThat(foreign.length()).as("another model").isZero();
    }
  }

  private static float[] attend(PagedKvCache cache, KvSequence sequence, int from, int to) {
    int count = to - from;
    float[] rows = new float[count * 2 * 32];
    float[] queries = new float[count * 4 * 32];
    for (int i = 0; i < count; i++) {
      RandomGenerator random = Seeds.generator(7, "token " + (from + i));
      for (int j = 0; j < 64; j++) {
        rows[i * 64 + j] = random.nextFloat() * 2 - 1;
      }
      for (int j = 0; j < 128; j++) {
        queries[i * 128 + j] = random.nextFloat() * 2 - 1;
      }
    }
    float[] out = new float[queries.length];
    try (Step step = cache.newStep().append(sequence, count).begin()) {
      step.write(0, Rows.of(rows), Rows.of(rows));
      step.attend(0, AttentionSpec.causal(4, 0.2f), Rows.of(queries), Rows.of(out));
      step.commit();
    }
    return Arrays.copyOfRange(out, out.length - 128, out.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"scalar", "vector"})
  void attentionOverBlocksFromDiskIsTheSameToTheBit(String backend) {
    Backend chosen = backend.equals("scalar") ? Backend.SCALAR : Backend.VECTOR;
    int[] prompt = ReadableCache.ascending(100);
    for (DType dtype : DType.values()) {
      KvShape shape = KvShape.uniform(1, 2, 32, dtype);
      float[] cold;
      Path folder = parent.resolve(dtype.name());
      try (PagedKvCache cache = PagedKvCache.open(shape, chosen, Capacity.blocks(8));
          DiskTier disk = DiskTier.open(folder, cache, MODEL, ROOMY.early());
          PrefixCache prefixes =
              PrefixCache.open(cache, PrefixSettings.of("model").withTier(disk));
          TokenSequence chat = prefixes.open(prompt, TENANT)) {
        cold = attend(cache, chat.sequence(), 0, 100);
      }
      try (PagedKvCache cache = PagedKvCache.open(shape, chosen, Capacity.blocks(8));
          DiskTier disk = DiskTier.open(folder, cache, MODEL, ROOMY);
          PrefixCache prefixes =
              PrefixCache.open(cache, PrefixSettings.of("model").withTier(disk));
          TokenSequence chat = prefixes.open(prompt, TENANT)) {
        assertThat(chat.length()).as("six blocks from disk").isEqualTo(96);
        assertThat(attend(cache, chat.sequence(), 96, 100)).containsExactly(cold);
      }
    }
  }

  @Test
  void aTierThatThrowsNeverHarmsTheCache() {
    MemoryFiles files = new MemoryFiles();
    try (ReadableCache memory = ReadableCache.open(4, 6)) {
      LowerTier disk =
          DiskTier.open(
              parent,
              FileOwner.of(memory.cache().layout(), MODEL),
              ROOMY,
              memory.cache().openHostStorage(Capacity.blocks(2)),
              files);
      files.failAt(1, MemoryFiles.Manner.FROM_THEN_ON);
      try (PrefixCache prefixes =
          PrefixCache.open(memory.cache(), PrefixSettings.of("model").withTier(disk))) {
        for (int round = 0; round < 20; round++) {
          int[] prompt = new int[17];
          Arrays.fill(prompt, round + 1);
          chat(memory, prefixes, prompt).close();
          memory.cache().checkConservation();
        }
      }
      files.repair();
      ((DiskTier) disk).close();
      assertThat(files.numOpen()).isZero();
    }
  }
}
