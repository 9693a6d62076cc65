package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/** Files as a channel gives them: closed by the first interrupt. */
final class ClosingFiles implements FileCalls {
  private final SystemFiles system = new SystemFiles();
  private final boolean putsAside;

  /**
   * Files.
   *
   * @param putsAside whether an interrupt that came before a call is put aside, so that only one
   *     that comes in the middle does harm
   */
  ClosingFiles(boolean putsAside) {
    this.putsAside = putsAside;
  }

  private interface Call {
    long run() throws IOException;
  }

  private long pass(Call call) throws IOException {
    boolean wasInterrupted = putsAside && Thread.interrupted();
    try {
      return call.run();
    } finally {
      if (wasInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private final class Opened implements OpenFile {
    private final FileChannel channel;

    Opened(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public long size() throws IOException {
      return pass(channel::size);
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
      return (int) pass(() -> channel.read(target, position));
    }

    @Override
    public void write(ByteBuffer source, long position) throws IOException {
      pass(() -> channel.write(source, position));
    }

    @Override
    public void force() throws IOException {
      pass(() -> {
        channel.force(true);
        return 0;
      });
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  public OpenFile open(Path path) throws IOException {
    return new Opened(FileChannel.open(path, StandardOpenOption.READ));
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  public OpenFile create(Path path) throws IOException {
    return new Opened(
        FileChannel.open(path, Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)));
  }

  @Override
  public void replace(Path source, Path target) throws IOException {
    system.replace(source, target);
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    system.forceFolder(folder);
  }

  @Override
  public void delete(Path path) throws IOException {
    system.delete(path);
  }

  @Override
  public List<Entry> list(Path folder, Predicate<String> names) throws IOException {
    return system.list(folder, names);
  }

  @Override
  public FolderLock lockFolder(Path folder) throws IOException {
    return system.lockFolder(folder);
  }
}
