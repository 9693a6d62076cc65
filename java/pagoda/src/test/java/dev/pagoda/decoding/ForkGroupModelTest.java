package dev.pagoda.decoding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Step;
import dev.pagoda.testing.Seeds;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random reassignments and appends against tables of plain objects that count their own copies. */
@Tag("any-backend")
class ForkGroupModelTest {
  private static final int NUM_SEEDS = 40;
  private static final int NUM_OPERATIONS = 60;
  private static final int WIDTH_MAX = 6;

  /** A member as lists: its tokens, and its blocks by identity. */
  private record Member(List<Integer> tokens, List<Object> blocks) {
    Member fork() {
      return new Member(new ArrayList<>(tokens), new ArrayList<>(blocks));
    }
  }

  private static final class Model {
    final int blockSize;
    List<Member> members = new ArrayList<>();
    long numForks;
    long numCopies;

    Model(int blockSize, Member prompt) {
      this.blockSize = blockSize;
      members.add(prompt);
    }

    void reassign(int[] parents) {
      Set<Integer> carriedOn = new HashSet<>();
      List<Member> children = new ArrayList<>();
      for (int parent : parents) {
        numForks += carriedOn.add(parent) ? 0 : 1;
        children.add(members.get(parent).fork());
      }
      members = children;
    }

    void append(int[] tokens) {
      for (int i = 0; i < tokens.length; i++) {
        Member member = members.get(i);
        int last = member.blocks().size() - 1;
        if (member.tokens().size() % blockSize == 0) {
          member.blocks().add(new Object());
        } else if (numOwners(member.blocks().get(last)) > 1) {
          member.blocks().set(last, new Object());
          numCopies++;
        }
        member.tokens().add(tokens[i]);
      }
    }

    long numOwners(Object block) {
      return members.stream().filter(member -> member.blocks().contains(block)).count();
    }

    int numBlocks() {
      Set<Object> distinct = new HashSet<>();
      members.forEach(member -> distinct.addAll(member.blocks()));
      return distinct.size();
    }
  }

  @Test
  void tokensSharingForksAndCopiesAreThoseOfTheModel() {
    for (long seed = 0; seed < NUM_SEEDS; seed++) {
      RandomGenerator random = Seeds.generator(seed, "fork group");
      int blockSize = random.nextInt(1, 6);
      int promptLength = random.nextInt(0, 12);
      try (ReadableCache memory = ReadableCache.open(blockSize, 600)) {
        Member prompt = new Member(new ArrayList<>(), new ArrayList<>());
        Model model = new Model(blockSize, prompt);
        for (int token : ReadableCache.ascending(promptLength)) {
          model.append(new int[] {token});
        }
        ForkGroup group = ForkGroup.of(memory.counting(promptLength), 1, PromptHandle.MOVE);
        run(random, memory, group, model, "seed=" + seed);
        group.close();
        assertThat(memory.numUsed()).isZero();
      }
    }
  }

  private static void run(
      RandomGenerator random, ReadableCache memory, ForkGroup group, Model model, String where) {
    Step step = memory.cache().newStep();
    for (int operation = 0; operation < NUM_OPERATIONS; operation++) {
      String at = where + ", operation=" + operation;
      if (random.nextInt(3) == 0) {
        int[] parents = new int[random.nextInt(1, WIDTH_MAX + 1)];
        for (int i = 0; i < parents.length; i++) {
          parents[i] = random.nextInt(group.size());
        }
        group.reassign(parents);
        model.reassign(parents);
      } else {
        int[] tokens = new int[group.size()];
        for (int i = 0; i < tokens.length; i++) {
          tokens[i] = random.nextInt(1, 100_000);
        }
        if (random.nextInt(4) == 0) {
          long copiesBefore = group.numBlockCopies();
          group.appendTo(step).begin();
          memory.write(step, tokens);
          step.rollback();
          model.numCopies += group.numBlockCopies() - copiesBefore;
        } else {
          memory.commit(group.appendTo(step), tokens);
          model.append(tokens);
        }
      }
      memory.cache().checkConservation();
      assertThat(memory.numUsed()).as("blocks at %s", at).isEqualTo(model.numBlocks());
      assertThat(group.numForks()).as("forks at %s", at).isEqualTo(model.numForks);
      assertThat(group.numBlockCopies()).as("copies at %s", at).isEqualTo(model.numCopies);
      for (int i = 0; i < group.size(); i++) {
        assertThat(memory.tokensOf(group.sequences().get(i)))
            .as("member %d at %s", i, at)
            .containsExactly(model.members.get(i).tokens().stream().mapToInt(t -> t).toArray());
      }
    }
  }
}
