package dev.pagoda.story;

import java.util.List;

/**
 * A group of operations of one kind of user. To have the story cover something else, write another
 * one and add it to {@link WholeModelTest#CONCERNS}.
 */
interface Concern {
  /** One operation: it does something to the real cache and to its reference, and compares. */
  interface Operation {
    /**
     * All choices come from {@link StoryWorld#choices}; may do nothing if there is nothing to do.
     */
    void perform(StoryWorld world);
  }

  /** An operation and how often it is done, beside others. */
  record Weighted(String name, int weight, Operation operation) {}

  List<Weighted> operations();

  /** Before the world ends: gives back what only this concern knows of. */
  default void end(StoryWorld world) {}
}
