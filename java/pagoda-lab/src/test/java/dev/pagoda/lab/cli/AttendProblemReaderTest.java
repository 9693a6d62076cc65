package dev.pagoda.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.lab.safetensors.SafetensorsException;
import dev.pagoda.lab.safetensors.SafetensorsFile;
import dev.pagoda.lab.safetensors.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AttendProblemReaderTest {
  @TempDir Path folder;

  @Test
  void aFileWithoutMetadataGetsTheDefaults() throws IOException {
    AttendProblem problem = read(AttendFiles.valid());

    assertThat(problem.settings())
        .isEqualTo(new AttendProblem.Settings((float) (1 / Math.sqrt(8)), 16, true, 0, 0f));
    assertThat(problem.query())
        .satisfies(query -> {
          assertThat(query.type()).isEqualTo(ElementType.F32);
          assertThat(query.numTokens()).isEqualTo(4);
          assertThat(query.numHeads()).isEqualTo(4);
          assertThat(query.headDim()).isEqualTo(8);
          assertThat(query.data().byteSize()).isEqualTo(4 * 4 * 8 * 4);
        });
    assertThat(problem.key().type()).isEqualTo(ElementType.BF16);
    assertThat(problem.value().headDim()).isEqualTo(6);
    assertThat(problem.sequences())
        .containsExactly(new AttendProblem.Lengths(3, 5), new AttendProblem.Lengths(1, 4));
    assertThat(problem.alibiSlopes()).isEmpty();
    assertThat(problem.sinks()).isEmpty();
  }

  @Test
  void readsEverythingThatMayBeGiven() throws IOException {
    AttendProblem problem =
        read(
            AttendFiles.valid()
                .with(AttendFiles.vector("alibi_slopes", 0.5f, 0.25f, 0.125f, 0.0625f))
                .with(AttendFiles.vector("sinks", -1f, 0f, 1f, 2f))
                .with(AttendFiles.vector("something_else", 7f))
                .metadata("scale", "1.25e-1")
                .metadata("block_size", "256")
                .metadata("causal", "false")
                .metadata("sliding_window", "3")
                .metadata("logits_soft_cap", "30")
                .metadata("format", "pt"));

    assertThat(problem.settings())
        .isEqualTo(new AttendProblem.Settings(0.125f, 256, false, 3, 30f));
    assertThat(problem.alibiSlopes()).containsExactly(0.5f, 0.25f, 0.125f, 0.0625f);
    assertThat(problem.sinks()).containsExactly(-1f, 0f, 1f, 2f);
  }

  @Test
  void sequencesMayHaveNoQueriesAndNoContext() throws IOException {
    AttendProblem problem =
        read(
            AttendFiles.valid()
                .with(AttendFiles.ints("query_lens", 0, 4, 0, 0))
                .with(AttendFiles.ints("context_lens", 0, 6, 3, 0)));

    assertThat(problem.sequences()).hasSize(4).contains(new AttendProblem.Lengths(0, 3));
  }

  @Test
  void aProblemMayBeEmpty() throws IOException {
    AttendProblem problem =
        read(
            AttendFiles.valid()
                .with(AttendFiles.floats("query", ElementType.F16, 0, 4, 8))
                .with(AttendFiles.floats("key", ElementType.F16, 0, 1, 8))
                .with(AttendFiles.floats("value", ElementType.F16, 0, 1, 256))
                .with(AttendFiles.ints("query_lens"))
                .with(AttendFiles.ints("context_lens")));

    assertThat(problem.sequences()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"query", "key", "value", "query_lens", "context_lens"})
  void namesAMissingTensor(String name) {
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> read(AttendFiles.valid().without(name)))
        .withMessage("the file lacks a tensor, name='%s'", name);
  }

  @Test
  void namesAMisshapenTensor() {
    assertRefused(
        AttendFiles.floats("query", ElementType.F32, 16, 8),
        "tensor 'query' is not of shape [numTokens, numQueryHeads, headDim], shape=[16, 8]");
    assertRefused(
        AttendFiles.floats("query", ElementType.F64, 4, 4, 8),
        "tensor 'query' is not F32, F16 or BF16, dtype=F64");
    assertRefused(
        AttendFiles.floats("query", ElementType.F32, 4, 4, 9),
        "tensors 'query' and 'key' differ in headDim: query.headDim=9, key.headDim=8");
    assertRefused(
        AttendFiles.floats("query", ElementType.F32, 4, 0, 8),
        "tensor 'query' has 0 heads where 1 to 65536 are possible, shape=[4, 0, 8]");
    assertRefused(
        AttendFiles.floats("query", ElementType.F32, 4, 4, 257),
        "tensor 'query' has 257 elements per head where 1 to 256 are possible, shape=[4, 4, 257]");
    assertRefused(
        AttendFiles.floats("query", ElementType.F32, 4, 3, 8),
        "the KV heads of tensor 'key' do not divide the query heads of tensor 'query',"
            + " numQueryHeads=3, numKvHeads=2");
    assertRefused(
        AttendFiles.floats("value", ElementType.F32, 9, 1, 6),
        "tensors 'key' and 'value' differ in numKvHeads: key.numKvHeads=2, value.numKvHeads=1");
    assertRefused(
        AttendFiles.floats("value", ElementType.F32, 8, 2, 6),
        "tensors 'key' and 'value' differ in numKvTokens: key.numKvTokens=9, value.numKvTokens=8");
    assertRefused(
        AttendFiles.floats("value", ElementType.F32, 9, 2, 0),
        "tensor 'value' has 0 elements per head where 1 to 256 are possible, shape=[9, 2, 0]");
    assertRefused(
        AttendFiles.floats("key", ElementType.F32, 0, 2, Integer.MAX_VALUE),
        "tensor 'key' has 2147483647 elements per head where 1 to 256 are possible,"
            + " shape=[0, 2, 2147483647]");
  }

  @Test
  void namesLengthsThatDoNotFit() {
    assertRefused(
        AttendFiles.ints("query_lens", 3, 2),
        "tensor 'query_lens' does not add up to the tokens of tensor 'query':"
            + " sum=5, query.numTokens=4");
    assertRefused(
        AttendFiles.ints("context_lens", 5, 5),
        "tensor 'context_lens' does not add up to the tokens of tensor 'key':"
            + " sum=10, key.numTokens=9");
    assertRefused(
        AttendFiles.ints("context_lens", 9, 0),
        "tensor 'context_lens' has a context shorter than its queries,"
            + " query_lens[1]=1, context_lens[1]=0");
    assertRefused(
        AttendFiles.ints("query_lens", 5, -1),
        "tensor 'query_lens' has a negative length, query_lens[1]=-1");
    assertRefused(
        AttendFiles.ints("context_lens", 9),
        "tensors 'query_lens' and 'context_lens' differ in numSeqs:"
            + " query_lens.numSeqs=2, context_lens.numSeqs=1");
    assertRefused(
        AttendFiles.vector("query_lens", 3f, 1f), "tensor 'query_lens' is not I32, dtype=F32");
    assertRefused(
        AttendFiles.floats("context_lens", ElementType.I32, 2, 1),
        "tensor 'context_lens' does not have one dimension, shape=[2, 1]");
  }

  @Test
  void lengthsAreAddedUpBeyondAnInt() {
    AttendFiles files =
        AttendFiles.valid()
            .with(AttendFiles.ints("query_lens", 2, 1, 1))
            .with(AttendFiles.ints("context_lens", Integer.MAX_VALUE, Integer.MAX_VALUE, 11));

    assertThatThrownBy(() -> read(files)).hasMessageContaining("sum=4294967305");
  }

  @Test
  void namesNumbersPerHeadThatDoNotFit() {
    assertRefused(
        AttendFiles.vector("alibi_slopes", 1f, 2f),
        "tensor 'alibi_slopes' is not of shape [numQueryHeads], numQueryHeads=4, shape=[2]");
    assertRefused(
        AttendFiles.vector("sinks", 1f, 2f, Float.NaN, 4f),
        "tensor 'sinks' has a number that is not finite, sinks[2]=NaN");
    assertRefused(
        AttendFiles.floats("sinks", ElementType.F16, 4), "tensor 'sinks' is not F32, dtype=F16");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          scale|nan|metadata 'scale' is not a finite decimal number, value='nan'
          scale|1f|metadata 'scale' is not a finite decimal number, value='1f'
          scale|0x1p3|metadata 'scale' is not a finite decimal number, value='0x1p3'
          scale|1e39|metadata 'scale' is not a finite decimal number, value='1e39'
          scale|''|metadata 'scale' is not a finite decimal number, value=''
          scale|' 1'|metadata 'scale' is not a finite decimal number, value=' 1'
          block_size|0|metadata 'block_size' is not an integer from 1 to 256, value='0'
          block_size|257|metadata 'block_size' is not an integer from 1 to 256, value='257'
          block_size|16.0|metadata 'block_size' is not an integer from 1 to 256, value='16.0'
          causal|True|metadata 'causal' is neither true nor false, value='True'
          sliding_window|-1|metadata 'sliding_window' is not an integer from 0 to 2147483647, value='-1'
          sliding_window|99999999999999999999|metadata 'sliding_window' is not an integer from 0 to 2147483647, value='99999999999999999999'
          logits_soft_cap|-0.5|metadata 'logits_soft_cap' is negative, value=-0.5
          """)
  void namesMetadataThatIsWrong(String key, String value, String sentence) {
    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> read(AttendFiles.valid().metadata(key, value)))
        .withMessage(sentence);
  }

  private void assertRefused(Tensor changed, String sentence) {
    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> read(AttendFiles.valid().with(changed)))
        .withMessage(sentence);
  }

  private AttendProblem read(AttendFiles files) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(files.write(folder.resolve("in")))) {
      return AttendProblemReader.read(file);
    }
  }
}
