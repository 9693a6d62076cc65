package dev.pagoda.pressure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ReadableCache;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.TransferModel;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("any-backend")
class AdmissionControlTest {
  private static final int BLOCK_SIZE = 4;
  private final ReadableCache memory = ReadableCache.open(BLOCK_SIZE, 10);
  private final AdmissionControl control = new AdmissionControl(memory.cache(), 2);

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    memory.close();
  }

  private BlockReservation admitted(AdmissionRequest request) {
    AdmissionAnswer answer = control.tryAdmit(request);
    assertThat(answer).isInstanceOf(AdmissionAnswer.Admitted.class);
    return ((AdmissionAnswer.Admitted) answer).reservation();
  }

  /** By hand, blocks of 4: what is full of the prompt once, the rest for each. */
  @ParameterizedTest
  @CsvSource({
    "8, 0, 4, 1, 3",
    "9, 0, 3, 1, 3",
    "9, 0, 4, 1, 4",
    "9, 0, 4, 3, 8", // 2 shared, 2 each
    "8, 0, 0, 3, 2",
    "0, 0, 5, 2, 4",
    "2147483647, 0, 2147483647, 1, 1073741824"
  })
  void aRequestNeedsWhatItsSequencesWillTake(
      int promptTokens, int cached, int outputTokens, int numSequences, long numBlocks) {
    AdmissionRequest request =
        new AdmissionRequest(promptTokens, cached, outputTokens, numSequences);
    assertThat(request.numBlocks(BLOCK_SIZE)).isEqualTo(numBlocks);
  }

  @ParameterizedTest
  @CsvSource({"-1, 0, 0, 1", "4, 5, 0, 1", "4, -1, 0, 1", "4, 0, -1, 1", "4, 0, 0, 0"})
  void impossibleRequestsAreRefused(int prompt, int cached, int output, int numSequences) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new AdmissionRequest(prompt, cached, output, numSequences));
  }

  @Test
  void whatIsAdmittedGrowsToWhatItAskedForWhateverOthersWant() {
    try (BlockReservation promise = admitted(AdmissionRequest.of(8, 16))) {
      KvSequence sequence = memory.cache().newSequence();
      sequence.drawFrom(promise);
      assertThat(control.tryAdmit(AdmissionRequest.of(12, 0)))
          .isEqualTo(
              new AdmissionAnswer.Deferred(
                  3, 4, "too few blocks are available above the watermark: watermark=2"));
      try (BlockReservation small = admitted(AdmissionRequest.of(8, 0))) {
        memory.append(sequence, ReadableCache.ascending(24));
        assertThat(small.numLeft()).isEqualTo(2);
      }
    }
    assertThat(control.statistics()).isEqualTo(new AdmissionStatistics(2, 1, 0));
  }

  @Test
  void anEmptyCacheAsksForNoWatermark() {
    admitted(AdmissionRequest.of(40, 0)).close();
    KvSequence held = memory.counting(8); // a prefix hit of its own does not count either
    admitted(new AdmissionRequest(40, 8, 0, 1)).close();
    assertThat(control.tryAdmit(AdmissionRequest.of(32, 0)))
        .isInstanceOf(AdmissionAnswer.Deferred.class);
    held.close();
  }

  @Test
  void whatCannotEverFitIsToldApart() {
    assertThat(control.tryAdmit(AdmissionRequest.of(40, 1)))
        .isEqualTo(new AdmissionAnswer.Impossible(11, 10));
    assertThat(control.statistics().numImpossible()).isEqualTo(1);
  }

  @Test
  void groupsThatWaitToComeBackGoFirst() {
    PreemptionModel model =
        new PreemptionModel(
            new TransferModel(1, 0), new TransferModel(1, 0), new PrefillModel(1e9, 0, 0));
    Preemptor preemptor = new Preemptor(memory.cache(), new LatestFirst(model));
    AdmissionControl behind = new AdmissionControl(memory.cache(), 0, preemptor);
    KvSequence sequence = memory.counting(30);
    preemptor.enter(sequence);
    assertThat(preemptor.makeRoom(9, List.of())).hasSize(1);
    assertThat(behind.tryAdmit(AdmissionRequest.of(4, 0)))
        .isInstanceOfSatisfying(
            AdmissionAnswer.Deferred.class,
            deferred -> assertThat(deferred.reason()).contains("numWaiting=1"));
    sequence.close();
  }

  @Test
  void aNegativeWatermarkIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new AdmissionControl(memory.cache(), -1));
  }
}
