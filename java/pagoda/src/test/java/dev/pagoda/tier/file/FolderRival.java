package dev.pagoda.tier.file;

import dev.pagoda.PagedKvCache;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Another process that wants a folder: says whether it got it. */
final class FolderRival {
  static final String HAS_IT = "has it";

  private FolderRival() {}

  /** What a process of its own says about a folder. */
  static String tries(Path folder) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                Stream.of(PagedKvCache.class, FolderRival.class)
                    .map(FolderRival::codeSource)
                    .collect(Collectors.joining(File.pathSeparator)),
                FolderRival.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return said.strip();
  }

  private static String codeSource(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (Exception unknown) {
      throw new AssertionError(unknown);
    }
  }

  /** The folder. */
  public static void main(String[] arguments) {
    try (FileCalls.FolderLock _ = new SystemFiles().lockFolder(Path.of(arguments[0]))) {
      System.out.println(HAS_IT);
    } catch (IOException refused) {
      System.out.println(refused.getMessage());
    }
  }
}
