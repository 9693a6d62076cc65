package dev.pagoda.lab.safetensors;

import java.util.Arrays;
import java.util.Optional;

/** The element types of the format whose elements are whole bytes, by the names in the header. */
public enum ElementType {
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** Signed 8-bit integer. */
  I8(1),
  /** 8-bit float, 5 exponent and 2 mantissa bits. */
  F8_E5M2(1),
  /** 8-bit float, 4 exponent and 3 mantissa bits. */
  F8_E4M3(1),
  /** 8-bit power of two, the scale of block formats. */
  F8_E8M0(1),
  /** Unsigned 16-bit integer. */
  U16(2),
  /** Signed 16-bit integer. */
  I16(2),
  /** IEEE 754 half precision. */
  F16(2),
  /** The upper half of an IEEE 754 single. */
  BF16(2),
  /** Unsigned 32-bit integer. */
  U32(4),
  /** Signed 32-bit integer. */
  I32(4),
  /** IEEE 754 single precision. */
  F32(4),
  /** Unsigned 64-bit integer. */
  U64(8),
  /** Signed 64-bit integer. */
  I64(8),
  /** IEEE 754 double precision. */
  F64(8),
  /** Two singles, real and imaginary part. */
  C64(8);

  private final int byteSize;

  ElementType(int byteSize) {
    this.byteSize = byteSize;
  }

  /**
   * Returns the size of one element.
   *
   * @return bytes, a power of two
   */
  public int byteSize() {
    return byteSize;
  }

  /**
   * Finds a type by its name in the header, which is the name of the constant.
   *
   * @param name the string of the field {@code dtype}
   * @return the type, or empty where this reader has none of that name
   */
  static Optional<ElementType> named(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }
}
