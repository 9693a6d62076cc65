package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnpackedLibraryTest {
  private static final byte[] BYTES = {1, 2, 3};

  @TempDir Path temporaryFolder;

  @Test
  void liesInAFolderOfItsOwnThatNobodyElseCanEnter() throws IOException {
    try (UnpackedLibrary one = unpack();
        UnpackedLibrary another = unpack()) {
      assertThat(one.file()).hasBinaryContent(BYTES).hasFileName("libpagoda.so");
      assertThat(another.file().getParent()).isNotEqualTo(one.file().getParent());
      assertThat(
              PosixFilePermissions.toString(Files.getPosixFilePermissions(one.file().getParent())))
          .isEqualTo("rwx------");
    }
  }

  @Test
  void isGoneOnceClosedHoweverOften() throws IOException {
    UnpackedLibrary unpacked = unpack();
    unpacked.close();
    unpacked.close();

    assertThat(temporaryFolder).isEmptyDirectory();
  }

  @Test
  void leavesNothingBehindWhenItCannotBeWritten() throws IOException {
    InputStream closed = InputStream.nullInputStream();
    closed.close();

    assertThatIOException()
        .isThrownBy(() -> UnpackedLibrary.of(closed, "libpagoda.so", temporaryFolder))
        .withMessage("Stream closed");
    assertThat(temporaryFolder).isEmptyDirectory();
  }

  private UnpackedLibrary unpack() throws IOException {
    return UnpackedLibrary.of(new ByteArrayInputStream(BYTES), "libpagoda.so", temporaryFolder);
  }
}
