package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pagoda.internal.cuda.LibraryPlace.BundledResource;
import dev.pagoda.internal.cuda.LibraryPlace.Folders;
import dev.pagoda.internal.cuda.LibraryPlace.NamedFile;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@EnabledOnOs(value = OS.LINUX, disabledReason = "the native library is built for Linux alone")
class NativeLibraryTest {
  private static final String FILE_NAME = "libpagoda.so";
  private static final String RESOURCE = "META-INF/native/linux-x86_64/" + FILE_NAME;

  @TempDir Path folder;

  @Test
  void isLoadedFromTheResourceAndLeavesNoFileBehind() {
    NativeBuild.requireLibrary();

    assertThat(load(new BundledResource(RESOURCE, folder))).isInstanceOf(LibraryState.Loaded.class);
    assertThat(folder).isEmptyDirectory();
    assertThat(pagoda_h.pagoda_struct_field_count()).isPositive();
  }

  @Test
  void isLoadedFromTheFirstFolderThatHasIt() throws IOException {
    NativeBuild.requireLibrary();
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Path full = Files.createDirectory(folder.resolve("full"));
    Path library = full.resolve(FILE_NAME);
    try (InputStream bytes = NativeLibrary.class.getClassLoader().getResourceAsStream(RESOURCE)) {
      Files.copy(bytes, library);
    }

    assertThat(load(new Folders(List.of(empty, full))))
        .isEqualTo(new LibraryState.Loaded(library.toString()));
  }

  @Test
  void saysWhereItLookedWhenThereIsNone() {
    assertThat(
            reason(new BundledResource("META-INF/native/none.so", folder), new Folders(List.of())))
        .contains("META-INF/native/none.so", "java.library.path", "-Ddev.pagoda.library.path")
        .endsWith("platform=linux-x86_64");
  }

  @Test
  void saysThatAnotherPlatformHasNone() {
    LibrarySearch search =
        new LibrarySearch("pagoda.dll", "windows11-x86_64", List.of(new Folders(List.of())));

    assertThat(NativeLibrary.load(search))
        .isEqualTo(
            new LibraryState.Absent(
                "the native library is not there, neither as pagoda.dll in java.library.path;"
                    + " it is built for linux-x86_64 alone: platform=windows11-x86_64"));
  }

  @Test
  void namesAFileThatIsMissing() {
    Path missing = folder.resolve("missing.so");

    assertThat(reason(new NamedFile(missing))).endsWith("dev.pagoda.library.path=" + missing);
  }

  @Test
  void keepsTheLinkersWordsAboutAFileThatIsNoLibrary() throws IOException {
    Path text =
        Files.writeString(folder.resolve(FILE_NAME), "not a library, only words\n".repeat(9));

    assertThat(reason(new NamedFile(text))).contains("invalid ELF header").endsWith("file=" + text);
  }

  @Test
  void namesTheFolderThatCannotBeWritten() {
    NativeBuild.requireLibrary();
    Path missing = folder.resolve("missing");

    assertThat(reason(new BundledResource(RESOURCE, missing)))
        .contains("cannot be unpacked", "-Ddev.pagoda.library.tmpdir")
        .endsWith("temporaryFolder=" + missing);
  }

  @Test
  void namesThePropertyForAnotherFolderWhereNothingMayBeExecuted() throws IOException {
    NativeBuild.requireLibrary();
    Optional<Path> noexec = MountedFolders.writableNoexec();
    assumeTrue(noexec.isPresent(), "no folder that can be written is mounted noexec here");
    Path temporaryFolder = Files.createTempDirectory(noexec.orElseThrow(), "pagoda-test-");
    try {
      assertThat(reason(new BundledResource(RESOURCE, temporaryFolder)))
          .contains("failed to map segment", "-Ddev.pagoda.library.tmpdir");
      assertThat(temporaryFolder).isEmptyDirectory();
    } finally {
      Files.delete(temporaryFolder);
    }
  }

  @Test
  void refusesAnotherAbiWithBothVersionsAndLeavesNoSymbolOfIt() throws Exception {
    int foreignVersion = pagoda_h.PAGODA_ABI_VERSION() + 41;
    Path library =
        CCompiler.sharedLibrary(
            folder.resolve(FILE_NAME),
            """
            int pagoda_abi_version(void) { return %d; }
            int pagoda_foreign_marker(void) { return 0; }
            """
                .formatted(foreignVersion));

    assertThat(reason(new NamedFile(library)))
        .contains("ABI " + foreignVersion + " and " + pagoda_h.PAGODA_ABI_VERSION())
        .endsWith("file=" + library);
    assertThat(SymbolLookup.loaderLookup().find("pagoda_foreign_marker")).isEmpty();
  }

  @Test
  void refusesALibraryThatIsNotPagodas() throws Exception {
    Path library =
        CCompiler.sharedLibrary(folder.resolve(FILE_NAME), "int another(void) { return 0; }");

    assertThat(reason(new NamedFile(library)))
        .contains("pagoda_abi_version")
        .endsWith("file=" + library);
  }

  @Test
  void namesTheFlagWhenTheJvmDeniesNativeAccess() throws Exception {
    Path library =
        CCompiler.sharedLibrary(folder.resolve(FILE_NAME), "int another(void) { return 0; }");

    assertThat(reasonInAJvmThatDeniesNativeAccess(library))
        .endsWith("--enable-native-access=ALL-UNNAMED");
  }

  private static String reasonInAJvmThatDeniesNativeAccess(Path library) throws Exception {
    // From JDK 24 on a flag denies; before that, access for one module denied it to the others.
    String deny =
        Runtime.version().feature() >= 24
            ? "--illegal-native-access=deny"
            : "--enable-native-access=java.base";
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                deny,
                "-D" + LibrarySearch.PATH_PROPERTY + "=" + library,
                "-cp",
                codeSource(NativeLibrary.class) + ":" + codeSource(NativeLibraryTest.class),
                ReasonPrinter.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.strip();
  }

  private static Path codeSource(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static String reason(LibraryPlace... places) {
    return ((LibraryState.Absent) load(places)).reason();
  }

  private static LibraryState load(LibraryPlace... places) {
    return NativeLibrary.load(
        new LibrarySearch(FILE_NAME, LibrarySearch.BUILT_PLATFORM, List.of(places)));
  }
}
