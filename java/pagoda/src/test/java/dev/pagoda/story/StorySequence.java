package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.TokenSequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A sequence and what it must hold. */
final class StorySequence {
  final KvSequence real;

  /** Its face with token ids, if the prefix cache opened it. */
  final Optional<TokenSequence> tokens;

  final String tenant;
  final OpenOptions options;
  final List<StoryBlock> blocks = new ArrayList<>();

  /** The tokens whose content is there, in truth; or will be again, if it is away. */
  final Tokens ids;

  /** Those of them, and further ones, whose ids the prefix cache was told. */
  final Tokens told;

  /** Ids that it was told before the content was dropped. */
  Tokens toldBefore;

  /** The shareable blocks that the real one takes its first blocks for. */
  final List<Shelf> chain = new ArrayList<>();

  StoryPromise promise;
  int lengthCounted;
  long epoch;

  /** In a step. */
  boolean busy;

  /** Parked, whole or its last blocks. */
  boolean away;

  /** A member of a beam search, of parallel samples, or of a fork group. */
  boolean decoded;

  /** The group that may be preempted with which it is, if any. */
  Optional<Pressing.Group> entered = Optional.empty();

  /** Its prefix cache was closed. */
  boolean orphan;

  StorySequence(
      KvSequence real,
      Optional<TokenSequence> tokens,
      String tenant,
      OpenOptions options,
      StoryPromise promise) {
    this.real = real;
    this.tokens = tokens;
    this.tenant = tenant;
    this.options = options;
    this.promise = promise;
    ids = new Tokens(Tenants.historyBefore(tenant));
    told = new Tokens(Tenants.historyBefore(tenant));
    toldBefore = told.copy(0);
  }

  int length() {
    return ids.length();
  }

  /** Its content is in the pool, and no step has it. */
  boolean isHere() {
    return !busy && !away;
  }

  /** What the real one is told when its content is gone from a length on. */
  void truncated(int newLength, int blockSize) {
    if (newLength < lengthCounted) {
      told.truncate(newLength);
      lengthCounted = newLength;
      int numFull = newLength / blockSize;
      if (chain.size() > numFull) {
        chain.subList(numFull, chain.size()).clear();
      }
    }
  }

  /** What the real one is told when all its content is gone. */
  void dropped() {
    toldBefore = told.copy(told.length());
    told.truncate(0);
    lengthCounted = 0;
    chain.clear();
  }

  @Override
  public String toString() {
    return "#" + real.id() + tenant + ids + (tokens.isPresent() ? " told " + told : "");
  }
}
