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

  /** The tokens whose content is there, in truth. */
  List<Integer> ids = new ArrayList<>();

  /** Those of them, and further ones, whose ids the prefix cache was told. */
  List<Integer> told = new ArrayList<>();

  /** The shareable blocks that the real one takes its first blocks for. */
  final List<Shelf> chain = new ArrayList<>();

  long epoch;
  boolean busy;

  StorySequence(
      KvSequence real, Optional<TokenSequence> tokens, String tenant, OpenOptions options) {
    this.real = real;
    this.tokens = tokens;
    this.tenant = tenant;
    this.options = options;
  }

  int length() {
    return ids.size();
  }

  @Override
  public String toString() {
    return "#" + real.id() + tenant + ids + (tokens.isPresent() ? " told " + told : "");
  }
}
