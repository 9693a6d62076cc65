package dev.pagoda.lab.cli;

import dev.pagoda.lab.workload.LengthDistribution;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.TraceReader;
import dev.pagoda.lab.workload.Workload;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code pagoda simulate}: drives the library's own block manager, without the bytes, through a
 * workload, and says how much memory traffic takes, what a server sustains, and what other settings
 * would change.
 */
@Command(
    name = "simulate",
    versionProvider = Pagoda.Version.class,
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Simulates a model server over the library's own block manager.",
    footer = {
      "",
      "A trace has one request per line: JSON objects, or CSV with a header. Names in both:",
      "timestamp (milliseconds) or arrival (seconds), input_length, output_length, and token_ids or",
      "hash_ids (for prefix caching). The public Mooncake traces are such files.",
      "",
      "Examples:",
      "  pagoda simulate --paper                        the published figures beside ours",
      "  pagoda simulate --workload alpaca --rates 10,20,30",
      "  pagoda simulate --trace conversation_trace.jsonl --machine h200-llama8b \\",
      "                  --longest 131072",
      "  pagoda simulate --calibrate here.json          measures this machine's kernels ...",
      "  pagoda simulate --machine here.json            ... and plans with them"
    })
final class SimulateCommand implements Callable<Integer> {
  private static final int REQUESTS_MAX = 20_000_000;
  private static final int REQUESTS = 10_000;
  private static final long TRACE_PROMPT_TOKENS = 40_000_000;
  private static final int UNSET = Integer.MIN_VALUE;
  private static final List<String> POLICIES = List.of("max", "pow2", "oracle", "exact", "paged");
  private static final List<String> PAGED = List.of("paged");

