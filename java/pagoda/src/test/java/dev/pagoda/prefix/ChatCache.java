package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.decoding.ReadableCache;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/** A prefix cache over readable memory, blocks of 4 tokens, with a clock that stands still. */
final class ChatCache implements AutoCloseable {
  static final int BLOCK_SIZE = 4;
  static final Namespace ANNA = Namespace.of("anna");
  static final Namespace BERT = Namespace.of("bert");

  final ReadableCache memory;
  final PagedKvCache cache;
  final PrefixCache prefixes;
  final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5_000_000_000L); // overflows on the way

  ChatCache(int numBlocks) {
    this(numBlocks, PrefixSettings.of("model"));
  }

  ChatCache(int numBlocks, PrefixSettings settings) {
    memory = ReadableCache.open(BLOCK_SIZE, numBlocks);
    cache = memory.cache();
    prefixes = new PrefixCache(cache, settings, PrefixCache.Parts.of(cache, settings, nanos::get));
  }

  private ChatCache(int numBlocks, PrefixStories.Faults faults) {
    memory = ReadableCache.open(BLOCK_SIZE, numBlocks);
    cache = memory.cache();
    PrefixSettings settings = PrefixSettings.of("model");
    PrefixCache.Parts right = PrefixCache.Parts.of(cache, settings, nanos::get);
    prefixes = new PrefixCache(cache, settings, faults.parts(cache, right));
  }

  /** Whose memory fails on every thread but this one. */
  static ChatCache confined(int numBlocks) {
    return new ChatCache(
        ReadableCache.openConfined(BLOCK_SIZE, numBlocks), PrefixSettings.of("model"));
  }

  /** Over a tier that keeps everything. */
  static ChatCache overHeapTier(int numBlocks) {
    ReadableCache memory = ReadableCache.open(BLOCK_SIZE, numBlocks);
    HeapTier tier = new HeapTier();
    return new ChatCache(memory, PrefixSettings.of("model").withTier(tier));
  }

  private ChatCache(ReadableCache memory, PrefixSettings settings) {
    this.memory = memory;
    cache = memory.cache();
    prefixes = new PrefixCache(cache, settings, PrefixCache.Parts.of(cache, settings, nanos::get));
  }

  HeapTier tier() {
    return (HeapTier) prefixes.settings().tier();
  }

  /** Keys have six bits. */
  static ChatCache withCollidingKeys(int numBlocks) {
    return new ChatCache(numBlocks, PrefixBugs.collisions(PrefixIndex::new));
  }

  /** Tokens first, first + 1 ... */
  static int[] tokens(int first, int count) {
    return IntStream.range(first, first + count).toArray();
  }

  static int[] concat(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  TokenSequence open(int... prompt) {
    return prefixes.open(prompt, ANNA);
  }

  /** Opens, and computes what is not cached. */
  TokenSequence chat(int... prompt) {
    return chat(ANNA, OpenOptions.DEFAULT, prompt);
  }

  TokenSequence chat(Namespace namespace, OpenOptions options, int... prompt) {
    TokenSequence chat = prefixes.open(prompt, namespace, options);
    compute(chat);
    return chat;
  }

  /** Computes the tokens whose ids are known. */
  void compute(TokenSequence chat) {
    int[] ids = chat.tokenIds();
    memory.append(chat.sequence(), Arrays.copyOfRange(ids, chat.length(), ids.length));
  }

  /** A reply: ids first, as a sampler gives them. */
  void reply(TokenSequence chat, int... tokens) {
    for (int token : tokens) {
      chat.append(token);
      compute(chat);
    }
  }

  /** Opens, computes and closes. */
  void visit(int... prompt) {
    chat(prompt).close();
  }

  int cached(int... prompt) {
    return cached(ANNA, prompt);
  }

  int cached(Namespace namespace, int... prompt) {
    return prefixes.probe(prompt, namespace).cachedTokens();
  }

  void requireContent(TokenSequence chat) {
    assertThat(memory.tokensOf(chat.sequence()))
        .isEqualTo(Arrays.copyOf(chat.tokenIds(), chat.length()));
  }

  int numFree() {
    return cache.statistics().blocks().numFree();
  }

  int numIdle() {
    return cache.statistics().blocks().numIdle();
  }

  /** Takes as many blocks as are free or can be given up, and gives them back as free ones. */
  void needAllBlocks() {
    try (KvSequence greedy = cache.newSequence()) {
      int available = cache.statistics().blocks().numAvailable();
      memory.append(greedy, tokens(1, available * BLOCK_SIZE));
    }
  }

  /** Takes blocks until so many idle ones were given up. */
  KvSequence needVictims(int count) {
    KvSequence greedy = cache.newSequence();
    memory.append(greedy, tokens(1, (numFree() + count) * BLOCK_SIZE));
    return greedy;
  }

  @Override
  public void close() {
    prefixes.checkConservation();
    cache.checkConservation();
    prefixes.close();
    memory.close();
  }
}
