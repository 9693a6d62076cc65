package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.Step;
import dev.pagoda.decoding.BeamOptions;
import dev.pagoda.decoding.BeamSearch;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.ParallelSampling;
import dev.pagoda.decoding.PromptHandle;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/** Beam searches, parallel samples and groups of forks over prompts that stay or move in. */
final class Decoding implements Concern {
  private static final int GROUPS_MAX = 2;
  private static final int VOCABULARY = 3;
  private static final int NEW_TOKENS_MAX = 12;

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("decode", 2, Decoding::start),
        new Weighted("decoding step", 8, Decoding::step),
        new Weighted("reassign", 3, Decoding::reassign),
        new Weighted("end decoding", 1, Decoding::endOne));
  }

  /** A search or its like, and its members in order. */
  static final class Group {
    final AutoCloseable real;
    List<StorySequence> members = new ArrayList<>();
    long numForks;

    /** A beam search has chosen tokens that are not in the cache yet. */
    boolean hasTokens;

    Group(AutoCloseable real) {
      this.real = real;
    }

    List<KvSequence> sequences() {
      return switch (real) {
        case BeamSearch beams -> beams.beams();
        case ParallelSampling samples -> samples.sequences();
        case ForkGroup forks -> forks.sequences();
        default -> throw new AssertionError(real);
      };
    }

    long realForks() {
      return switch (real) {
        case BeamSearch beams -> beams.numForks();
        case ParallelSampling samples -> samples.numForks();
        case ForkGroup forks -> forks.numForks();
        default -> throw new AssertionError(real);
      };
    }

    boolean isHere() {
      return members.stream().allMatch(s -> s.isHere() && !s.real.isClosed());
    }
  }

  private static void start(StoryWorld world) {
    int size = world.choices.nextInt(1, 5);
    Optional<StorySequence> prompt = world.sequences.anyIdle();
    if (prompt.isEmpty() || world.decoding.size() >= GROUPS_MAX || !world.sequences.roomFor(size)) {
      return;
    }
    StorySequence parent = prompt.get();
    boolean isComputed = parent.told.length() <= parent.length(); // else other tokens were told
    PromptHandle handle =
        isComputed && world.choices.nextBoolean() ? PromptHandle.MOVE : PromptHandle.KEEP;
    Group group =
        switch (world.choices.nextInt(3)) {
          case 0 ->
              new Group(
                  BeamSearch.of(
                      parent.real, BeamOptions.of(size, NEW_TOKENS_MAX).withPromptHandle(handle)));
          case 1 -> new Group(ParallelSampling.of(parent.real, size, handle));
          default -> new Group(ForkGroup.of(parent.real, size, handle));
        };
    List<KvSequence> reals = group.sequences();
    if (handle == PromptHandle.KEEP) {
      group.members.add(fork(world, group, parent, reals.getFirst()));
    } else {
      group.members.add(parent);
    }
    settle(world, group, new int[reals.size()]);
    world.decoding.add(group);
    world.outcomes.count("decode " + group.real.getClass().getSimpleName() + " " + handle);
  }

  private static StorySequence fork(
      StoryWorld world, Group group, StorySequence parent, KvSequence real) {
    StorySequence fork = world.sequences.forked(parent, real, parent.length());
    parent
        .entered
        .filter(_ -> parent.decoded)
        .ifPresent(entered -> {
          entered.members.add(fork);
          entered.join(fork);
        });
    group.numForks++;
    return fork;
  }

  /** The real members are others now: who continues whom. */
  private static void settle(StoryWorld world, Group group, int... parents) {
    group.members.forEach(member -> member.decoded = true);
    List<KvSequence> reals = group.sequences();
    List<StorySequence> children = new ArrayList<>();
    Set<StorySequence> carriedOn = new HashSet<>();
    for (int i = 0; i < parents.length; i++) {
      StorySequence parent = group.members.get(parents[i]);
      StorySequence child =
          carriedOn.add(parent) ? parent : fork(world, group, parent, reals.get(i));
      child.decoded = true;
      Comparison.require(child.real == reals.get(i), "member", i, reals.get(i));
      children.add(child);
    }
    for (StorySequence member : group.members) {
      if (!carriedOn.contains(member)) {
        world.sequences.closed(member);
      }
    }
    group.members = children;
    Comparison.require(group.realForks() == group.numForks, "forks", group.realForks());
  }

  private static void step(StoryWorld world) {
    world
        .choices
        .pick(world.decoding.stream().filter(Group::isHere).toList())
        .filter(group -> !group.members.isEmpty())
        .ifPresent(group -> {
          if (!(group.real instanceof BeamSearch beams)
              || group.hasTokens
              || advance(world, group, beams)) {
            append(world, group);
          }
        });
  }

  private static void append(StoryWorld world, Group group) {
    int[] tokens = new int[group.members.size()];
    List<Stepping.Entry> entries = new ArrayList<>();
    try (Step step = world.cache.newStep()) {
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = world.choices.token();
      }
      switch (group.real) {
        case BeamSearch beams -> {
          tokens = beams.lastTokens();
          beams.appendTo(step);
        }
        case ParallelSampling samples -> samples.appendTo(step, tokens);
        case ForkGroup forks -> forks.appendTo(step);
        default -> throw new AssertionError(group.real);
      }
      for (int i = 0; i < tokens.length; i++) {
        entries.add(new Stepping.Entry(group.members.get(i), tokens[i]));
      }
      Stepping.Ending ending = Stepping.run(world, step, entries, _ -> {});
      if (ending == Stepping.Ending.COMMITTED) {
        group.hasTokens = false;
        world.outcomes.count("decoding step");
      }
    }
  }

  /** Whether there is something to append. */
  private static boolean advance(StoryWorld world, Group group, BeamSearch beams) {
    float[] logProbs = new float[group.members.size() * VOCABULARY];
    for (int i = 0; i < logProbs.length; i++) {
      logProbs[i] = -world.choices.nextInt(1, 100) / 10f;
    }
    beams.advance(logProbs, VOCABULARY);
    settle(world, group, beams.isDone() ? new int[0] : beams.lastParents());
    group.hasTokens = !beams.isDone();
    world.outcomes.count(beams.isDone() ? "beam search done" : "beams advance");
    return group.hasTokens;
  }

  private static void reassign(StoryWorld world) {
    world
        .choices
        .pick(world.decoding.stream().filter(Group::isHere).toList())
        .filter(group -> !group.members.isEmpty())
        .ifPresent(group -> {
          int size = group.members.size();
          if (group.real instanceof ForkGroup forks) {
            int[] parents = new int[world.choices.nextInt(1, 5)];
            if (!world.sequences.roomFor(parents.length)) {
              return;
            }
            for (int i = 0; i < parents.length; i++) {
              parents[i] = world.choices.nextInt(size);
            }
            forks.reassign(parents);
            settle(world, group, parents);
            world.outcomes.count("reassign");
          } else if (group.real instanceof ParallelSampling samples) {
            int index = world.choices.nextInt(size);
            samples.finish(samples.liveSamples()[index]);
            settle(world, group, IntStream.range(0, size).filter(i -> i != index).toArray());
            world.outcomes.count("sample finished");
          }
        });
  }

  private static void endOne(StoryWorld world) {
    world
        .choices
        .pick(
            world.decoding.stream()
                .filter(group -> group.members.stream().allMatch(StorySequence::isHere))
                .toList())
        .ifPresent(group -> end(world, group));
  }

  private static void end(StoryWorld world, Group group) {
    List<StorySequence> open =
        group.members.stream().filter(member -> !member.real.isClosed()).toList();
    try {
      group.real.close();
    } catch (Exception refused) {
      throw new AssertionError(refused);
    }
    open.forEach(world.sequences::closed);
    group.members = List.of();
    world.decoding.remove(group);
  }

  @Override
  public void end(StoryWorld world) {
    for (Group group : List.copyOf(world.decoding)) {
      end(world, group);
    }
  }
}
