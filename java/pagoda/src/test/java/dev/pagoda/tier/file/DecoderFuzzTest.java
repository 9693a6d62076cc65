package dev.pagoda.tier.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pagoda.tier.file.DecoderFuzz.Decoder;
import java.io.IOException;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every input of the corpus, without a fuzzer; {@link JazzerTest} makes more of them. */
class DecoderFuzzTest {
  @ParameterizedTest
  @EnumSource
  void everyInputOfTheCorpusIsRefusedOrReadRight(Decoder decoder) throws IOException {
    try (FuzzTarget target = decoder.open(false)) {
      for (byte[] input : FuzzCorpus.of(decoder)) {
        Throwable found = catchThrowable(() -> DecoderFuzz.check(target, input));
        assertThat(found).as(HexFormat.of().formatHex(input)).isNull();
      }
    }
  }
}
