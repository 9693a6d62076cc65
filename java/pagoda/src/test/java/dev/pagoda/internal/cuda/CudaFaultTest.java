package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a cache says after work on the device broke it. */
@Tag("gpu")
class CudaFaultTest {
  /** Empty as if it were not set. */
  private static final String NAMED_LIBRARY = System.getProperty(LibrarySearch.PATH_PROPERTY, "");

  @Test
  void aFaultFailsTheCacheForGoodAndEveryLaterCallSaysSo() throws Exception {
    NativeBuild.requireDevices();

    List<String> lines = output(FaultProgram.class).lines().toList();

    assertThat(lines)
        .anySatisfy(line -> assertThat(line).startsWith("synchronize: ").contains("is lost"))
        .anySatisfy(line -> assertThat(line).startsWith("write: ").contains("is lost"))
        .anySatisfy(line -> assertThat(line).startsWith("newSequence: ").contains("has failed"))
        .anySatisfy(line -> assertThat(line).startsWith("fork: ").contains("has failed"))
        .anySatisfy(line -> assertThat(line).startsWith("newStep: ").contains("has failed"))
        .anySatisfy(line -> assertThat(line).startsWith("cuda: ").contains("; failed: "))
        .contains("rollback: fine", "close: fine", "end");
  }

  private static String output(Class<?> program) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-D" + LibrarySearch.PATH_PROPERTY + "=" + NAMED_LIBRARY,
                "-cp",
                classPath(),
                program.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  /** JUnit's console has a class loader of its own; what we need lies beside these classes. */
  private static String classPath() {
    StringBuilder path = new StringBuilder();
    for (Class<?> type : List.of(CudaKernels.class, CudaFaultTest.class)) {
      path.append(type.getProtectionDomain().getCodeSource().getLocation().getPath()).append(':');
    }
    URL library =
        CudaFaultTest.class
            .getClassLoader()
            .getResource("META-INF/native/linux-x86_64/libpagoda.so");
    return library == null
        ? path.toString()
        : path + library.getPath().replace("META-INF/native/linux-x86_64/libpagoda.so", "");
  }
}
