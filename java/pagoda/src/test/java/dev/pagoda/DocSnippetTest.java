package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's Java is code: it compiles against this library and runs. */
class DocSnippetTest {
  private static final Pattern JAVA_BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  @Test
  void theReadmesExampleCompilesAndRuns(@TempDir Path folder) throws Exception {
    Path source = folder.resolve("Example.java");
    Files.writeString(source, firstJavaBlock(readme()));
    compile(source, folder);

    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      Method main = loader.loadClass("Example").getMethod("main", String[].class);
      main.invoke(null, (Object) new String[0]);
    } finally {
      System.setOut(before);
    }
    assertThat(printed.toString(StandardCharsets.UTF_8)).contains("blocks of 16 tokens");
  }

  /**
   * The later ones are pieces of a program that has a cache, a chat, its token ids and a folder.
   */
  @Test
  void theReadmesOtherPiecesCompile(@TempDir Path folder) throws Exception {
    List<String> pieces =
        JAVA_BLOCK
            .matcher(Files.readString(readme()))
            .results()
            .map(found -> found.group(1))
            .toList();
    assertThat(pieces).hasSizeGreaterThan(1);
    for (int i = 1; i < pieces.size(); i++) {
      Path source = folder.resolve("Piece" + i + ".java");
      Files.writeString(
          source,
          "import dev.pagoda.*; import dev.pagoda.decoding.*; import dev.pagoda.layout.*;\n"
              + "import dev.pagoda.memory.*; import dev.pagoda.prefix.*; import dev.pagoda.tier.*;\n"
              + "import dev.pagoda.tier.file.*; import java.nio.file.*; import java.util.*;\n"
              + "import java.time.Duration;\n"
              + "import dev.pagoda.pressure.*;\n"
              + "class Piece"
              + i
              + " { void run(PagedKvCache cache, KvSequence chat, int[] tokenIds, Path folder)\n"
              + "throws Exception {\n"
              + pieces.get(i)
              + "}}\n");
      compile(source, folder);
    }
  }

  private static Path readme() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve("CONTRIBUTING.md"))) {
      folder = folder.getParent();
    }
    return folder.resolve("README.md");
  }

  private static String firstJavaBlock(Path readme) throws Exception {
    Matcher matcher = JAVA_BLOCK.matcher(Files.readString(readme));
    assertThat(matcher.find()).as("README.md has a Java block").isTrue();
    return matcher.group(1);
  }

  private static void compile(Path source, Path target) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter problems = new StringWriter();
    String library =
        Path.of(PagedKvCache.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    List<String> options = List.of("-d", target.toString(), "-cp", library);
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      Iterable<? extends JavaFileObject> sources = files.getJavaFileObjects(source);
      boolean compiled = compiler.getTask(problems, files, null, options, null, sources).call();
      assertThat(compiled).as("README.md's example compiles: %s", problems).isTrue();
    }
  }
}
