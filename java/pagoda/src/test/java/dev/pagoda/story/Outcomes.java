package dev.pagoda.story;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How often each thing worth seeing has happened. */
final class Outcomes {
  /** Everything worth seeing: a full run must reach all of it. */
  static final List<String> ALL =
      List.of(
          "admission impossible",
          "admitted",
          "back from a file",
          "back from a file failed",
          "back from a file refused",
          "beam search done",
          "beams advance",
          "cleared",
          "commit",
          "copy on write",
          "decode BeamSearch KEEP",
          "decode BeamSearch MOVE",
          "decode ForkGroup KEEP",
          "decode ForkGroup MOVE",
          "decode ParallelSampling KEEP",
          "decode ParallelSampling MOVE",
          "decoding step",
          "deferred",
          "deferred while others wait",
          "disk tier compared",
          "disk tier eviction",
          "disk tier hit",
          "disk tier read failed",
          "disk tier write failed",
          "disk tier uncertain",
          "disk tier: not seen twice",
          "draw",
          "draw refused",
          "drop",
          "drop of a tail",
          "duplicate published",
          "enter",
          "eviction",
          "eviction for a quota",
          "filed",
          "filing failed",
          "group discarded",
          "hit",
          "hit after preemption",
          "hit inside a block",
          "hits refused as victims of their own request",
          "host tier compared",
          "host tier hit",
          "host tier uncertain",
          "leave while away",
          "making room failed",
          "miss",
          "more dropped",
          "more swapped out",
          "no room made",
          "open refused",
          "others give up the rest",
          "preempted by RECOMPUTE",
          "preempted by RECOMPUTE of a tail",
          "preempted by RECOMPUTE of a tail together",
          "preempted by RECOMPUTE together",
          "preempted by SWAP",
          "preempted by SWAP of a tail",
          "preempted by SWAP of a tail together",
          "preempted by SWAP together",
          "preempted further",
          "prefix cache opened again",
          "promise resumed",
          "publishing refused by a quota",
          "pull failed",
          "pull refused for lack of host slots",
          "pulled from a file",
          "push failed",
          "pushed to a file",
          "reassign",
          "recompute",
          "recompute failed",
          "recompute refused",
          "removed by name",
          "reserve",
          "reserve refused",
          "resize",
          "resize refused",
          "restart",
          "restart found an empty disk",
          "restart found blocks on disk",
          "restore failed",
          "restore of a file",
          "restore of a file failed",
          "restore of a file refused",
          "restore of a missing file",
          "restore refused",
          "restored",
          "resume refused",
          "rollback",
          "room made",
          "room was there",
          "sample finished",
          "save",
          "save failed",
          "step after room was made",
          "step failed to begin",
          "step refused",
          "step took promised blocks",
          "swap in",
          "swap in failed",
          "swap in refused",
          "swap of more refused for lack of host slots",
          "swap out",
          "swap out failed",
          "swap out of a tail",
          "swap out of more failed",
          "swap refused for lack of host slots",
          "swapped group dropped",
          "tier hit",
          "tier hit that was lost",
          "tier hit without room",
          "victims lost to a failed copy",
          "victims put back",
          "watermark HIGH",
          "watermark LOW");

  private final Map<String, Long> counts = new TreeMap<>();

  void count(String outcome) {
    count(outcome, 1);
  }

  void count(String outcome, long times) {
    if (times > 0) {
      counts.merge(outcome, times, Long::sum);
    }
  }

  Map<String, Long> counts() {
    return counts;
  }
}
