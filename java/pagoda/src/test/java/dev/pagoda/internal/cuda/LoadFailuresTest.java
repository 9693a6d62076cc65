package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LoadFailuresTest {
  private static final Path FILE = Path.of("/x/libpagoda.so");

  @Test
  void keepTheLinkersWordsAndEndWithTheFile() {
    assertThat(sentence("/x/libpagoda.so: file too short"))
        .isEqualTo(
            "the native library cannot be loaded, /x/libpagoda.so: file too short:"
                + " file=/x/libpagoda.so");
  }

  @Test
  void nameThePropertyForAnotherFolderWhereNothingMayBeExecuted() {
    assertThat(sentence("failed to map segment from shared object"))
        .contains("noexec")
        .contains("-Ddev.pagoda.library.tmpdir");
  }

  @Test
  void tellAnOldSystemFromOneWithoutGlibc() {
    assertThat(sentence("version `GLIBC_2.35' not found")).contains("newer system");
    assertThat(sentence("ld-linux-x86-64.so.2: No such file or directory")).contains("musl");
  }

  @Test
  void nameTheFlagThatGrantsNativeAccess() {
    assertThat(LoadFailures.nativeAccessDenied(Object.class.getModule()))
        .endsWith("--enable-native-access=java.base");
    assertThat(
            LoadFailures.nativeAccessDenied(ClassLoader.getSystemClassLoader().getUnnamedModule()))
        .endsWith("--enable-native-access=ALL-UNNAMED");
  }

  private static String sentence(String linkersWords) {
    return LoadFailures.linkerRefused(new UnsatisfiedLinkError(linkersWords), FILE);
  }
}
