package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.testing.HistoricalBug;
import dev.pagoda.testing.HistoricalBug.Caught;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Equal keys for equal inputs only: asked of {@link KeyEncoding}, and of keys that leave out what
 * others have left out. Inputs are chosen to be confused: names that could be each other's, splits
 * of the same text, layouts of the same size.
 */
class KeyPropertyTest {
  private static final int BLOCK_SIZE = 4;

  /** All that a block's content depends on. */
  private record Input(
      String model, KeyOrder order, String adapter, String salt, List<Integer> tokens) {}

  private interface Keys {
    /** The key of the last full block. */
    Object key(Input input);
  }

  private static Object real(Input input) {
    KvShape shape = KvShape.uniform(1, 2, 8, DType.BF16).withBlockSize(BLOCK_SIZE);
    KeyEncoding encoding = new KeyEncoding(input.model, new KvLayout(shape, input.order));
    BlockKey key = encoding.root(Namespace.of(input.salt).withAdapter(input.adapter));
    int[] tokens = input.tokens.stream().mapToInt(token -> token).toArray();
    for (int from = 0; from < tokens.length; from += BLOCK_SIZE) {
      key = encoding.block(key, tokens, from);
    }
    return key;
  }

  /** Keys as text, with a mistake or none. */
  private record NaiveKeys(Set<HistoricalBug> bugs) implements Keys {
    @Override
    public Object key(Input input) {
      StringBuilder text = new StringBuilder();
      if (!bugs.contains(HistoricalBug.KEY_WITHOUT_WEIGHTS)) {
        field(text, "M", input.model);
      }
      if (!bugs.contains(HistoricalBug.KEY_WITHOUT_LAYOUT)) {
        field(text, "L", input.order.name());
      }
      if (!bugs.contains(HistoricalBug.KEY_WITHOUT_ADAPTER)) {
        field(text, "A", input.adapter);
      }
      field(text, "S", input.salt);
      List<Integer> tokens = input.tokens;
      if (bugs.contains(HistoricalBug.KEY_WITHOUT_PARENT)) {
        tokens = tokens.subList(tokens.size() - BLOCK_SIZE, tokens.size());
      }
      text.append(tokens);
      if (bugs.contains(HistoricalBug.SHORT_HASH)) {
        return text.toString().hashCode() & 0xffff;
      }
      return text.toString();
    }

    private void field(StringBuilder text, String tag, String content) {
      if (bugs.contains(HistoricalBug.NO_DOMAIN_TAGS) && content.isEmpty()) {
        return; // an absent field leaves no trace, and so the next one takes its place
      }
      text.append(bugs.contains(HistoricalBug.NO_DOMAIN_TAGS) ? "" : tag);
      text.append(bugs.contains(HistoricalBug.NO_LENGTHS) ? "" : content.length() + ":");
      text.append(content);
    }
  }

  private static Input random(SplittableRandom random) {
    String[] names = {"", "X", "XS", "SX", "a", "aSb", "b", "ab"};
    List<Integer> tokens = new ArrayList<>();
    for (int i = BLOCK_SIZE * random.nextInt(1, 4); i > 0; i--) {
      tokens.add(random.nextInt(2) == 0 ? random.nextInt(3) : random.nextInt());
    }
    return new Input(
        names[random.nextInt(names.length)],
        KeyOrder.values()[random.nextInt(2)],
        names[random.nextInt(names.length)],
        names[random.nextInt(names.length)],
        tokens);
  }

  /** An input that differs in one thing. */
  private static Input near(Input input, SplittableRandom random) {
    Input other = random(random);
    return switch (random.nextInt(7)) {
      case 0 -> new Input(other.model, input.order, input.adapter, input.salt, input.tokens);
      case 1 -> new Input(input.model, other.order, input.adapter, input.salt, input.tokens);
      case 2 -> new Input(input.model, input.order, other.adapter, input.salt, input.tokens);
      case 3 -> new Input(input.model, input.order, input.salt, input.adapter, input.tokens);
      case 4 -> new Input(input.model, input.order, other.adapter, other.salt, input.tokens);
      case 5 -> {
        List<Integer> tokens = new ArrayList<>(input.tokens);
        tokens.set(random.nextInt(tokens.size()), random.nextInt(3));
        yield new Input(input.model, input.order, input.adapter, input.salt, tokens);
      }
      default -> {
        List<Integer> tokens = new ArrayList<>(other.tokens.subList(0, BLOCK_SIZE));
        tokens.addAll(input.tokens.subList(input.tokens.size() - BLOCK_SIZE, input.tokens.size()));
        yield new Input(input.model, input.order, input.adapter, input.salt, tokens);
      }
    };
  }

  private static void requireDistinct(Keys keys, int numInputs) {
    SplittableRandom random = new SplittableRandom(11);
    Map<Object, Input> seen = new HashMap<>();
    Input last = random(random);
    for (int i = 0; i < numInputs; i++) {
      Input input = random.nextInt(4) == 0 ? random(random) : near(last, random);
      Input before = seen.putIfAbsent(keys.key(input), input);
      if (before != null && !before.equals(input)) {
        throw new AssertionError("different inputs have one key: " + before + " and " + input);
      }
      last = input;
    }
  }

  @Test
  void differentInputsHaveDifferentKeys() {
    requireDistinct(KeyPropertyTest::real, 100_000);
    requireDistinct(new NaiveKeys(Set.of()), 100_000);
  }

  private static void assertFound(HistoricalBug... bugs) {
    for (HistoricalBug bug : bugs) {
      assertThatExceptionOfType(AssertionError.class)
          .as("%s is found", bug)
          .isThrownBy(() -> requireDistinct(new NaiveKeys(Set.of(bug)), 100_000))
          .withMessageContaining("one key");
    }
  }

  @Test
  @Caught(HistoricalBug.KEY_WITHOUT_ADAPTER)
  @Caught(HistoricalBug.KEY_WITHOUT_WEIGHTS)
  @Caught(HistoricalBug.KEY_WITHOUT_LAYOUT)
  @Caught(HistoricalBug.KEY_WITHOUT_PARENT)
  void keysThatLeaveOutWhatContentDependsOnAreFound() {
    assertFound(
        HistoricalBug.KEY_WITHOUT_ADAPTER,
        HistoricalBug.KEY_WITHOUT_WEIGHTS,
        HistoricalBug.KEY_WITHOUT_LAYOUT,
        HistoricalBug.KEY_WITHOUT_PARENT);
  }

  @Test
  @Caught(HistoricalBug.NO_DOMAIN_TAGS)
  @Caught(HistoricalBug.NO_LENGTHS)
  void encodingsThatAreNotInjectiveAreFound() {
    assertFound(HistoricalBug.NO_DOMAIN_TAGS, HistoricalBug.NO_LENGTHS);
  }

  @Test
  @Caught(HistoricalBug.SHORT_HASH)
  void hashesThatAreTooShortAreFound() {
    assertFound(HistoricalBug.SHORT_HASH);
  }
}
