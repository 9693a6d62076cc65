package dev.pagoda.lab.workload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WorkloadTest {
  private static List<Workload> workloads() {
    return List.of(Workload.NOTEBOOK, Workload.ALPACA, Workload.SHARE_GPT, Workload.fixed(50, 20));
  }

  @ParameterizedTest
  @MethodSource("workloads")
  void oneSeedGivesOneListOfRequests(Workload workload) {
    assertThat(workload.requests(200, 7)).isEqualTo(workload.requests(200, 7));
    assertThat(workload.requests(200, 7).subList(0, 50)).isEqualTo(workload.requests(50, 7));
  }

  @Test
  void anotherSeedGivesOtherRequests() {
    assertThat(Workload.SHARE_GPT.requests(50, 7)).isNotEqualTo(Workload.SHARE_GPT.requests(50, 8));
  }

  /** Random's algorithms are specified, so these numbers are the same on every JDK. */
  @Test
  void knownSeedGivesKnownRequests() {
    assertThat(Workload.NOTEBOOK.requests(2, 1))
        .containsExactly(new Request(81, 38), new Request(28, 38));
  }

  @ParameterizedTest
  @MethodSource("workloads")
  void noRequestIsLongerThanAllowed(Workload workload) {
    assertThat(workload.requests(5000, 3))
        .allSatisfy(request -> {
          assertThat(request.promptTokens()).isPositive();
          assertThat(request.outputTokens()).isPositive();
          assertThat(request.totalTokens()).isLessThanOrEqualTo(workload.totalTokensMax());
        });
  }

  /** Rejecting what is too long takes a few percent off the published means. */
  @Test
  void meansAreNearThePublishedOnes() {
    assertMeans(Workload.SHARE_GPT, 161.31, 337.99);
    assertMeans(Workload.ALPACA, 19.31, 58.45);
    assertMeans(Workload.NOTEBOOK, 50, 50);
  }

  private static void assertMeans(Workload workload, double prompt, double output) {
    List<Request> requests = workload.requests(20_000, 5);
    assertThat(requests.stream().mapToInt(Request::promptTokens).average().orElseThrow())
        .isCloseTo(prompt, within(0.04 * prompt));
    assertThat(requests.stream().mapToInt(Request::outputTokens).average().orElseThrow())
        .isCloseTo(output, within(0.04 * output));
  }

  @Test
  void fixedRequestsAreAllAlike() {
    assertThat(Workload.fixed(50, 20).requests(3, 9)).containsOnly(new Request(50, 20));
  }

  @Test
  void refusesLengthsThatNoSequenceHas() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Request(0, 1))
        .withMessageContaining("promptTokens=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LengthDistribution.Fixed(0))
        .withMessageContaining("tokens=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LengthDistribution.Normal(10, 1, 5, 4));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LengthDistribution.Gamma(10, 0, 5))
        .withMessageContaining("deviation=0");
  }
}
