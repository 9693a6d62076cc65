package dev.pagoda.lab.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {
  @TempDir Path folder;

  /** The example of the package's documentation, byte for byte. */
  @Test
  void readsTheDocumentedExample() throws IOException {
    String header =
        """
        {"__metadata__":{"scale":"0.125"},"query_lens":{"dtype":"I32",\
        "shape":[2],"data_offsets":[0,8]}}\
        """;
    byte[] bytes = bytes(header, new byte[] {3, 0, 0, 0, 1, 0, 0, 0});
    assertThat(bytes[0]).isEqualTo((byte) 0x60);
    Path path = Files.write(folder.resolve("example.safetensors"), bytes);

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata()).containsExactly(Map.entry("scale", "0.125"));
      assertThat(file.tensors()).containsOnlyKeys("query_lens");
      Tensor lengths = file.require("query_lens");
      assertThat(lengths.type()).isEqualTo(ElementType.I32);
      assertThat(lengths.shape()).containsExactly(2L);
      assertThat(lengths.intAt(0)).isEqualTo(3);
      assertThat(lengths.intAt(1)).isEqualTo(1);
      assertThat(lengths.data().isReadOnly()).isTrue();
      assertThat(file.find("context_lens")).isEmpty();
    }
  }

  @Test
  void widensHalfPrecisionExactly() {
    String header =
        """
        {"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},\
        "b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},\
        "f":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}\
        """;
    ByteBuffer data = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    data.putShort((short) 0x3555).putShort((short) 0xfc00);
    data.putShort((short) 0x3eab).putShort((short) 0x7f80).putFloat(0.1f);

    SafetensorsFile file = parse(bytes(header, data.array()));

    assertThat(file.require("h").floatAt(0)).isEqualTo(0x1.554p-2f);
    assertThat(file.require("h").floatAt(1)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(file.require("b").floatAt(0)).isEqualTo(0x1.56p-2f);
    assertThat(file.require("b").floatAt(1)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(file.require("f").floatAt(0)).isEqualTo(0.1f);
    assertThat(file.require("f").numElements()).isEqualTo(1);
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> file.require("h").floatAt(Long.MAX_VALUE / 2 + 2));
  }

  @Test
  void namesAnElementOfTheWrongType() {
    SafetensorsFile file =
        parse(
            bytes("{\"n\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", new byte[8]));

    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> file.require("n").floatAt(0))
        .withMessage("tensor 'n': elements are not F32, F16 or BF16, dtype=I64");
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> file.require("n").intAt(0))
        .withMessage("tensor 'n': elements are not I32, dtype=I64");
  }

  @Test
  void acceptsEmptyTensorsAnywhereAndTensorsInAnyOrder() {
    SafetensorsFile file =
        parse(
            bytes(
                """
                {"last":{"dtype":"U8","shape":[3],"data_offsets":[5,8]},\
                "none":{"dtype":"F32","shape":[4,0,2],"data_offsets":[5,5]},\
                "first":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},\
                "end":{"dtype":"F64","shape":[0],"data_offsets":[8,8]}}    \
                """
                    + "   ",
                new byte[8]));

    assertThat(file.tensors().keySet()).containsExactly("last", "none", "first", "end");
    assertThat(file.require("none").numElements()).isZero();
  }

  @Test
  void leavesAMissingFileToTheFileSystem() {
    assertThatExceptionOfType(NoSuchFileException.class)
        .isThrownBy(() -> SafetensorsFile.open(folder.resolve("none.safetensors")));
  }

  @Test
  void namesAMissingTensor() {
    SafetensorsFile file = parse(bytes("{}", new byte[0]));

    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> file.require("query"))
        .withMessage("the file lacks a tensor, name='query'");
  }

  @Test
  void namesATruncatedFile() {
    String header = "{\"k\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    byte[] whole = bytes(header, new byte[8]);
    assertThat(parse(whole).tensors()).hasSize(1);

    assertRefused(whole.length - 1, whole, "tensor 'k': the data ends behind the 7 data");
    assertRefused(20, whole, "the file of 20 bytes ends inside its header, headerLength=54");
    assertRefused(7, whole, "the file is too short for the length of a header, byteCount=7");
    assertRefused(0, whole, "the file is too short for the length of a header, byteCount=0");
  }

  @Test
  void namesAHeaderLengthThatNoFileHas() {
    byte[] bytes = bytes("{}", new byte[0]);
    bytes[7] = (byte) 0xff;
    assertRefused(
        bytes.length,
        bytes,
        "the header is longer than the 100000000 bytes allowed, headerLength=18374686479671623682");
  }

  /** One entry named t over eight bytes of data, and the start of the sentence it earns. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"dtype":"F32","shape":[2],"data_offsets":[0,4]}|tensor 't': dtype F32 and shape [2] take 8 bytes, but there are byteCount=4
          {"dtype":"F32","shape":[1],"data_offsets":[0,4]}|the tensors end at byte 4 of the data, but there are dataBytes=8
          {"dtype":"F32","shape":[1],"data_offsets":[4,8]}|tensor 't': the data leaves a gap, which ends at 0, data_offsets=[4, 8]
          {"dtype":"F32","shape":[2],"data_offsets":[1,9]}|tensor 't': the data ends behind the 8 data bytes of the file, data_offsets=[1, 9]
          {"dtype":"F32","shape":[2],"data_offsets":[8,0]}|tensor 't': the data ends before it begins, data_offsets=[8, 0]
          {"dtype":"F32","shape":[2],"data_offsets":[0]}|tensor 't': the offsets are not a pair of begin and end, data_offsets=[0]
          {"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}|tensor 't': the offsets are not a pair
          {"dtype":"F32","shape":[2],"data_offsets":8}|tensor 't': a list of integers is expected, data_offsets='8'
          {"dtype":"F32","shape":[-2],"data_offsets":[0,8]}|tensor 't': shape has an element that is not an integer from 0 to 2^63-1, value='-2'
          {"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}|tensor 't': shape has an element that is not an integer from 0 to 2^63-1, value='2.0'
          {"dtype":"F32","shape":["2"],"data_offsets":[0,8]}|tensor 't': shape has an element that is not
          {"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}|tensor 't': shape has an element that is not
          {"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}|tensor 't': shape has an element that is not
          {"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}|tensor 't': the product of the shape times the element size exceeds 63 bits, shape=[4611686018427387904, 4]
          {"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}|tensor 't': the product of the shape
          {"dtype":"F31","shape":[2],"data_offsets":[0,8]}|tensor 't': unknown dtype='F31'
          {"dtype":"f32","shape":[2],"data_offsets":[0,8]}|tensor 't': unknown dtype='f32'
          {"dtype":32,"shape":[2],"data_offsets":[0,8]}|tensor 't': the dtype is not a string, dtype='32'
          {"shape":[2],"data_offsets":[0,8]}|tensor 't': the entry lacks a field, field=dtype
          {"dtype":"F32","data_offsets":[0,8]}|tensor 't': the entry lacks a field, field=shape
          {"dtype":"F32","shape":[2]}|tensor 't': the entry lacks a field, field=data_offsets
          {"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}|tensor 't': the entry has a field twice, field=shape
          {"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}|tensor 't': the entry has a field that the format does not know, field='strides'
          [2]|tensor 't': the entry is not an object, value='['
          null|tensor 't': the entry is not an object, value='null'
          """)
  void namesWhatIsWrongInAnEntry(String entry, String sentence) {
    assertRefused("{\"t\":" + entry + "}", sentence);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          [1]|the header does not begin with '{', headerLength=3
          `   {}`|the header does not begin with '{', headerLength=5
          {"__metadata__":{"a":1}}|metadata 'a' is not a string, value='1'
          {"__metadata__":{"a":null}}|metadata 'a' is not a string, value='null'
          {"__metadata__":["a"]}|the metadata is not an object of strings, __metadata__='['
          {"__metadata__":{"a":"1","a":"2"}}|the metadata has a key twice, key='a'
          {"__metadata__":{},"__metadata__":{}}|the header has a key twice, key=__metadata__
          {"a":|the header is not JSON: 'Unexpected end-of-input
          {'a':1}|the header is not JSON: 'Unexpected character
          {"a":NaN}|the header is not JSON:
          {,}|the header is not JSON:
          {} {}|the header has more than spaces behind its object, characterOffset=3
          """)
  void namesWhatIsWrongInAHeader(String header, String sentence) {
    assertRefused(header, sentence);
  }

  @Test
  void refusesOverlapsAndTensorsOfOneName() {
    String two = "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},\"%s\":%s}";
    String overlapping = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}";
    String following = "{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[5,8]}";
    assertRefused(
        two.formatted("b", overlapping),
        "tensor 'b': the data overlaps the tensor before it, which ends at 5, data_offsets=[4, 8]");
    assertRefused(two.formatted("a", following), "the header has a tensor twice, name='a'");
    assertRefused(two.formatted("\\u0061", following), "the header has a tensor twice, name='a'");
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    byte[] bytes = bytes("{\"a?\":1}", new byte[0]);
    bytes[11] = (byte) 0xc3;
    assertRefused(bytes.length, bytes, "the header is not UTF-8, headerLength=8");
  }

  @Test
  void keepsHostileNamesOnOneShortLine() {
    String name = "a\\n\\u001b[31m\\u202e" + "x".repeat(1000);
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> parse(bytes("{\"" + name + "\":1}", new byte[0])))
        .satisfies(e ->
            assertThat(e.getMessage())
                .startsWith("tensor 'a\\u000a\\u001b[31m\\u202exxx")
                .hasSizeLessThan(200));
  }

  @Test
  void refusesNestingBeyondTheFormat() {
    assertRefused(
        "{\"t\":{\"shape\":" + "[".repeat(100_000),
        "tensor 't': shape has an element that is not an integer");
    assertRefused("{\"" + "n".repeat(100_000) + "\":1}", "the header is not JSON: 'Name length");
  }

  private static void assertRefused(String header, String sentence) {
    byte[] bytes = bytes(header, new byte[8]);
    assertRefused(bytes.length, bytes, sentence);
  }

  private static void assertRefused(int length, byte[] bytes, String sentence) {
    assertThatExceptionOfType(SafetensorsException.class)
        .isThrownBy(() -> parse(Arrays.copyOf(bytes, length)))
        .withMessageStartingWith(sentence)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private static SafetensorsFile parse(byte[] bytes) {
    return SafetensorsFile.of(MemorySegment.ofArray(bytes), Arena.ofAuto());
  }

  static byte[] bytes(String header, byte[] data) {
    byte[] json = header.getBytes(UTF_8);
    return ByteBuffer.allocate(Long.BYTES + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }
}
