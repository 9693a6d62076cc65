package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.SafetensorsException;
import dev.pagoda.lab.safetensors.SafetensorsFile;
import dev.pagoda.lab.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code pagoda attend IN OUT}: reads queries, keys and values from a safetensors file, computes
 * attention over paged blocks, and writes output and LSE to another. It is how anyone compares
 * Pagoda with another system. The file format itself is described at {@link
 * dev.pagoda.lab.safetensors}.
 *
 * <p><b>Tensors of IN.</b> Sequences are ragged: their rows lie one after another, without padding.
 *
 * <ul>
 *   <li>{@code query} [numTokens, numQueryHeads, headDim], F32, F16 or BF16
 *   <li>{@code key} [numKvTokens, numKvHeads, headDim], F32, F16 or BF16
 *   <li>{@code value} [numKvTokens, numKvHeads, valueHeadDim], F32, F16 or BF16
 *   <li>{@code query_lens} [numSeqs], I32: rows of {@code query} per sequence; may be 0
 *   <li>{@code context_lens} [numSeqs], I32: rows of {@code key} and {@code value} per sequence. A
 *       context includes its queries, so it is never shorter; query i of a sequence stands at
 *       position context - queries + i
 *   <li>{@code alibi_slopes} [numQueryHeads], F32, finite; may be missing
 *   <li>{@code sinks} [numQueryHeads], F32, finite; may be missing
 * </ul>
 *
 * <p>numKvHeads divides numQueryHeads, and query head h reads KV head h / (numQueryHeads /
 * numKvHeads). headDim and valueHeadDim are 1 to 256. Other tensors are ignored.
 *
 * <p><b>Metadata of IN.</b> Strings, each of which may be missing; other keys are ignored.
 *
 * <ul>
 *   <li>{@code scale}: factor on the query-key products, a finite decimal number; 1 / sqrt(headDim)
 *   <li>{@code block_size}: tokens per block, 1 to 256; 16. Changes no result beyond rounding
 *   <li>{@code causal}: {@code true} or {@code false}; {@code true}
 *   <li>{@code sliding_window}: w lets a query see its own position and the w - 1 before it; 0 is
 *       no window; 0
 *   <li>{@code logits_soft_cap}: c turns a score s into c tanh(s / c); 0 is no cap; 0
 * </ul>
 *
 * <p>A score is scale times query times key, then capped, then ALiBi adds slope x (key position -
 * query position). A sink adds its exponential to the denominator, and so to the LSE, and nothing
 * to the output.
 *
 * <p><b>Tensors of OUT.</b>
 *
 * <ul>
 *   <li>{@code output} [numTokens, numQueryHeads, valueHeadDim], F32; 0 for a row that sees nothing
 *   <li>{@code lse} [numQueryHeads, numTokens], F32, natural logarithm of the sum of the
 *       exponentials of the scores; minus infinity for a row that sees nothing and has no sink
 * </ul>
 *
 * <p>OUT appears whole or not at all. What cannot be answered gets one sentence on standard error
 * and exit code 2, and an older answer under the name of OUT is removed, so that nobody takes it
 * for this one's.
 *
 * <p><b>Folders.</b> If IN is a folder, every file in it whose name ends in {@code .safetensors} is
 * answered under the same name in the folder OUT, which is made if need be, all in one JVM. A file
 * that cannot be answered gets its sentence; the others are still answered.
 */
@Command(
    name = "attend",
    versionProvider = Pagoda.Version.class,
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Computes attention for a safetensors file, or a folder of them.",
    footer = {
      "",
      "IN holds query [numTokens, numQueryHeads, headDim], key [numKvTokens, numKvHeads, headDim],",
      "value [numKvTokens, numKvHeads, valueHeadDim] (F32, F16, BF16), query_lens and context_lens",
      "[numSeqs] (I32), and may hold alibi_slopes and sinks [numQueryHeads] (F32).",
      "Metadata strings: scale, block_size, causal, sliding_window, logits_soft_cap.",
      "OUT gets output [numTokens, numQueryHeads, valueHeadDim] and lse [numQueryHeads, numTokens],",
      "both F32."
    })
final class AttendCommand implements Callable<Integer> {
  private static final String SUFFIX = ".safetensors";

  private final AttendEngines engines;
  private final PrintStream err;
  private final Progress progress;

