package dev.pagoda.lab.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The parsed header of a file: what it says, not yet held against the data.
 *
 * <p>A pull parser, because the header must be refused at the first thing that is wrong in it, and
 * because a tree would have lost duplicate keys by then.
 *
 * @param metadata the strings under {@code __metadata__}, in file order
 * @param entries the tensors by name, in file order
 */
record Header(Map<String, String> metadata, Map<String, Entry> entries) {
  static final String METADATA = "__metadata__";

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(4)
                  .maxNumberLength(20)
                  .maxNameLength(65_536)
                  .build())
          // Names are as many as the file likes: no table that grows beyond one file.
          .configure(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES, false)
          .configure(JsonFactory.Feature.INTERN_FIELD_NAMES, false)
          .build();

  /** What the header says of one tensor. Offsets are in bytes from the start of the data. */
  record Entry(String name, ElementType type, List<Long> shape, long begin, long end) {}

  private enum Field {
    DTYPE,
    SHAPE,
    DATA_OFFSETS
  }

  /**
   * Parses a header.
   *
   * @param bytes the header without its length
   * @throws SafetensorsException if it is not UTF-8, not JSON, or not the JSON of the format
   */
  static Header parse(ByteBuffer bytes) {
    int length = bytes.remaining();
    if (length == 0 || bytes.get(bytes.position()) != '{') {
      throw new SafetensorsException("the header does not begin with '{', headerLength=" + length);
    }
    CharBuffer text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(bytes);
    } catch (CharacterCodingException e) {
      throw new SafetensorsException("the header is not UTF-8, headerLength=" + length, e);
    }
    try (JsonParser json = JSON.createParser(text.array(), text.arrayOffset(), text.length())) {
      Header header = new Header(new LinkedHashMap<>(), new LinkedHashMap<>());
      header.read(json);
      int end = (int) json.currentTokenLocation().getCharOffset();
      requireSpacesAfter(text, end);
      return header;
    } catch (JsonProcessingException e) {
      throw new SafetensorsException(
          "the header is not JSON: %s, headerLength=%d"
              .formatted(Quoted.text(e.getOriginalMessage()), length),
          e);
    } catch (IOException e) {
      throw new UncheckedIOException("characters in memory cannot fail to be read", e);
    }
  }

  private static void requireSpacesAfter(CharBuffer text, int closingBrace) {
    for (int i = closingBrace + 1; i < text.length(); i++) {
      if (text.charAt(i) != ' ') {
        throw new SafetensorsException(
            "the header has more than spaces behind its object, characterOffset=" + i);
      }
    }
  }

  private void read(JsonParser json) throws IOException {
    json.nextToken(); // START_OBJECT, by the first byte
    boolean sawMetadata = false;
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      if (name.equals(METADATA)) {
        if (sawMetadata) {
          throw new SafetensorsException("the header has a key twice, key=" + METADATA);
        }
        sawMetadata = true;
        readMetadata(json);
      } else {
        Entry entry = readEntry(json, name);
        if (entries.put(name, entry) != null) {
          throw new SafetensorsException(
              "the header has a tensor twice, name=" + Quoted.text(name));
        }
      }
    }
  }

  private void readMetadata(JsonParser json) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new SafetensorsException(
          "the metadata is not an object of strings, __metadata__=" + shown(json));
    }
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String key = json.currentName();
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw new SafetensorsException(
            "metadata %s is not a string, value=%s".formatted(Quoted.text(key), shown(json)));
      }
      if (metadata.put(key, json.getText()) != null) {
        throw new SafetensorsException("the metadata has a key twice, key=" + Quoted.text(key));
      }
    }
  }

  private static Entry readEntry(JsonParser json, String name) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new SafetensorsException(
          "%s: the entry is not an object, value=%s".formatted(Quoted.tensor(name), shown(json)));
    }
    Set<Field> missing = EnumSet.allOf(Field.class);
    ElementType type = ElementType.U8;
    List<Long> shape = List.of();
    List<Long> offsets = List.of();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String key = json.currentName();
      Field field =
          switch (key) {
            case "dtype" -> Field.DTYPE;
            case "shape" -> Field.SHAPE;
            case "data_offsets" -> Field.DATA_OFFSETS;
            default ->
                throw new SafetensorsException(
                    "%s: the entry has a field that the format does not know, field=%s"
                        .formatted(Quoted.tensor(name), Quoted.text(key)));
          };
      if (!missing.remove(field)) {
        throw new SafetensorsException(
            "%s: the entry has a field twice, field=%s".formatted(Quoted.tensor(name), key));
      }
      json.nextToken();
      switch (field) {
        case DTYPE -> type = readType(json, name);
        case SHAPE -> shape = readIntegers(json, name, key);
        case DATA_OFFSETS -> offsets = readIntegers(json, name, key);
      }
    }
    for (Field field : missing) {
      throw new SafetensorsException(
          "%s: the entry lacks a field, field=%s"
              .formatted(Quoted.tensor(name), field.name().toLowerCase(Locale.ROOT)));
    }
    if (offsets.size() != 2) {
      throw new SafetensorsException(
          "%s: the offsets are not a pair of begin and end, data_offsets=%s"
              .formatted(Quoted.tensor(name), Quoted.list(offsets)));
    }
    return new Entry(name, type, shape, offsets.get(0), offsets.get(1));
  }

  private static ElementType readType(JsonParser json, String name) throws IOException {
    if (json.currentToken() != JsonToken.VALUE_STRING) {
      throw new SafetensorsException(
          "%s: the dtype is not a string, dtype=%s".formatted(Quoted.tensor(name), shown(json)));
    }
    String text = json.getText();
    return ElementType.named(text)
        .orElseThrow(() ->
            new SafetensorsException(
                "%s: unknown dtype=%s".formatted(Quoted.tensor(name), Quoted.text(text))));
  }

  private static List<Long> readIntegers(JsonParser json, String name, String field)
      throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw new SafetensorsException(
          "%s: a list of integers is expected, %s=%s"
              .formatted(Quoted.tensor(name), field, shown(json)));
    }
    List<Long> integers = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      // getNumberType reads the literal; a 20-digit one may be more than a long holds.
      if (json.currentToken() != JsonToken.VALUE_NUMBER_INT
          || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || json.getText().startsWith("-")) {
        throw new SafetensorsException(
            "%s: %s has an element that is not an integer from 0 to 2^63-1, value=%s"
                .formatted(Quoted.tensor(name), field, shown(json)));
      }
      integers.add(json.getLongValue());
    }
    return integers;
  }

  private static String shown(JsonParser json) throws IOException {
    String text = json.getText();
    return text == null ? "nothing" : Quoted.text(text);
  }
}
