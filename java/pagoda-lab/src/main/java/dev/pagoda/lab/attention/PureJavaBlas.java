package dev.pagoda.lab.attention;

import dev.ludovic.netlib.blas.BLAS;
import dev.ludovic.netlib.blas.JavaBLAS;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Matrix products in pure Java (Vector API where there is one): the same speed and the same bits
 * whether or not the machine has a native BLAS.
 */
final class PureJavaBlas {
  private static final String ALLOW_NATIVE = BLAS.ALLOW_NATIVE_BLAS;

  // Held here, because a logger that nobody holds forgets its level.
  private static final Logger LOADING = Logger.getLogger("dev.ludovic.netlib.blas.InstanceBuilder");

  static final BLAS INSTANCE = load();

  private PureJavaBlas() {}

  private static BLAS load() {
    // It would unpack and load a native library even to return the Java one, and tell about it.
    if (System.getProperty(ALLOW_NATIVE) == null) {
      System.setProperty(ALLOW_NATIVE, "false");
    }
    LOADING.setLevel(Level.WARNING);
    return JavaBLAS.getInstance();
  }
}
