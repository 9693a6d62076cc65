package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivateFolderTest {
  @TempDir Path parent;

  private Path folder() {
    return parent.resolve("tier");
  }

  private static void requireInUse(Path folder) {
    assertThatExceptionOfType(FileSystemException.class)
        .isThrownBy(() -> PrivateFolder.take(folder))
        .withMessageContaining(folder.toString())
        .withMessageContaining("in use");
  }

  @Test
  void aSecondAttemptHereDoesNotOpenTheFolderToAnotherProcess() throws Exception {
    try (PrivateFolder _ = PrivateFolder.take(folder())) {
      requireInUse(folder());
      assertThat(FolderRival.tries(folder())).contains("in use").contains(folder().toString());
    }
    assertThat(FolderRival.tries(folder())).isEqualTo(FolderRival.HAS_IT);
    PrivateFolder.take(folder()).close();
  }

  @Test
  void aFolderIsTheSameByWhateverPath() throws IOException {
    Path link = Files.createSymbolicLink(parent.resolve("link"), parent);
    try (PrivateFolder _ = PrivateFolder.take(folder())) {
      requireInUse(link.resolve("tier"));
      requireInUse(folder().resolve("..").resolve("tier"));
    }
    PrivateFolder.take(link.resolve("tier")).close();
  }

  @Test
  void whoHasAFolderThatWasReplacedStillHasItsPath() throws IOException {
    try (PrivateFolder _ = PrivateFolder.take(folder())) {
      Files.move(folder(), parent.resolve("elsewhere"));
      requireInUse(folder());
      requireInUse(parent.resolve("elsewhere"));
    }
    PrivateFolder.take(folder()).close();
    PrivateFolder.take(parent.resolve("elsewhere")).close();
  }

  @Test
  void whatIsRefusedHoldsNothing() throws IOException {
    Files.createDirectory(
        folder(),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path letters = Files.write(folder().resolve("letters.txt"), new byte[1]);
    for (int i = 0; i < 3; i++) {
      assertThatExceptionOfType(FileSystemException.class)
          .isThrownBy(() -> PrivateFolder.take(folder()))
          .withMessageContaining("holds other files");
    }
    Files.delete(letters);
    Files.createDirectory(folder().resolve(PrivateFolder.LOCK_NAME));
    assertThatExceptionOfType(FileSystemException.class)
        .isThrownBy(() -> PrivateFolder.take(folder()));
    Files.delete(folder().resolve(PrivateFolder.LOCK_NAME));
    Path target = Files.write(parent.resolve("target"), new byte[] {7});
    Files.createSymbolicLink(folder().resolve(PrivateFolder.LOCK_NAME), target);
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> PrivateFolder.take(folder()));
    assertThat(target).hasBinaryContent(new byte[] {7});
    Files.delete(folder().resolve(PrivateFolder.LOCK_NAME));
    PrivateFolder.take(folder()).close();
  }

  @Test
  void aFileOrALinkIsNoFolder() throws IOException {
    Path file = Files.write(parent.resolve("file"), new byte[1]);
    assertThatExceptionOfType(NotDirectoryException.class)
        .isThrownBy(() -> PrivateFolder.take(file));
    PrivateFolder.take(folder()).close();
    Path link = Files.createSymbolicLink(parent.resolve("link"), folder());
    assertThatExceptionOfType(NotDirectoryException.class)
        .isThrownBy(() -> PrivateFolder.take(link));
  }

  @Test
  void whatAProcessLeftThatDiedWhileItTookTheFolderOverIsNoObstacle() throws IOException {
    PrivateFolder.take(folder()).close();
    Files.write(folder().resolve("pagoda.owner"), new byte[0]);
    PrivateFolder.take(folder()).close();
    assertThat(folder().resolve("pagoda.owner")).doesNotExist();
    Files.delete(folder().resolve(PrivateFolder.LOCK_NAME));
    Files.write(folder().resolve("pagoda.owner"), new byte[0]);
    PrivateFolder.take(folder()).close();
  }

  @Test
  void ofManyWhoComeAtOnceOneHasIt() throws Exception {
    int numThreads = 4;
    try (ExecutorService threads = Executors.newFixedThreadPool(numThreads)) {
      for (int round = 0; round < 50; round++) {
        Path folder = parent.resolve("tier" + round);
        CyclicBarrier start = new CyclicBarrier(numThreads);
        Callable<Integer> attempt =
            () -> {
              start.await();
              try (PrivateFolder _ = PrivateFolder.take(folder)) {
                start.await();
                return 1;
              } catch (FileSystemException refused) {
                start.await();
                return 0;
              }
            };
        List<Callable<Integer>> attempts = new ArrayList<>();
        for (int i = 0; i < numThreads; i++) {
          attempts.add(attempt);
        }
        int numHolders = 0;
        for (Future<Integer> ended : threads.invokeAll(attempts)) {
          numHolders += ended.get();
        }
        assertThat(numHolders).as("round %s", round).isEqualTo(1);
      }
    }
  }
}