  @Parameters(
      index = "0",
      paramLabel = "IN",
      description = "A safetensors file, or a folder of them.")
  private Path in = Path.of("");

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The file to write, or the folder for the answers.")
  private Path out = Path.of("");

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendChoice.Converter.class,
      description = "best, cuda, vector or scalar (default: best).")
  private BackendChoice backend = BackendChoice.BEST;

  @Option(
      names = "--executor",
      paramLabel = "N",
      description = "Threads that attend (default: 1, the caller's).")
  private int executorThreads = 1;

  AttendCommand(AttendEngines engines, PrintStream err, Progress progress) {
    this.engines = engines;
    this.err = err;
    this.progress = progress;
  }

  @Override
  public Integer call() throws IOException {
    AttendOptions options = new AttendOptions(backend, executorThreads);
    if (!Files.exists(in)) {
      throw new Refusal("IN does not exist, path=" + in);
    }
    if (Files.exists(out) && Files.isSameFile(in, out)) {
      throw new Refusal("IN and OUT are the same, path=" + out);
    }
    return Files.isDirectory(in) ? answerFolder(options) : answerFile(options);
  }

  private int answerFile(AttendOptions options) throws IOException {
    if (Files.isDirectory(out)) {
      throw new Refusal("IN is a file, but OUT is a folder, path=" + out);
    }
    Path parent = out.toAbsolutePath().normalize().getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      throw new Refusal("the folder of OUT does not exist, path=" + out);
    }
    boolean answered = false;
    try (AttendEngine engine = engines.open(options)) {
      answer(engine, in, out);
      answered = true;
    } finally {
      if (!answered) {
        removeStaleAnswer(out);
      }
    }
    return ExitCode.DONE;
  }

  private int answerFolder(AttendOptions options) throws IOException {
    List<Path> files;
    try (Stream<Path> listed = Files.list(in)) {
      files =
          listed.filter(file -> file.getFileName().toString().endsWith(SUFFIX)).sorted().toList();
    }
    if (files.isEmpty()) {
      throw new Refusal("IN holds no file whose name ends in %s, path=%s".formatted(SUFFIX, in));
    }
    if (Files.exists(out) && !Files.isDirectory(out)) {
      throw new Refusal("IN is a folder, but OUT is not, path=" + out);
    }
    Files.createDirectories(out);
    int exitCode = ExitCode.DONE;
    progress.plan(files.size());
    try (AttendEngine engine = engines.open(options)) {
      for (Path file : files) {
        progress.item(file.getFileName().toString(), 1);
        Path target = out.resolve(file.getFileName());
        try {
          answer(engine, file, target);
        } catch (IOException | RuntimeException failure) {
          removeStaleAnswer(target);
          Complaint complaint = Complaint.about(failure);
          progress.say(
              "pagoda attend: %s: %s"
                  .formatted(Complaint.oneLine(file.toString()), complaint.sentence()));
          if (complaint.isBug()) {
            failure.printStackTrace(err);
          }
          // A failure of the program outweighs refusals: it is what somebody must look at.
          exitCode = exitCode == ExitCode.FAILED ? exitCode : complaint.exitCode();
        }
      }
    } finally {
      progress.finish();
    }
    return exitCode;
  }

  private static void answer(AttendEngine engine, Path source, Path target) throws IOException {
    if (!Files.isRegularFile(source)) {
      throw new Refusal("not a file, path=" + source);
    }
    if (Files.isDirectory(target)) {
      throw new Refusal("a folder has the name of the answer, path=" + target);
    }
    try (SafetensorsFile file = SafetensorsFile.open(source);
        Arena arena = Arena.ofShared()) {
      AttendProblem problem = AttendProblemReader.read(file);
      AttendAnswer answer = AttendAnswer.allocate(problem, arena);
      engine.attend(problem, answer);
      SafetensorsWriter.write(target, Map.of(), answer.tensors(problem));
    } catch (OutOfMemoryError e) {
      // Native memory that arenas may take has a limit of its own; the heap is not the point here.
      throw new Refusal("not enough memory (see -XX:MaxDirectMemorySize): " + e.getMessage(), e);
    }
  }

  /**
   * Removes what an earlier run left under the name of an answer that now failed. Nothing else is
   * removed: whoever swaps IN and OUT must not lose the input.
   */
  private static void removeStaleAnswer(Path target) throws IOException {
    if (!Files.isRegularFile(target)) {
      return;
    }
    boolean stale = Files.size(target) == 0;
    if (!stale) {
      try (SafetensorsFile file = SafetensorsFile.open(target)) {
        stale = file.tensors().keySet().equals(Set.of("output", "lse"));
      } catch (SafetensorsException notOurs) {
        return;
      }
    }
    if (stale) {
      Files.delete(target);
    }
  }
}
