package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SiblingsTest {
  private static final BlockKey PARENT = BlockKey.of(new byte[BlockKey.BYTES], 0);

  private static PrefixBlock block(int... tokens) {
    return new PrefixBlock(PARENT, PARENT, Namespace.COMMON, 0, tokens);
  }

  @Test
  void oneBlockIsTheNeighbourOfEverything() {
    PrefixBlock only = block(3, 4);
    Siblings one = Siblings.of(only);
    assertThat(one.neighbours(block(9, 9))).containsExactly(only);
    assertThat(one.with(block(3, 4))).isSameAs(one);
    assertThat(one.remove(block(3, 5))).isTrue();
    assertThat(one.remove(block(3, 4))).isFalse();
  }

  @Test
  void severalAreFoundByTheirNeighbourhoodAndGoOneByOne() {
    Siblings three = Siblings.of(block(5, 0)).with(block(1, 0)).with(block(3, 0));
    assertThat(three.size()).isEqualTo(3);
    assertThat(three.neighbours(block(3, 7))).containsExactly(block(3, 0), block(5, 0));
    assertThat(three.neighbours(block(0, 0))).containsExactly(block(1, 0));
    assertThat(three.neighbours(block(9, 0))).containsExactly(block(5, 0));

    assertThat(three.remove(block(3, 0))).isTrue();
    assertThat(three.remove(block(5, 0))).isTrue();
    assertThat(three.size()).isEqualTo(1);
    assertThat(three.remove(block(1, 0))).isFalse();
  }

  @Test
  void theyAreASetInOrderWhateverComesAndGoes() {
    SplittableRandom random = new SplittableRandom(7);
    TreeSet<PrefixBlock> expected = new TreeSet<>(Siblings.BY_TOKENS);
    Optional<Siblings> siblings = Optional.empty();
    for (int i = 0; i < 20_000; i++) {
      PrefixBlock block = block(random.nextInt(3), random.nextInt(3));
      if (random.nextBoolean()) {
        expected.add(block);
        siblings = Optional.of(siblings.map(s -> s.with(block)).orElse(Siblings.of(block)));
      } else {
        expected.remove(block);
        siblings = siblings.flatMap(s -> s.remove(block) ? Optional.of(s) : Optional.empty());
      }
      assertThat(siblings.map(Siblings::size).orElse(0)).as("i=%d", i).isEqualTo(expected.size());
      int[] wanted = {random.nextInt(3), random.nextInt(3)};
      int longest = expected.stream().mapToInt(each -> numCommon(each, wanted)).max().orElse(0);
      int found =
          siblings.stream()
              .flatMap(s -> s.neighbours(block(wanted)).stream())
              .mapToInt(each -> numCommon(each, wanted))
              .max()
              .orElse(0);
      assertThat(found).as("i=%d", i).isEqualTo(longest);
    }
  }

  private static int numCommon(PrefixBlock block, int[] tokens) {
    int differs = Arrays.mismatch(block.ids(), tokens);
    return differs < 0 ? tokens.length : differs;
  }
}
