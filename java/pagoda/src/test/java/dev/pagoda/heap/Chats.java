package dev.pagoda.heap;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixListener;
import dev.pagoda.prefix.PrefixSettings;
import dev.pagoda.prefix.TokenSequence;
import java.util.Arrays;

/** Conversations over a prefix cache. */
record Chats(HeapTrial t, PrefixCache prefixes) {
  static Chats open(HeapTrial t, PrefixSettings settings) {
    PrefixCache prefixes = t.obtain(() -> PrefixCache.open(t.cache, settings));
    t.audit(prefixes::checkConservation);
    t.atEnd(prefixes::close);
    t.attempt(() ->
        prefixes.addListener(
            new PrefixListener() {
              @Override
              public void stored(long number, PrefixBlock block) {}
            }));
    return new Chats(t, prefixes);
  }

  TokenSequence open(Namespace namespace, int... prompt) {
    TokenSequence chat = t.obtain(() -> prefixes.open(prompt, namespace));
    t.known(chat.sequence());
    compute(chat);
    return chat;
  }

  void compute(TokenSequence chat) {
    int[] ids = chat.tokenIds();
    int[] missing = Arrays.copyOfRange(ids, chat.length(), ids.length);
    try (Step step = t.cache.newStep()) {
      step.append(chat.sequence(), missing.length);
      t.compute(step, () -> step.append(chat.sequence(), missing.length), missing);
    }
  }

  void visit(Namespace namespace, int... prompt) {
    TokenSequence chat = open(namespace, prompt);
    t.attempt(chat::close);
  }

  void needAllBlocks() {
    KvSequence greedy = t.open();
    int available = t.cache.statistics().blocks().numAvailable();
    t.append(greedy, new int[available * HeapTrial.BLOCK_SIZE]);
    t.attempt(greedy::close);
  }
}
