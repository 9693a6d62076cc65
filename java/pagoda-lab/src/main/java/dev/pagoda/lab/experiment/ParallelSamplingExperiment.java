package dev.pagoda.lab.experiment;

import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ParallelSampling;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.workload.Request;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayList;
import java.util.List;

/** What samples that share their prompt's blocks need, against samples that each have their own. */
final class ParallelSamplingExperiment implements Experiment {
  static final int PROMPT_TOKENS = 60;
  static final int NEW_TOKENS = 30;
  static final int BLOCK_SIZE = 16;

  private static final int NUM_SAMPLES_MAX = 8;

  @Override
  public String title() {
    return "Parallel sampling";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 1 : 2;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return ParallelSamplingSection.of(number, measure(conditions), conditions);
  }

  static ParallelSamplingResult measure(Conditions conditions) {
    List<ParallelSamplingResult.Sampled> sampled = new ArrayList<>();
    for (int numSamples = 1; numSamples <= NUM_SAMPLES_MAX; numSamples++) {
      sampled.add(sample(numSamples));
    }
    List<ParallelSamplingResult.Served> served = new ArrayList<>();
    served.add(serve(Workload.ALPACA, 2, conditions, 0.0609));
    served.add(serve(Workload.ALPACA, 4, conditions, 0.0853));
    served.add(serve(Workload.ALPACA, 6, conditions, 0.0979));
    conditions.progress().accept(0.2);
    served.add(serve(Workload.SHARE_GPT, 2, conditions, 0.162));
    served.add(serve(Workload.SHARE_GPT, 4, conditions, Double.NaN));
    served.add(serve(Workload.SHARE_GPT, 6, conditions, 0.305));
    conditions.progress().accept(1);
    return new ParallelSamplingResult(sampled, served);
  }

  private static ParallelSamplingResult.Sampled sample(int numSamples) {
    // One block more for the prompt that keeps its own last one.
    int numBlocks = numSamples * Math.ceilDiv(PROMPT_TOKENS + NEW_TOKENS, BLOCK_SIZE) + 1;
    SharingCount sharing;
    long copiesIfMoved;
    try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE);
        ParallelSampling samples =
            ParallelSampling.of(narrow.prompt(PROMPT_TOKENS), numSamples, PromptHandle.MOVE)) {
      generate(narrow, samples, NEW_TOKENS);
      sharing = narrow.sharing();
      copiesIfMoved = samples.numBlockCopies();
    }
    try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE);
        KvSequence prompt = narrow.prompt(PROMPT_TOKENS);
        ParallelSampling samples = ParallelSampling.of(prompt, numSamples, PromptHandle.KEEP)) {
      generate(narrow, samples, NEW_TOKENS);
      return new ParallelSamplingResult.Sampled(
          numSamples, sharing, copiesIfMoved, samples.numBlockCopies());
    }
  }

  private static void generate(NarrowCache narrow, ParallelSampling samples, int numTokens) {
    for (int i = 0; i < numTokens; i++) {
      samples.appendTo(narrow.step(), samples.liveSamples());
      narrow.commit();
    }
  }

  /** All samples of a prompt get its output length, as the published traces have it. */
  private static ParallelSamplingResult.Served serve(
      Workload workload, int numSamples, Conditions conditions, double publishedSaved) {
    List<Request> requests = workload.requests(conditions.either(100, 1000), conditions.seed());
    SharingCount sharing = SharingCount.NOTHING;
    for (Request request : requests) {
      int numBlocks = numSamples * Math.ceilDiv(request.totalTokens(), BLOCK_SIZE);
      try (NarrowCache narrow = new NarrowCache(numBlocks, BLOCK_SIZE);
          ParallelSampling samples =
              ParallelSampling.of(
                  narrow.prompt(request.promptTokens()), numSamples, PromptHandle.MOVE)) {
        for (int i = 0; i < request.outputTokens(); i++) {
          generate(narrow, samples, 1);
          sharing = sharing.plus(narrow.sharing());
        }
      }
    }
    return new ParallelSamplingResult.Served(workload.name(), numSamples, sharing, publishedSaved);
  }
}
