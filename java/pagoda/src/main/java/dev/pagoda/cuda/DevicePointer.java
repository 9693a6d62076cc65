package dev.pagoda.cuda;

/**
 * A range of CUDA device memory that somebody else owns: an address and a length, nothing to read.
 *
 * <p>It is not a memory segment because the host cannot touch the bytes behind it.
 *
 * @param address first byte, as CUDA numbers it; 0 only for an empty range
 * @param byteSize length in bytes, 0 for an empty range
 */
public record DevicePointer(long address, long byteSize) {
  /**
   * Checks the numbers; what lies at the address only the device knows.
   *
   * @throws IllegalArgumentException if a number is negative, the address of a range that is not
   *     empty is 0, or the range would end past the largest address
   */
  public DevicePointer {
    if (byteSize < 0) {
      throw new IllegalArgumentException("a range has no negative length: byteSize=" + byteSize);
    }
    if (address < 0 || (address == 0 && byteSize > 0)) {
      throw new IllegalArgumentException(
          "no device memory lies there: address=0x" + Long.toHexString(address));
    }
    if (address > Long.MAX_VALUE - byteSize) {
      throw new IllegalArgumentException(
          "the range at 0x"
              + Long.toHexString(address)
              + " ends past the largest address: byteSize="
              + byteSize);
    }
  }

  /**
   * The range with its address in hexadecimal, as CUDA's own tools print it.
   *
   * @return for example {@code DevicePointer[address=0x7f0000000000, byteSize=4096]}
   */
  @Override
  public String toString() {
    return "DevicePointer[address=0x" + Long.toHexString(address) + ", byteSize=" + byteSize + "]";
  }
}