  private final Simulations simulations;
  private final PrintStream out;
  private final Progress progress;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--paper",
      description = "Compare with the figures of the PagedAttention paper; ignores the rest.")
  private boolean paper;

  @Option(
      names = "--calibrate",
      paramLabel = "FILE",
      description = "Measure the kernels of this machine, and write what --machine reads.")
  private Path calibrationFile = Path.of("");

  @Option(
      names = "--workload",
      paramLabel = "NAME",
      description =
          "sharegpt, alpaca, normal, or P:O for P prompt and O output tokens each"
              + " (default: sharegpt).")
  private String workload = "sharegpt";

  @Option(
      names = "--requests",
      paramLabel = "N",
      description =
          "Requests to draw, or to take of a trace (default: 10000; of a trace the first that have"
              + " 40 million prompt tokens together).")
  private int requests = UNSET;

  @Option(
      names = "--trace",
      paramLabel = "FILE",
      description = "Requests of a file instead, see below.")
  private Path trace = Path.of("");

  @Option(
      names = "--hash-tokens",
      paramLabel = "N",
      description = "Tokens that one of hash_ids stands for (default: 512).")
  private int hashTokens = TraceReader.MOONCAKE_TOKENS_PER_HASH;

  @Option(
      names = "--rates",
      paramLabel = "R,R",
      split = ",",
      description = "Requests per second to try (default: around what the server sustains).")
  private List<Double> rates = List.of();

  @Option(
      names = "--policies",
      paramLabel = "P,P",
      split = ",",
      description = "Of max, pow2, oracle, exact, paged (default: all).")
  private List<String> policies = POLICIES;

  @Option(
      names = "--machine",
      paramLabel = "NAME",
      description = "a100-opt13b, h200-llama8b, or a file of --calibrate (default: a100-opt13b).")
  private String machine = "a100-opt13b";

  @Option(
      names = "--pool-tokens",
      paramLabel = "N",
      description = "Token slots of the pool (default: the machine's).")
  private int poolTokens = UNSET;

  @Option(
      names = "--block-size",
      paramLabel = "N",
      description = "Tokens per block, 1 to 256 (default: 16).")
  private int blockSize = 16;

  @Option(
      names = "--watermark",
      paramLabel = "SHARE",
      description = "Share of the blocks kept free at admission (default: 0.01).")
  private double watermark = 0.01;

  @Option(
      names = "--longest",
      paramLabel = "N",
      description = "Longest request allowed, in tokens (default: 2048, or the trace's longest).")
  private int totalTokensMax = UNSET;

  @Option(
      names = "--budget",
      paramLabel = "N",
      description = "Tokens that a step computes at most (default: 2560).")
  private int tokenBudget = 2560;

  @Option(
      names = "--sequences",
      paramLabel = "N",
      description = "Sequences served at a time at most (default: 256).")
  private int sequencesMax = 256;

  @Option(
      names = "--whole-prompts",
      description = "Never cut a prompt into chunks over several steps.")
  private boolean wholePrompts;

  @Option(
      names = "--preemption",
      paramLabel = "NAME",
      description = "recompute, swap or cheaper (default: recompute; cheaper with --host-blocks).")
  private String preemption = "";

  @Option(
      names = "--host-blocks",
      paramLabel = "N",
      description = "Blocks of the host tier that swapped requests go to (default: 0).")
  private int hostBlocks;

  @Option(
      names = "--prefix-blocks",
      paramLabel = "N",
      description = "Blocks that may stay cached for prompts that begin alike (default: 0).")
  private int prefixCacheBlocks;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Outputs per prompt, which share it; paged only (default: 1).")
  private int samples = 1;

  private IntFunction<Outputs> outputs = Outputs.Samples::new;

  @Option(
      names = "--beams",
      paramLabel = "Q",
      description = "The --samples are beams; each is replaced with this probability per step.")
  void beams(double replacement) {
    outputs = count -> new Outputs.Beams(count, replacement);
  }

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendChoice.Converter.class,
      description = "What --calibrate measures: best, cuda, vector or scalar (default: best).")
  private BackendChoice backend = BackendChoice.BEST;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to write, made if need be (default: pagoda-simulation).")
  private Path folder = Path.of("pagoda-simulation");

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of every random choice (default: 1).")
  private long seed = 1;

  SimulateCommand(Simulations simulations, PrintStream out, Progress progress) {
    this.simulations = simulations;
    this.out = out;
    this.progress = progress;
  }

  @Override
  public Integer call() throws IOException {
    SimulateOptions options = options();
    return new ReportRun(folder, out, progress)
        .make(spec, seed, () -> simulations.run(options, progress));
  }

  private SimulateOptions options() throws IOException {
    SimulateOptions.Task task =
        paper
            ? SimulateOptions.Task.PAPER
            : isGiven(calibrationFile)
                ? SimulateOptions.Task.CALIBRATE
                : SimulateOptions.Task.SERVE;
    if (paper && isGiven(calibrationFile)) {
      throw new Refusal("--paper and --calibrate are two things, calibrate=" + calibrationFile);
    }
    for (double rate : rates) {
      if (!(rate > 0) || Double.isInfinite(rate)) {
        throw new Refusal("rates are above 0, rates=" + rate);
      }
    }
    if (hashTokens < 1) {
      throw new Refusal("a hash stands for at least one token, hashTokens=" + hashTokens);
    }
    if (task == SimulateOptions.Task.CALIBRATE) {
      requireWritable(calibrationFile);
    }
    requireTokens("poolTokens", poolTokens);
    requireTokens("longest", totalTokensMax);
    Trace requestsToServe = requests();
    int longest = Math.max(Workload.PUBLISHED_TOKENS_MAX, requestsToServe.totalTokensMax());
    String chosenPreemption = hostBlocks > 0 ? "cheaper" : "recompute";
    return new SimulateOptions(
        task,
        calibrationFile,
        backend,
        requestsToServe,
        isGiven(trace),
        rates,
        policies(),
        machine,
        poolTokens == UNSET
            ? new SimulateOptions.PoolSize.OfMachine()
            : new SimulateOptions.PoolSize.OfTokens(poolTokens),
        blockSize,
        watermark,
        totalTokensMax == UNSET ? longest : totalTokensMax,
        tokenBudget,
        sequencesMax,
        !wholePrompts,
        preemption.isEmpty() ? chosenPreemption : preemption,
        hostBlocks,
        prefixCacheBlocks,
        outputs.apply(samples),
        seed);
  }

  /** Those asked for; unless they were, paged alone where no other one can share a prompt. */
  private List<String> policies() {
    if (samples < 2 || policies.equals(PAGED)) {
      return policies;
    }
    if (!policies.equals(POLICIES)) {
      throw new Refusal(
          "several outputs of a prompt need the paged policy alone, policies="
              + String.join(",", policies));
    }
    return PAGED;
  }

  /** Before the measurement, not after minutes of it. */
  private static void requireWritable(Path file) {
    Path folder = Optional.ofNullable(file.toAbsolutePath().getParent()).orElse(file);
    if (Files.isDirectory(file)) {
      throw new Refusal("--calibrate writes a file, and that is a folder, path=" + file);
    }
    if (!Files.isDirectory(folder)) {
      throw new Refusal("--calibrate writes into a folder that is not there, path=" + file);
    }
    if (!Files.isWritable(Files.exists(file) ? file : folder)) {
      throw new Refusal("--calibrate cannot write there, path=" + file);
    }
  }

  private static void requireTokens(String name, int tokens) {
    if (tokens < 1 && tokens != UNSET) {
      throw new Refusal("that is at least one token, " + name + "=" + tokens);
    }
  }

  private static boolean isGiven(Path path) {
    return !path.toString().isEmpty();
  }

  private Trace requests() throws IOException {
    if (requests != UNSET && (requests < 1 || requests > REQUESTS_MAX)) {
      throw new Refusal(
          "there are 1 to %d requests, requests=%d".formatted(REQUESTS_MAX, requests));
    }
    if (isGiven(trace)) {
      if (Files.isDirectory(trace)) {
        throw new Refusal("a trace is a file, and that is a folder, path=" + trace);
      }
      Trace all = TraceReader.read(trace, hashTokens);
      return all.first(requests == UNSET ? all.numWithin(TRACE_PROMPT_TOKENS) : requests);
    }
    return Trace.poisson(named(workload), requests == UNSET ? REQUESTS : requests, 1, seed);
  }

  private static Workload named(String name) {
    return switch (name) {
      case "sharegpt" -> Workload.SHARE_GPT;
      case "alpaca" -> Workload.ALPACA;
      case "normal" -> Workload.NOTEBOOK;
      default -> fixed(name);
    };
  }

  private static Workload fixed(String name) {
    if (!name.matches("[1-9]\\d{0,7}:[1-9]\\d{0,7}")) {
      throw new Refusal(
          "workloads are sharegpt, alpaca, normal, or P:O such as 512:128, workload=" + name);
    }
    int colon = name.indexOf(':');
    int prompt = Integer.parseInt(name.substring(0, colon));
    int output = Integer.parseInt(name.substring(colon + 1));
    return new Workload(
        name,
        new LengthDistribution.Fixed(prompt),
        new LengthDistribution.Fixed(output),
        prompt + output);
  }
}
