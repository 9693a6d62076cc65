package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.pagoda.lab.workload.Request;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ContiguousKvStoreTest {
  private static final LayerShape SHAPE = LayerShape.of(2, 3, DType.FP32);
  private static final Request REQUEST = new Request(5, 3);

  private final ContiguousKvStore store =
      new ContiguousKvStore(SHAPE, 32, ContiguousKvStore.Placement.FIRST_FIT);

  @Test
  void policiesReserveWhatTheySay() {
    Request request = new Request(100, 25);
    assertThat(ReservationPolicy.EXACT_LENGTH.reservedTokens(request, 2048)).isEqualTo(125);
    assertThat(ReservationPolicy.MAXIMUM_LENGTH.reservedTokens(request, 2048)).isEqualTo(2048);
    assertThat(ReservationPolicy.POWER_OF_TWO.reservedTokens(request, 2048)).isEqualTo(132);
    assertThat(ReservationPolicy.POWER_OF_TWO.reservedTokens(new Request(1, 1), 2048)).isEqualTo(2);
    assertThat(ReservationPolicy.POWER_OF_TWO.reservedTokens(new Request(10, 1025), 2048))
        .as("never beyond the maximum")
        .isEqualTo(2048);
  }

  @Test
  void everyTokenIsHeldAwaitedWastedOrFree() {
    assertThat(store.usage()).isEqualTo(new ContiguousKvStore.Usage(0, 0, 0, 32));
    ContiguousKvStore.Sequence sequence = store.open(REQUEST, 12).orElseThrow();
    assertThat(store.usage()).isEqualTo(new ContiguousKvStore.Usage(0, 8, 4, 20));
    sequence.append(new float[30], new float[30], 0, 5);
    assertThat(store.usage()).isEqualTo(new ContiguousKvStore.Usage(5, 3, 4, 20));
    assertThat(sequence.isComplete()).isFalse();
    sequence.append(new float[30], new float[30], 0, 3);
    assertThat(sequence.isComplete()).isTrue();
    sequence.truncate(6);
    assertThat(store.usage()).isEqualTo(new ContiguousKvStore.Usage(6, 2, 4, 20));
    sequence.close();
    sequence.close();
    assertThat(store.usage()).isEqualTo(new ContiguousKvStore.Usage(0, 0, 0, 32));
    assertThat(store.numSequences()).isZero();
  }

  @Test
  void tokensLieOneBehindTheOther() {
    assertThat(store.open(REQUEST, 8)).isPresent();
    ContiguousKvStore.Sequence second = store.open(REQUEST, 8).orElseThrow();
    TokenRows rows = TokenRows.random(3, 2, SHAPE, 1);
    second.append(rows.keys(), rows.values(), 1, 2);
    ContiguousKv kv = second.kv();
    assertThat(kv.firstToken()).isEqualTo(8);
    assertThat(kv.contextLength()).isEqualTo(2);
    assertThat(kv.keys()).containsSequence(Arrays.copyOfRange(rows.keys(), 6, 18));
    assertThat(kv.values()[8 * 6]).isEqualTo(rows.values()[6]);
  }

  @Test
  void aFullStoreOpensNothing() {
    assertThat(store.open(REQUEST, 30)).isPresent();
    assertThat(store.open(REQUEST, 8)).isEmpty();
  }

  @Test
  void refusesTooSmallRegionsAndFullOnes() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.open(REQUEST, 7))
        .withMessageContaining("reservation=7");
    ContiguousKvStore.Sequence sequence = store.open(REQUEST, 8).orElseThrow();
    assertThatIllegalStateException()
        .isThrownBy(() -> sequence.append(new float[60], new float[60], 0, 9))
        .withMessageContaining("capacity=8");
    assertThat(sequence.length()).isZero();
  }
}
