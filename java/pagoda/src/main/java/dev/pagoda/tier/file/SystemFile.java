package dev.pagoda.tier.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An open file that an interrupt neither closes nor fails: what is saved or swapped when a server
 * stops its threads is saved.
 *
 * <p>A channel closes when a thread that is interrupted uses it. So the interrupt is put aside
 * while a call runs, and given back when it ends. One that comes in the middle closes the channel
 * all the same: then the same file is opened once more and the call made again, which says where it
 * reads or writes and so does nothing twice.
 *
 * <p>One thread at a time.
 */
final class SystemFile implements FileCalls.OpenFile {
  /** The JDK copies heap buffers through memory of the same size, which it then keeps. */
  private static final int HEAP_SLICE_BYTES = 1 << 16;

  private final Path path;
  private final Set<OpenOption> options;
  private final @Nullable Object fileKey; // none where the file system has no such thing
  private FileChannel channel;

  private SystemFile(
      Path path, Set<OpenOption> options, @Nullable Object fileKey, FileChannel channel) {
    this.path = path;
    this.options = options;
    this.fileKey = fileKey;
    this.channel = channel;
  }

  /** Opens a file that is there. */
  static SystemFile open(Path path, Set<OpenOption> options) throws IOException {
    return open(path, options, options);
  }

  /**
   * Opens a file.
   *
   * @param first how it is opened, or created
   * @param again how it is opened once more
   */
  @SuppressWarnings("MustBeClosedChecker") // the caller closes it
  static SystemFile open(
      Path path, Set<OpenOption> first, Set<OpenOption> again, FileAttribute<?>... attributes)
      throws IOException {
    FileChannel channel = FileChannel.open(path, first, attributes);
    try {
      return new SystemFile(path, again, fileKey(path), channel);
    } catch (Throwable refused) {
      channel.close();
      throw refused;
    }
  }

  private static @Nullable Object fileKey(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  /** A call that leaves the same behind when it is made twice. */
  private interface Call {
    long run(FileChannel channel) throws IOException;
  }

  private long uninterrupted(Call call) throws IOException {
    boolean wasInterrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          return call.run(channel);
        } catch (ClosedByInterruptException closed) {
          wasInterrupted = true;
          var _ = Thread.interrupted();
          reopen();
        }
      }
    } finally {
      if (wasInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the file
  private void reopen() throws IOException {
    channel = FileChannel.open(path, options);
    if (!Objects.equals(fileKey, fileKey(path))) {
      throw new FileSystemException(
          path.toString(), null, "another file has taken the name since this one was opened");
    }
  }

  @Override
  public long size() throws IOException {
    return uninterrupted(FileChannel::size);
  }

  @Override
  public int read(ByteBuffer target, long position) throws IOException {
    int total = 0;
    while (target.hasRemaining()) {
      long at = position + total;
      int count = (int) uninterrupted(file -> file.read(slice(target), at));
      if (count < 0) {
        break;
      }
      target.position(target.position() + count);
      total += count;
    }
    return total;
  }

  @Override
  public void write(ByteBuffer source, long position) throws IOException {
    long next = position;
    while (source.hasRemaining()) {
      long at = next;
      int count = (int) uninterrupted(file -> file.write(slice(source), at));
      source.position(source.position() + count);
      next += count;
    }
  }

  private static ByteBuffer slice(ByteBuffer buffer) {
    return buffer.isDirect()
        ? buffer.slice()
        : buffer.slice(buffer.position(), Math.min(HEAP_SLICE_BYTES, buffer.remaining()));
  }

  /** Also what was written before the file was opened once more: it is the file that is forced. */
  @Override
  public void force() throws IOException {
    var _ =
        uninterrupted(file -> {
          file.force(true);
          return 0;
        });
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
