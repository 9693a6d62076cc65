package dev.pagoda.internal.cuda;

/** The generation of a device, which decides what machine code it runs: 9.0 is Hopper. */
record ComputeCapability(int major, int minor) {

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
