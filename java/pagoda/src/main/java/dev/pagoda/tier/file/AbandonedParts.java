package dev.pagoda.tier.file;

import dev.pagoda.tier.file.FileCalls.Entry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/**
 * Parts of files in folders that are shared: what they are called, and how those go that a dying
 * process left.
 *
 * <p>A writer cannot say that it has died, so a part is taken for abandoned when nobody has written
 * to it for {@link #AGE_MIN}. Locks would say it sooner, but not on every network file system, and
 * closing a file there gives up the locks that other threads hold. A writer that stalls for so long
 * finds its part gone and fails; the file that had the name before is untouched.
 */
final class AbandonedParts {
  /** Since the last write; far above what forcing a file to a device takes. */
  static final Duration AGE_MIN = Duration.ofHours(1);

  private static final System.Logger LOGGER = System.getLogger(AbandonedParts.class.getName());

  /** So that a part may be called after any name that a file may have: 255 bytes, mostly. */
  private static final int NAME_CHARS_MAX = 64;

  private static final Pattern NAME =
      Pattern.compile("\\..+\\.[0-9a-f]{16}\\.part", Pattern.DOTALL);

  private final FileCalls files;
  private final InstantSource clock;

  AbandonedParts(FileCalls files, InstantSource clock) {
    this.files = files;
    this.clock = clock;
  }

  /** A name beside a file that no other writer has, and that begins like the file's. */
  static Path newPart(Path path) {
    Path name = path.getFileName();
    if (name == null) {
      throw new IllegalArgumentException("a file has a name: path=" + path);
    }
    String hex = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    return path.resolveSibling("." + beginning(name.toString()) + "." + hex + ".part");
  }

  private static String beginning(String name) {
    if (name.length() <= NAME_CHARS_MAX) {
      return name;
    }
    boolean splits = Character.isHighSurrogate(name.charAt(NAME_CHARS_MAX - 1));
    return name.substring(0, splits ? NAME_CHARS_MAX - 1 : NAME_CHARS_MAX);
  }

  /**
   * Removes the abandoned parts of a folder, as far as the machine lets us: they take room, and are
   * no reason to refuse a save.
   */
  void remove(Path folder) {
    try {
      long latest = clock.millis() - AGE_MIN.toMillis();
      for (Entry entry : files.list(folder, name -> NAME.matcher(name).matches())) {
        if (entry.modifiedMillis() < latest) {
          files.delete(folder.resolve(entry.name()));
        }
      }
    } catch (IOException refused) {
      LOGGER.log(System.Logger.Level.DEBUG, "abandoned parts stay, folder=" + folder, refused);
    }
  }
}
