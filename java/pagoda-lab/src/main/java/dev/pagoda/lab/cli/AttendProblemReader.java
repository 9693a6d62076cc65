package dev.pagoda.lab.cli;

import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.lab.safetensors.SafetensorsFile;
import dev.pagoda.lab.safetensors.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads a problem from an open file and refuses, tensor by tensor and then all against all, what is
 * not one. Whoever computes a problem afterwards finds only numbers that fit each other.
 */
final class AttendProblemReader {
  private static final int HEAD_DIM_MAX = 256;
  private static final int BLOCK_SIZE_MAX = 256;
  private static final int NUM_HEADS_MAX = 65_536;
  private static final Set<ElementType> ROW_TYPES =
      Set.of(ElementType.F32, ElementType.F16, ElementType.BF16);

  /** Narrower than Float.parseFloat, which also takes "1f", hexadecimal and surrounding space. */
  private static final Pattern DECIMAL =
      Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");

  private final SafetensorsFile file;

  private AttendProblemReader(SafetensorsFile file) {
    this.file = file;
  }

  /**
   * Reads the problem.
   *
   * @param file an open file, which must stay open as long as the problem is used
   * @throws Refusal if the file is not a problem
   * @throws dev.pagoda.lab.safetensors.SafetensorsException if it lacks a tensor
   */
  static AttendProblem read(SafetensorsFile file) {
    return new AttendProblemReader(file).read();
  }

  private AttendProblem read() {
    AttendProblem.Rows query = rows("query", "[numTokens, numQueryHeads, headDim]");
    AttendProblem.Rows key = rows("key", "[numKvTokens, numKvHeads, headDim]");
    AttendProblem.Rows value = rows("value", "[numKvTokens, numKvHeads, valueHeadDim]");
    requireEqual("key", "headDim", key.headDim(), "query", query.headDim());
    requireEqual("value", "numKvTokens", value.numTokens(), "key", key.numTokens());
    requireEqual("value", "numKvHeads", value.numHeads(), "key", key.numHeads());
    if (query.numHeads() % key.numHeads() != 0) {
      throw new Refusal(
          "the KV heads of tensor 'key' do not divide the query heads of tensor 'query',"
              + " numQueryHeads=%d, numKvHeads=%d".formatted(query.numHeads(), key.numHeads()));
    }
    return new AttendProblem(
        query,
        key,
        value,
        sequences(query.numTokens(), key.numTokens()),
        perQueryHead("alibi_slopes", query.numHeads()),
        perQueryHead("sinks", query.numHeads()),
        settings(query.headDim()));
  }

  private AttendProblem.Rows rows(String name, String shape) {
    Tensor tensor = file.require(name);
    if (!ROW_TYPES.contains(tensor.type())) {
      throw new Refusal(
          "tensor '%s' is not F32, F16 or BF16, dtype=%s".formatted(name, tensor.type()));
    }
    if (tensor.shape().size() != 3) {
      throw new Refusal(
          "tensor '%s' is not of shape %s, shape=%s".formatted(name, shape, shown(tensor)));
    }
    return new AttendProblem.Rows(
        tensor.type(),
        dimension(tensor, 0, "tokens", 0, Integer.MAX_VALUE),
        dimension(tensor, 1, "heads", 1, NUM_HEADS_MAX),
        dimension(tensor, 2, "elements per head", 1, HEAD_DIM_MAX),
        tensor.data());
  }

  private static int dimension(Tensor tensor, int index, String what, int min, int max) {
    long dimension = tensor.shape().get(index);
    if (dimension < min || dimension > max) {
      throw new Refusal(
          "tensor '%s' has %d %s where %d to %d are possible, shape=%s"
              .formatted(tensor.name(), dimension, what, min, max, shown(tensor)));
    }
    return (int) dimension;
  }

  private static void requireEqual(String name, String what, int is, String other, int otherIs) {
    if (is != otherIs) {
      throw new Refusal(
          "tensors '%s' and '%s' differ in %s: %s.%s=%d, %s.%s=%d"
              .formatted(other, name, what, other, what, otherIs, name, what, is));
    }
  }

