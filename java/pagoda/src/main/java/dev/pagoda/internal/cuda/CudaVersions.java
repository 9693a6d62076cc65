package dev.pagoda.internal.cuda;

/**
 * The two versions of CUDA that must fit, as CUDA numbers them: {@code 1000 * major + 10 * minor}.
 *
 * @param driver the newest that the driver supports
 * @param runtime the one inside the native library
 */
record CudaVersions(int driver, int runtime) {

  @Override
  public String toString() {
    return "driver for CUDA " + spelled(driver) + ", library of CUDA " + spelled(runtime);
  }

  private static String spelled(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }
}
