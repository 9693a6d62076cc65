package dev.pagoda.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.layout.DType;
import dev.pagoda.memory.Rows;
import org.junit.jupiter.api.Test;

class DeviceRowsTest {
  private static final DevicePointer MEMORY = new DevicePointer(0x7000, 96);

  @Test
  void packedRowsFollowEachOther() {
    DeviceRows rows = DeviceRows.of(MEMORY, DType.BF16);

    assertThat(rows.strideBytes(6)).isEqualTo(12);
    assertThat(rows.address(3, 6)).isEqualTo(0x7000 + 36);
    rows.requireRows("queries", 8, 6);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rows.requireRows("queries", 9, 6))
        .withMessageContaining("needed=108 bytes, byteSize=96");
  }

  @Test
  void rowsApartStartWhereOffsetAndStrideSay() {
    DeviceRows rows = new DeviceRows(MEMORY, DType.FP32, 16, 40);

    assertThat(rows.address(2, 4)).isEqualTo(0x7000 + 16 + 80);
    rows.requireRows("keys", 2, 10);
    rows.requireRows("keys", 0, 1000);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rows.requireRows("keys", 3, 4))
        .withMessageContaining("keys rows do not fit");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rows.requireRows("keys", 2, 11))
        .withMessageContaining("rowWidth=11");
  }

  @Test
  void rowsThatSplitAnElementAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DeviceRows(MEMORY, DType.FP32, 2, Rows.PACKED))
        .withMessageEndingWith("offsetBytes=2");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DeviceRows(MEMORY, DType.FP16, 0, 7))
        .withMessageEndingWith("rowStrideBytes=7");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DeviceRows.of(new DevicePointer(0x7001, 8), DType.BF16))
        .withMessageEndingWith("address=28673");
  }

  @Test
  void placesAndRoomAreRefusedByName() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CudaPlace.firstDevice().withDevice(-1))
        .withMessageEndingWith("deviceIndex=-1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new StepRoom(1, 0, 1))
        .withMessageEndingWith("numTokens=0");
    CudaPlace place =
        CudaPlace.firstDevice()
            .withDevice(2)
            .withContext(8)
            .withStream(9)
            .withRoom(new StepRoom(3, 4, 5));
    assertThat(place).isEqualTo(new CudaPlace(2, 8, 9, new StepRoom(3, 4, 5)));
    assertThat(place.backend()).isEqualTo("cuda");
  }

  @Test
  void partialResultsThatDoNotFitAreRefused() {
    DeviceRows rows = DeviceRows.of(MEMORY, DType.FP32);
    DevicePointer nothing = new DevicePointer(0, 0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CudaCache.Partials(rows, MEMORY, rows, nothing, 0, 1, 1))
        .withMessageContaining("numPartials=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CudaCache.Partials(rows, MEMORY, rows, nothing, 5, 5, 1))
        .withMessageContaining("outputs rows do not fit");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CudaCache.Partials(rows, nothing, rows, nothing, 2, 2, 2))
        .withMessageContaining("lse is too short");
    assertThat(new CudaCache.Partials(rows, MEMORY, rows, nothing, 2, 3, 4).numRows()).isEqualTo(3);
  }
}