  private List<AttendProblem.Lengths> sequences(int numTokens, int numKvTokens) {
    Tensor queryLengths = vector("query_lens", ElementType.I32);
    Tensor contextLengths = vector("context_lens", ElementType.I32);
    long numSeqs = queryLengths.numElements();
    if (contextLengths.numElements() != numSeqs) {
      throw new Refusal(
          "tensors 'query_lens' and 'context_lens' differ in numSeqs:"
              + " query_lens.numSeqs=%d, context_lens.numSeqs=%d"
                  .formatted(numSeqs, contextLengths.numElements()));
    }
    List<AttendProblem.Lengths> sequences = new ArrayList<>();
    long queryTotal = 0;
    long contextTotal = 0;
    for (long i = 0; i < numSeqs; i++) {
      int queryLength = queryLengths.intAt(i);
      int contextLength = contextLengths.intAt(i);
      if (queryLength < 0) {
        throw new Refusal(
            "tensor 'query_lens' has a negative length, query_lens[%d]=%d"
                .formatted(i, queryLength));
      }
      if (contextLength < queryLength) {
        throw new Refusal(
            "tensor 'context_lens' has a context shorter than its queries,"
                + " query_lens[%d]=%d, context_lens[%d]=%d"
                    .formatted(i, queryLength, i, contextLength));
      }
      queryTotal += queryLength;
      contextTotal += contextLength;
      sequences.add(new AttendProblem.Lengths(queryLength, contextLength));
    }
    requireTotal("query_lens", queryTotal, "query", numTokens);
    requireTotal("context_lens", contextTotal, "key", numKvTokens);
    return sequences;
  }

  private static void requireTotal(String lengths, long total, String rows, int numTokens) {
    if (total != numTokens) {
      throw new Refusal(
          "tensor '%s' does not add up to the tokens of tensor '%s': sum=%d, %s.numTokens=%d"
              .formatted(lengths, rows, total, rows, numTokens));
    }
  }

  private List<Float> perQueryHead(String name, int numQueryHeads) {
    if (file.find(name).isEmpty()) {
      return List.of();
    }
    Tensor tensor = vector(name, ElementType.F32);
    if (tensor.numElements() != numQueryHeads) {
      throw new Refusal(
          "tensor '%s' is not of shape [numQueryHeads], numQueryHeads=%d, shape=%s"
              .formatted(name, numQueryHeads, shown(tensor)));
    }
    List<Float> values = new ArrayList<>();
    for (int i = 0; i < numQueryHeads; i++) {
      float value = tensor.floatAt(i);
      if (!Float.isFinite(value)) {
        throw new Refusal(
            "tensor '%s' has a number that is not finite, %s[%d]=%s"
                .formatted(name, name, i, value));
      }
      values.add(value);
    }
    return values;
  }

  private Tensor vector(String name, ElementType type) {
    Tensor tensor = file.require(name);
    if (tensor.type() != type) {
      throw new Refusal("tensor '%s' is not %s, dtype=%s".formatted(name, type, tensor.type()));
    }
    if (tensor.shape().size() != 1) {
      throw new Refusal(
          "tensor '%s' does not have one dimension, shape=%s".formatted(name, shown(tensor)));
    }
    return tensor;
  }

  private AttendProblem.Settings settings(int headDim) {
    float softmaxScale = decimal("scale", (float) (1 / Math.sqrt(headDim)));
    int blockSize = integer("block_size", 16, 1, BLOCK_SIZE_MAX);
    int slidingWindow = integer("sliding_window", 0, 0, Integer.MAX_VALUE);
    float logitsSoftCap = decimal("logits_soft_cap", 0);
    if (logitsSoftCap < 0) {
      throw new Refusal("metadata 'logits_soft_cap' is negative, value=" + logitsSoftCap);
    }
    boolean causal =
        switch (text("causal", "true")) {
          case "true" -> true;
          case "false" -> false;
          default ->
              throw new Refusal(
                  "metadata 'causal' is neither true nor false, value='%s'"
                      .formatted(text("causal", "")));
        };
    return new AttendProblem.Settings(
        softmaxScale, blockSize, causal, slidingWindow, logitsSoftCap);
  }

  private float decimal(String key, float defaultValue) {
    String text = text(key, String.valueOf(defaultValue));
    // A number beyond the range of float parses to infinity.
    float value = DECIMAL.matcher(text).matches() ? Float.parseFloat(text) : Float.NaN;
    if (!Float.isFinite(value)) {
      throw new Refusal(
          "metadata '%s' is not a finite decimal number, value='%s'".formatted(key, text));
    }
    return value;
  }

  private int integer(String key, int defaultValue, int min, int max) {
    String text = text(key, String.valueOf(defaultValue));
    long value = text.matches("-?\\d{1,18}") ? Long.parseLong(text) : Long.MIN_VALUE;
    if (value < min || value > max) {
      throw new Refusal(
          "metadata '%s' is not an integer from %d to %d, value='%s'"
              .formatted(key, min, max, text));
    }
    return (int) value;
  }

  /** Returns a metadata string, cut to a length that is good for any number and any sentence. */
  private String text(String key, String defaultValue) {
    Map<String, String> metadata = file.metadata();
    String text = metadata.getOrDefault(key, defaultValue);
    return text.length() <= 64 ? text : text.substring(0, 64) + "...";
  }

  private static String shown(Tensor tensor) {
    List<Long> shape = tensor.shape();
    return shape.size() <= 8 ? shape.toString() : shape.subList(0, 8) + "...";
  }
}
