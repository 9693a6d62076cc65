package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.lab.report.Section;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import java.util.ArrayList;
import java.util.List;

/** Whether paged attention computes what attention is. */
final class CorrectnessExperiment implements Experiment {
  @Override
  public String title() {
    return "Correctness";
  }

  @Override
  public double expectedSeconds(boolean quick) {
    return quick ? 3 : 5;
  }

  @Override
  public Section run(int number, Conditions conditions) {
    return CorrectnessSection.of(number, measure(conditions), conditions);
  }

  static CorrectnessResult measure(Conditions conditions) {
    return new CorrectnessResult(
        compareLayers(conditions.part(0, 0.5)),
        PrecisionCheck.run(conditions.part(0.5, 0.6)),
        BitClaims.check(conditions.part(0.6, 1)));
  }

  /** CPU backends that can be had here, and the chosen one: each of them is put to the test. */
  static List<Backend> backends(Conditions conditions) {
    List<Backend> backends = new ArrayList<>();
    for (Backend backend : Backend.values()) {
      boolean chosen = backend == conditions.backend();
      if (chosen || (backend != Backend.CUDA && backend.unavailabilityReason().isEmpty())) {
        backends.add(backend);
      }
    }
    return backends;
  }

  private static List<CorrectnessResult.Layer> compareLayers(Conditions conditions) {
    List<LayerComparison> comparisons = new ArrayList<>();
    LayerComparison.Shape seed =
        new LayerComparison.Shape("8 heads of 64", 512, 8, LayerShape.of(8, 64, DType.FP32));
    List<LayerComparison.Shape> others =
        List.of(
            new LayerComparison.Shape(
                "8 query heads on 2 KV heads of 64", 512, 8, LayerShape.of(2, 64, DType.FP32)),
            new LayerComparison.Shape(
                "8 query heads on 1 KV head of 128", 256, 8, LayerShape.of(1, 128, DType.FP32)),
            new LayerComparison.Shape("3 heads of 40", 120, 3, LayerShape.of(3, 40, DType.FP32)));
    for (Backend backend : backends(conditions)) {
      for (int blockSize : new int[] {1, 16, 64, 256}) {
        comparisons.add(new LayerComparison(seed, backend, blockSize, DType.FP32));
      }
      comparisons.add(new LayerComparison(seed, backend, 16, DType.FP16));
      comparisons.add(new LayerComparison(seed, backend, 16, DType.BF16));
      others.forEach(shape -> comparisons.add(new LayerComparison(shape, backend, 16, DType.FP32)));
    }
    List<CorrectnessResult.Layer> layers = new ArrayList<>();
    for (LayerComparison comparison : comparisons) {
      layers.add(comparison.run(conditions));
      conditions.progress().accept((double) layers.size() / comparisons.size());
    }
    return layers;
  }
}
