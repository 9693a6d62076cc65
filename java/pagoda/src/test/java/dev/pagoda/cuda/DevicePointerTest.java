package dev.pagoda.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class DevicePointerTest {
  @Test
  void keepsAddressAndLength() {
    DevicePointer pointer = new DevicePointer(0x7f00_0000_0000L, 4096);

    assertThat(pointer.address()).isEqualTo(0x7f00_0000_0000L);
    assertThat(pointer.byteSize()).isEqualTo(4096);
    assertThat(pointer).hasToString("DevicePointer[address=0x7f0000000000, byteSize=4096]");
  }

  @Test
  void mayBeNullWhenNothingIsThere() {
    assertThat(new DevicePointer(0, 0).byteSize()).isZero();
  }

  @Test
  void refusesMemoryAtAddressZero() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DevicePointer(0, 1))
        .withMessageEndingWith("address=0x0");
  }

  @Test
  void refusesNegativeNumbers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DevicePointer(16, -1))
        .withMessageEndingWith("byteSize=-1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DevicePointer(-16, 1))
        .withMessageEndingWith("address=0xfffffffffffffff0");
  }

  @Test
  void refusesARangePastTheLargestAddress() {
    assertThat(new DevicePointer(Long.MAX_VALUE - 8, 8).byteSize()).isEqualTo(8);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DevicePointer(Long.MAX_VALUE - 8, 9))
        .withMessageEndingWith("byteSize=9");
  }
}
