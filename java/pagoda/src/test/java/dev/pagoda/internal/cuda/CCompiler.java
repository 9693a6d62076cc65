package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** The machine's C compiler, for libraries that are wrong on purpose. */
final class CCompiler {
  private CCompiler() {}

  /** Compiles a library, or skips the test where there is no compiler. */
  static Path sharedLibrary(Path file, String source) throws IOException, InterruptedException {
    Optional<Path> compiler =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
            .map(folder -> Path.of(folder, "cc"))
            .filter(Files::isExecutable)
            .findFirst();
    if (compiler.isEmpty()) {
      NativeBuild.skipUnlessPromised("PAGODA_CUDA", "there is no C compiler: no cc on PATH");
    }
    Path sourceFile = Files.writeString(file.resolveSibling("planted.c"), source);
    Process process =
        new ProcessBuilder(
                compiler.orElseThrow().toString(),
                "-shared",
                "-fPIC",
                "-o",
                file.toString(),
                sourceFile.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return file;
  }
}
