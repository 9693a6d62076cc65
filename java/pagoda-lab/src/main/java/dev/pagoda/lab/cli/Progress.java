package dev.pagoda.lab.cli;

import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Tells on standard error how far a command is.
 *
 * <p>On a terminal it is one line that is drawn over: the stage, a bar, the time so far and an
 * estimate of the rest. Anywhere else it is one plain line per stage. May be called from any
 * thread; it starts none, so a stage that says nothing leaves the line as it was.
 */
public final class Progress {
  private static final int BAR_CHARACTERS = 24;
  private static final int NAME_CHARACTERS = 28;
  private static final long REDRAW_NANOS = 100_000_000;

  private final PrintStream err;
  private final boolean terminal;
  private final LongSupplier nanoTime;
  private final long startNanos;

  private double totalWeight;
  private double doneWeight;
  private double stageWeight;
  private double stageFraction;
  private String stage = "";
  private long drawnNanos;
  private boolean drawn;

  Progress(PrintStream err, boolean terminal, LongSupplier nanoTime) {
    this.err = err;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
    this.startNanos = nanoTime.getAsLong();
  }

  /**
   * Starts the clock.
   *
   * @param err standard error
   * @return a display that suits where standard error goes
   */
  static Progress on(PrintStream err) {
    return new Progress(err, standardErrorIsTerminal(), System::nanoTime);
  }

  /** A console says whether input and output are a terminal; it does not know standard error. */
  @SuppressWarnings("SystemConsoleNull") // not null on some JDKs since 22, and null on others
  private static boolean standardErrorIsTerminal() {
    Path descriptor = Path.of("/proc/self/fd/2");
    if ("dumb".equals(System.getenv("TERM"))) {
      return false;
    }
    if (Files.isSymbolicLink(descriptor)) {
      try {
        String device = Files.readSymbolicLink(descriptor).toString();
        return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty");
      } catch (IOException unreadable) {
        return false;
      }
    }
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  /**
   * Says how much there is to do in all. Without a plan there is no bar and no estimate.
   *
   * @param weight sum of the weights of all stages, in any unit; expected seconds are best
   */
  public synchronized void plan(double weight) {
    totalWeight = weight;
  }

  /**
   * Begins a stage; the one before it is done.
   *
   * @param name what is being done, a few words
   * @param weight its share of the plan
   */
  public synchronized void stage(String name, double weight) {
    item(name, weight);
    if (!terminal) {
      err.printf(Locale.ROOT, "%6.1f s  %s%n", seconds(), stage);
    }
  }

  /**
   * Begins one of many small stages, which only a terminal shows: a line for each would bury what
   * else is said.
   *
   * @param name what is being done, a few words
   * @param weight its share of the plan
   */
  public synchronized void item(String name, double weight) {
    doneWeight += stageWeight;
    stage = Complaint.oneLine(name);
    stageWeight = weight;
    stageFraction = 0;
    if (terminal) {
      draw();
    }
  }

  /**
   * Says how much of the stage is done. Cheap enough to call thousands of times.
   *
   * @param fraction 0 to 1
   */
  public synchronized void advance(double fraction) {
    stageFraction = Math.clamp(fraction, 0.0, 1.0);
    if (terminal && nanoTime.getAsLong() - drawnNanos >= REDRAW_NANOS) {
      draw();
    }
  }

  /**
   * Prints a sentence of its own, above the line.
   *
   * @param sentence one line
   */
  public synchronized void say(String sentence) {
    erase();
    err.println(sentence);
    if (terminal && !stage.isEmpty()) {
      draw();
    }
  }

  /** Takes the line away. The caller's next output starts on a clean line. */
  public synchronized void finish() {
    erase();
    stage = "";
    err.flush();
  }

  private void draw() {
    String name = stage.length() <= NAME_CHARACTERS ? stage : stage.substring(0, NAME_CHARACTERS);
    StringBuilder line = new StringBuilder("\r\u001b[K");
    line.append(name).append(" ".repeat(NAME_CHARACTERS - name.length()));
    if (totalWeight > 0) {
      double done = Math.clamp((doneWeight + stageWeight * stageFraction) / totalWeight, 0.0, 1.0);
      int filled = (int) (done * BAR_CHARACTERS);
      line.append(" [").append("#".repeat(filled)).append("-".repeat(BAR_CHARACTERS - filled));
      line.append(String.format(Locale.ROOT, "] %3d %%", (int) (done * 100)));
      line.append(String.format(Locale.ROOT, "  %.0f s", seconds()));
      // The first percents say little about the rest.
      if (done > 0.02) {
        line.append(
            String.format(Locale.ROOT, ", about %.0f s left", seconds() * (1 - done) / done));
      }
    }
    err.print(line);
    err.flush();
    drawn = true;
    drawnNanos = nanoTime.getAsLong();
  }

  private void erase() {
    if (drawn) {
      err.print("\r\u001b[K");
      drawn = false;
    }
  }

  private double seconds() {
    return (nanoTime.getAsLong() - startNanos) / 1e9;
  }
}
