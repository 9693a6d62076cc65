package dev.pagoda.bench;

/**
 * What one call of a benchmark method moves and computes, so that a row can say GB/s and GFLOP/s
 * beside the time.
 *
 * @param bytes bytes read and written
 * @param operations floating-point operations, a multiply-add counting as two
 */
record Work(double bytes, double operations) {
  static final Work NONE = new Work(0, 0);
}
