package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.lab.report.Section;
import dev.pagoda.layout.KvShape;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** A chat of twenty turns, with and without the prefix cache. */
final class ChatExperiment implements Experiment {
  static final int NUM_TURNS = 20;
  static final int BLOCK_SIZE = 16;
  private static final Namespace USER = Namespace.of("user");

  @Override
  public String title() {
    return "Chat with a prefix cache";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 2 : 12;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return ChatSection.of(number, measure(conditions), conditions);
  }

  static ChatResult measure(Conditions conditions) {
    int scale = conditions.backend() == Backend.SCALAR ? 1 : conditions.either(1, 4);
    int rounds = conditions.either(1, 3);
    List<List<ChatResult.Turn>> without = new ArrayList<>();
    List<List<ChatResult.Turn>> with = new ArrayList<>();
    try (Chat chat = new Chat(conditions, scale)) {
      for (int round = 0; round <= rounds; round++) { // the first one warms up
        without.add(chat.run(false));
        with.add(chat.run(true));
        conditions.progress().accept((round + 1.0) / (rounds + 1));
      }
    }
    return new ChatResult(median(without), median(with));
  }

  private static List<ChatResult.Turn> median(List<List<ChatResult.Turn>> rounds) {
    List<List<ChatResult.Turn>> counted = rounds.subList(1, rounds.size());
    List<ChatResult.Turn> turns = new ArrayList<>();
    for (int i = 0; i < NUM_TURNS; i++) {
      int turn = i;
      double[] first =
          counted.stream().mapToDouble(round -> round.get(turn).firstTokenNanos()).toArray();
      double[] wall = counted.stream().mapToDouble(round -> round.get(turn).wallNanos()).toArray();
      ChatResult.Turn last = counted.getLast().get(turn);
      turns.add(
          new ChatResult.Turn(
              last.contextTokens(),
              last.computedTokens(),
              Turns.median(first, first.length),
              Turns.median(wall, wall.length)));
    }
    return turns;
  }

  /** An engine of one layer and one conversation. */
  private static final class Chat implements AutoCloseable {
    private final int systemTokens;
    private final int userTokens;
    private final int replyTokens;
    private final int[] tokenIds;
    private final float[] hidden;
    private final AttentionLayer layer;
    private final PagedKvCache cache;

    Chat(Conditions conditions, int scale) {
      systemTokens = 24 * scale;
      userTokens = 10 * scale;
      replyTokens = 6 * scale;
      int numTokens = systemTokens + NUM_TURNS * (userTokens + replyTokens);
      tokenIds = new Random(conditions.seed()).ints(numTokens, 0, 32_000).toArray();
      hidden = new float[numTokens * AttentionLayer.NOTEBOOK_HIDDEN_SIZE];
      Random random = new Random(conditions.seed());
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = (float) random.nextGaussian();
      }
      layer = NotebookLayer.layer(conditions.seed());
      KvShape shape = new KvShape(List.of(NotebookLayer.SHAPE), BLOCK_SIZE);
      cache =
          PagedKvCache.open(
              shape, conditions.backend(), Capacity.blocks(2 * shape.blocksFor(numTokens)));
    }

    private void forward(KvSequence sequence, int to) {
      int from = sequence.length();
      int width = AttentionLayer.NOTEBOOK_HIDDEN_SIZE;
      PagedBatch batch =
          new PagedBatch(cache, NotebookLayer.ATTENTION, List.of(sequence), Workers.caller());
      layer.forward(Arrays.copyOfRange(hidden, from * width, to * width), to - from, batch);
    }

    List<ChatResult.Turn> run(boolean withCache) {
      return withCache ? withCache() : withoutCache();
    }

    private int promptOf(int turn) {
      return systemTokens + (turn + 1) * userTokens + turn * replyTokens;
    }

    private List<ChatResult.Turn> withoutCache() {
      List<ChatResult.Turn> turns = new ArrayList<>();
      for (int turn = 0; turn < NUM_TURNS; turn++) {
        int prompt = promptOf(turn);
        long start = System.nanoTime();
        try (KvSequence sequence = cache.newSequence(prompt + replyTokens)) {
          forward(sequence, prompt);
          long first = System.nanoTime();
          for (int i = 1; i <= replyTokens; i++) {
            forward(sequence, prompt + i);
          }
          turns.add(
              new ChatResult.Turn(
                  sequence.length(), sequence.length(), first - start, System.nanoTime() - start));
        }
      }
      return turns;
    }

    private List<ChatResult.Turn> withCache() {
      List<ChatResult.Turn> turns = new ArrayList<>();
      try (PrefixCache prefixes = PrefixCache.open(cache, PrefixSettings.of("one layer"))) {
        for (int turn = 0; turn < NUM_TURNS; turn++) {
          int prompt = promptOf(turn);
          int[] request = IntStream.of(tokenIds).limit(prompt).toArray();
          long start = System.nanoTime();
          try (TokenSequence chat = prefixes.open(request, USER)) {
            int cached = chat.length();
            forward(chat.sequence(), prompt);
            long first = System.nanoTime();
            for (int i = 1; i <= replyTokens; i++) {
              chat.append(tokenIds[prompt + i - 1]);
              forward(chat.sequence(), prompt + i);
            }
            turns.add(
                new ChatResult.Turn(
                    chat.length(),
                    chat.length() - cached,
                    first - start,
                    System.nanoTime() - start));
          }
        }
      }
      return turns;
    }

    @Override
    public void close() {
      cache.closeAll();
    }
  }
}
