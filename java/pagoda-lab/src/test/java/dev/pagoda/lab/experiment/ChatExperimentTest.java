package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import org.junit.jupiter.api.Test;

class ChatExperimentTest {
  private static final Conditions CONDITIONS = new Conditions(Backend.SCALAR, true, 3, share -> {});

  /** By hand: 24 + 20 * 16 tokens at the end, 10 asked and 6 answered per turn. */
  @Test
  void withTheCacheATurnComputesWhatIsNew() {
    ChatResult result = ChatExperiment.measure(CONDITIONS);

    assertThat(result.without()).hasSize(ChatExperiment.NUM_TURNS);
    assertThat(result.without().getLast().contextTokens()).isEqualTo(344);
    assertThat(ChatResult.computed(result.without())).isEqualTo(20 * 24 + 16 * 210);
    assertThat(result.with().getFirst().computedTokens()).isEqualTo(40);
    assertThat(result.with().subList(1, ChatExperiment.NUM_TURNS))
        .allSatisfy(turn ->
            assertThat(turn.computedTokens()).isBetween(16L, 16L + ChatExperiment.BLOCK_SIZE));
    assertThat(ChatSection.of(9, result, CONDITIONS).charts()).hasSize(2);
  }
}
