package dev.pagoda.lab.experiment;

import dev.pagoda.BlockReservation;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.layout.KvShape;
import dev.pagoda.pressure.AdmissionAnswer;
import dev.pagoda.pressure.AdmissionControl;
import dev.pagoda.pressure.AdmissionRequest;
import dev.pagoda.pressure.PreemptibleGroup;
import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.TokenFeeder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * Serves chats from one thread in batches that change with every token, as engines do: prompts are
 * admitted by what they need now, all that run grow by a token per round, and when blocks run out
 * somebody makes room.
 */
final class PressureServer implements AutoCloseable {
  static final int BLOCK_SIZE = 16;
  private static final int RUNNING_MAX = 12;

  /**
   * One request.
   *
   * @param promptTokens tokens of the prompt
   * @param outputTokens tokens to generate
   */
  record Chat(int promptTokens, int outputTokens) {}

  /** A chat that has begun. */
  private static final class Running {
    final KvSequence sequence;
    final PreemptibleGroup group;
    final int lengthAtEnd;

    Running(KvSequence sequence, PreemptibleGroup group, int lengthAtEnd) {
      this.sequence = sequence;
      this.group = group;
      this.lengthAtEnd = lengthAtEnd;
    }
  }

  private final AttentionLayer layer;
  private final float[] hidden;
  private final PagedKvCache cache;
  private final SwapSpace space;
  private final List<Chat> chats;
  private String example = "";

  PressureServer(List<Chat> chats, int numBlocks, AttentionLayer layer, Conditions conditions) {
    this.chats = chats;
    this.layer = layer;
    KvShape shape = new KvShape(List.of(NotebookLayer.SHAPE), BLOCK_SIZE);
    cache = PagedKvCache.open(shape, conditions.backend(), Capacity.blocks(numBlocks));
    space = SwapSpace.open(cache, Capacity.blocks(numBlocks));
    int tokensMax =
        chats.stream().mapToInt(each -> each.promptTokens() + each.outputTokens()).max().orElse(1);
    hidden = new float[tokensMax * AttentionLayer.NOTEBOOK_HIDDEN_SIZE];
    Random random = new Random(conditions.seed());
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian();
    }
  }

  PagedKvCache cache() {
    return cache;
  }

  SwapSpace space() {
    return space;
  }

  /** Of the chooser's decisions, the first one in its own words. */
  String example() {
    return example;
  }

  /** Computes tokens; what they are depends on their positions alone. */
  TokenFeeder feeder() {
    return (sequence, from, to) -> forward(List.of(sequence), from, to);
  }

  private void forward(List<KvSequence> sequences, int from, int to) {
    int width = AttentionLayer.NOTEBOOK_HIDDEN_SIZE;
    float[] rows = Arrays.copyOfRange(hidden, from * width, to * width);
    PagedBatch batch = new PagedBatch(cache, NotebookLayer.ATTENTION, sequences, Workers.caller());
    layer.forward(rows, to - from, batch);
  }

  /** Serves all chats once. */
  Preemptor serve(PreemptionPolicy policy) {
    Preemptor preemptor = new Preemptor(cache, policy, space);
    AdmissionControl admission = new AdmissionControl(cache, 1, preemptor);
    Deque<Integer> waiting = new ArrayDeque<>();
    for (int i = 0; i < chats.size(); i++) {
      waiting.add(i);
    }
    List<Running> running = new ArrayList<>();
    while (!waiting.isEmpty() || !running.isEmpty()) {
      // Who had to leave goes first, if a block for each that runs is left.
      boolean isRoom = true;
      while (isRoom && preemptor.numWaiting() > 0) {
        isRoom = preemptor.restoreNext(feeder(), running.size()).isPresent();
      }
      admit(waiting, running, preemptor, admission);
      decode(running, preemptor);
      running.removeIf(each -> {
        boolean done = !each.group.isAway() && each.sequence.length() == each.lengthAtEnd;
        if (done) {
          preemptor.leave(each.group);
          each.sequence.close();
        }
        return done;
      });
    }
    return preemptor;
  }

  private void admit(
      Deque<Integer> waiting,
      List<Running> running,
      Preemptor preemptor,
      AdmissionControl admission) {
    while (!waiting.isEmpty() && running.size() < RUNNING_MAX) {
      Chat chat = chats.get(waiting.getFirst());
      AdmissionRequest request = AdmissionRequest.of(chat.promptTokens(), 0);
      if (!(admission.tryAdmit(request) instanceof AdmissionAnswer.Admitted admitted)) {
        return;
      }
      waiting.removeFirst();
      int lengthAtEnd = chat.promptTokens() + chat.outputTokens();
      KvSequence sequence = cache.newSequence(lengthAtEnd);
      try (BlockReservation promise = admitted.reservation()) {
        sequence.drawFrom(promise);
        forward(List.of(sequence), 0, chat.promptTokens());
      }
      sequence.drawFromNone();
      running.add(new Running(sequence, preemptor.enter(sequence), lengthAtEnd));
    }
  }

  /** One more token for all that are here. */
  private void decode(List<Running> running, Preemptor preemptor) {
    List<Running> here = running.stream().filter(each -> !each.group.isAway()).toList();
    int width = AttentionLayer.NOTEBOOK_HIDDEN_SIZE;
    while (!here.isEmpty()) {
      float[] rows = new float[here.size() * width];
      for (int i = 0; i < here.size(); i++) {
        System.arraycopy(hidden, here.get(i).sequence.length() * width, rows, i * width, width);
      }
      List<KvSequence> sequences = here.stream().map(each -> each.sequence).toList();
      PagedBatch batch =
          new PagedBatch(cache, NotebookLayer.ATTENTION, sequences, Workers.caller());
      try {
        layer.forward(rows, 1, batch);
        return;
      } catch (OutOfBlocksException tooFew) {
        List<Preemption<PreemptibleGroup>> done =
            preemptor.makeRoom(tooFew.needed(), List.of(here.getFirst().group));
        if (example.isEmpty() && !done.isEmpty()) {
          example = done.getFirst().reason();
        }
        here = here.stream().filter(each -> !each.group.isAway()).toList();
      }
    }
  }

  @Override
  public void close() {
    space.close();
    cache.closeAll();
  }
}
