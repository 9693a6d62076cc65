package dev.pagoda.lab.workload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceReaderTest {
  @TempDir Path folder;

  private Trace read(String text) throws IOException {
    return TraceReader.read(Files.writeString(folder.resolve("trace"), text), 4);
  }

  @Test
  void readsTheMooncakeFormat() throws IOException {
    Trace trace =
        read(
            """
            {"timestamp": 27000, "input_length": 9, "output_length": 52, "hash_ids": [46, 47, 49]}
            {"timestamp": 30000, "input_length": 7, "output_length": 26, "hash_ids": [46, 57]}
            """);

    assertThat(trace.size()).isEqualTo(2);
    assertThat(trace.arrivalSeconds()).containsExactly(0, 3);
    assertThat(trace.promptTokens()).containsExactly(9, 7);
    assertThat(trace.outputTokens()).containsExactly(52, 26);
    int[] first = trace.content().tokenIds(0, 9);
    int[] second = trace.content().tokenIds(1, 7);
    assertThat(first).hasSize(9).doesNotHaveDuplicates();
    assertThat(second).hasSize(7).startsWith(Arrays.copyOf(first, 4));
    assertThat(second[4]).isNotEqualTo(first[4]);
  }

  @Test
  void readsCsvInAnyOrderOfColumns() throws IOException {
    Trace trace =
        read(
            """
            model,output_tokens,"arrival",token_ids
            "a, b",3,1.5,7 8 9
            c,4,0.5,7;8
            """);

    assertThat(trace.arrivalSeconds()).containsExactly(0, 1);
    assertThat(trace.promptTokens()).containsExactly(2, 3);
    assertThat(trace.outputTokens()).containsExactly(4, 3);
    assertThat(trace.content().tokenIds(1, 3)).containsExactly(7, 8, 9);
  }

  @Test
  void ignoresWhatItDoesNotKnow() throws IOException {
    Trace trace =
        read(
            "\ufeff{\"x\": {\"y\": [1]}, \"input_tokens\": 5, \"z\": null, \"output_tokens\": 2}\n\n");

    assertThat(trace.promptTokens()).containsExactly(5);
    assertThat(trace.content()).isEqualTo(new PromptContent.Unknown());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"input_length": 5}|output_length is missing
          {"output_length": 5}|input_length is missing
          {"input_length": 0, "output_length": 5}|input_length is a whole number of tokens from 1 on: input_length=0
          {"input_length": 5.5, "output_length": 5}|input_length is a whole number of tokens from 1 on: input_length=5.5
          {"input_length": 5, "output_length": 99999999999}|output_length is a whole number of tokens from 1 on: output_length=99999999999
          {"input_length": 2000000000, "output_length": 2000000000}|no request is that long: input_length=2000000000
          {"timestamp": -1, "input_length": 5, "output_length": 5}|timestamp is a time from 0 on: timestamp=-1
          {"timestamp": "NaN", "input_length": 5, "output_length": 5}|timestamp is a time from 0 on: timestamp=NaN
          {"arrival": "soon", "input_length": 5, "output_length": 5}|arrival is a time from 0 on: arrival=soon
          {"input_length": 5, "output_length": 5, "hash_ids": [1, 2, 3]}|there are more hash_ids than the prompt takes at 4 tokens each: input_length=5, ids=3
          {"input_length": 5, "output_length": 5, "hash_ids": [1, "2"]}|hash_ids is an array of whole numbers: hash_ids=2
          {"input_length": 5, "output_length": 5, "hash_ids": 7}|hash_ids is an array of whole numbers
          {"input_length": 5, "output_length": 5, "token_ids": [1, 2]}|token_ids are as many as the prompt has tokens: input_length=5, ids=2
          {"output_length": 5, "token_ids": [-1]}|token_ids are no such numbers: token_ids[0]=-1
          {"output_length": 5, "token_ids": [1], "hash_ids": [1]}|a request has token_ids or hash_ids, not both
          {"input_length": 5, "output_length": 5|this is not JSON: Unexpected end-of-input
          {"input_length": 5, "output_length": 5} x|this is not JSON: Unrecognized token 'x'
          [1, 2]|a trace is JSON lines, or CSV whose header names input_length and output_length
          """)
  void aBadLineIsOneSentenceWithFileAndLine(String line, String sentence) {
    assertThatThrownBy(() -> read("\n" + line + "\n"))
        .isInstanceOf(TraceException.class)
        .hasMessageStartingWith(folder.resolve("trace") + ", line 2: " + sentence)
        .hasMessageNotContaining("\n");
  }

  @Test
  void aBadLineBehindGoodOnesIsNamed() {
    String good = "{\"input_length\": 5, \"output_length\": 5}\n";
    assertThatThrownBy(() -> read(good + good + "{}"))
        .hasMessageEndingWith("line 3: output_length is missing");
    assertThatThrownBy(
            () -> read(good + "{\"input_length\": 5, \"output_length\": 5, \"hash_ids\": [1]}"))
        .hasMessageEndingWith("line 2: every request has token_ids or hash_ids, or none has");
    assertThatThrownBy(() -> read("input_length,output_length\n1,2\n1\n"))
        .hasMessageEndingWith("line 3: the header has other columns: columns=2, fields=1");
    assertThatThrownBy(() -> read("input_length,output_length\n1,\"2\n"))
        .hasMessageEndingWith("line 2: a quotation mark is not closed");
  }

  @Test
  void anEmptyOrBinaryFileIsNoTrace() throws IOException {
    assertThatThrownBy(() -> read("\n\n")).hasMessageEndingWith("trace: there is no request in it");
    assertThatThrownBy(() -> read("input_length,output_length\n"))
        .hasMessageEndingWith("trace: there is no request in it");
    Path binary = Files.write(folder.resolve("binary"), new byte[] {(byte) 0xc3, 0x28, 10});
    assertThatThrownBy(() -> TraceReader.read(binary, 4))
        .isInstanceOf(TraceException.class)
        .hasMessageEndingWith("line 1: this is not UTF-8 text");
  }

  /** Whatever is in the file: a trace, or a sentence; never another failure. */
  @Test
  void damagedFilesAreReadOrRefused() throws IOException {
    long seed = Long.getLong("dev.pagoda.test.seed", 1);
    Random random = new Random(seed);
    String good =
        "{\"timestamp\": 27, \"input_length\": 9, \"output_length\": 5, \"hash_ids\": [46, 47]}\n";
    String csv = "timestamp,input_length,output_length,hash_ids\n1,9,5,46 47\n";
    int numRefused = 0;
    for (int i = 0; i < 4_000; i++) {
      StringBuilder text = new StringBuilder(random.nextBoolean() ? good + good : csv);
      for (int j = 0; j <= random.nextInt(3); j++) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.setCharAt(at, (char) (32 + random.nextInt(95)));
          default -> text.insert(at, "{}[]\",:-9e \n".charAt(random.nextInt(12)));
        }
      }
      try {
        assertThat(read(text.toString()).size()).isPositive();
      } catch (TraceException refused) {
        numRefused++;
      }
    }
    assertThat(numRefused).as("seed=%d", seed).isBetween(500, 3_900);
  }

  @Test
  void poissonArrivalsHaveTheirRateAndSeed() {
    Trace trace = Trace.poisson(Workload.SHARE_GPT, 20_000, 5, 7);
    assertThat(trace.requestsPerSecond()).isBetween(4.8, 5.2);
    assertThat(trace).isEqualTo(Trace.poisson(Workload.SHARE_GPT, 20_000, 5, 7));
    assertThat(trace).isNotEqualTo(Trace.poisson(Workload.SHARE_GPT, 20_000, 5, 8));
    assertThat(trace.faster(2).requestsPerSecond()).isBetween(9.6, 10.4);
    assertThat(trace.meanPromptTokens()).isBetween(150.0, 165.0);
    assertThat(trace.first(10).size()).isEqualTo(10);
    assertThat(trace.numWithin(0)).isEqualTo(1);
  }
}
