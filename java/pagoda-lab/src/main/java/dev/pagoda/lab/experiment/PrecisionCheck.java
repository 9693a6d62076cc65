package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.ContiguousKv;
import dev.pagoda.lab.attention.QueryRows;
import dev.pagoda.lab.attention.ReferenceAttention;
import dev.pagoda.lab.attention.TokenRows;
import dev.pagoda.lab.attention.VanillaAttention;
import java.util.ArrayList;
import java.util.List;

/** Attention of the notebook's shape, each implementation against float64. */
final class PrecisionCheck {
  private PrecisionCheck() {}

  static List<CorrectnessResult.Precision> run(Conditions conditions) {
    int numTokens = conditions.either(128, 384);
    TokenRows rows =
        TokenRows.random(
            numTokens, NotebookLayer.NUM_HEADS, NotebookLayer.SHAPE, conditions.seed());
    ContiguousKv kv = ContiguousKv.of(rows.keys(), rows.values(), numTokens);
    double[] expected =
        new ReferenceAttention(NotebookLayer.ATTENTION, NotebookLayer.SHAPE)
            .attend(kv, rows.queries(), numTokens)
            .output();
    List<CorrectnessResult.Precision> precisions = new ArrayList<>();
    new VanillaAttention(NotebookLayer.ATTENTION, NotebookLayer.SHAPE)
        .attend(kv, QueryRows.of(rows.queries(), rows.output(), numTokens));
    precisions.add(
        new CorrectnessResult.Precision(
            "vanilla, FP32", Difference.between(rows.output(), expected)));
    for (Backend backend : CorrectnessExperiment.backends(conditions)) {
      try (PagedRig rig =
          new PagedRig.Plan(backend, 16, 1, numTokens)
              .shuffled(Workers.caller(), conditions.seed())) {
        rig.batch().forward(numTokens, rows);
        precisions.add(
            new CorrectnessResult.Precision(
                "paged, " + backend.label() + ", FP32",
                Difference.between(rows.output(), expected)));
      }
    }
    conditions.progress().accept(1);
    return precisions;
  }
}
