package dev.pagoda.lab.simulation;

import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.SwappedGroup;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request on its way through a server, with all its samples or beams.
 *
 * <p>The last token that is generated is never fed back, so a request of p prompt and o output
 * tokens ends with p + o - 1 of them in the cache.
 */
final class Job {
  final int index;
  final int promptTokens;
  final int outputTokens;
  final double arrivalNanos;

  /** Tokens generated so far, per sample. */
  int generated;

  /** Tokens to compute before generation goes on: the prompt, or all that were lost. */
  int prefillTarget;

  /** Tokens in the cache, of one sequence of the job. */
  int length;

  /** Tokens of the prompt that this step computes. */
  int chunk;

  /** Tokens that the room has made room for, of one sequence; at least {@link #length}. */
  int plannedLength;

  boolean decoding;

  /** While decoding: the length at the beginning of step s is {@code s - lengthOrigin}. */
  long lengthOrigin;

  /** The step that has an event of this job, or -1. */
  long nextEvent = -1;

  long seenInAttempt;

  /** The last step in which it generates. */
  long lastStep;

  double startNanos = -1;
  double firstTokenNanos;
  int numPreemptions;

  // Admitted jobs, in the order of their admission.
  @Nullable Job before;
  @Nullable Job behind;

  // Where it lies: one of these.
  int region = -1;
  @Nullable KvSequence sequence;
  @Nullable TokenSequence tokens;
  @Nullable ForkGroup group;
  @Nullable SwappedGroup swapped;
  int swappedBlocks;
  boolean leavesBySwap;
  @Nullable DroppedGroup dropped;
  @Nullable BeamReplacement beams;

  Job(int index, int promptTokens, int outputTokens, double arrivalNanos) {
    this.index = index;
    this.promptTokens = promptTokens;
    this.outputTokens = outputTokens;
    this.arrivalNanos = arrivalNanos;
    this.prefillTarget = promptTokens;
  }

  /** Tokens in the cache when it is done, of one sequence. */
  int finalLength() {
    return promptTokens + outputTokens - 1;
  }

  /** Its sequences in the cache. */
  List<KvSequence> sequences() {
    if (group != null) {
      return group.sequences();
    }
    return sequence == null ? List.of() : List.of(sequence);
  }
}
