package dev.pagoda.lab.workload;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** One line of a trace: its values by what they mean, {@code NaN}, 0 or empty where missing. */
final class TraceLine {
  private static final Set<String> MILLIS = Set.of("timestamp", "created_time");
  private static final Set<String> SECONDS = Set.of("arrival");
  private static final Set<String> PROMPT = Set.of("input_length", "input_tokens", "prompt_tokens");
  private static final Set<String> OUTPUT = Set.of("output_length", "output_tokens");
  private static final String TOKEN_IDS = "token_ids";
  private static final String HASH_IDS = "hash_ids";
  private static final JsonFactory JSON = new JsonFactory();

  double arrivalSeconds;
  int promptTokens;
  int outputTokens;
  int[] tokenIds = {};
  long[] hashIds = {};
  boolean hasTokenIds;
  boolean hasHashIds;

  private TraceLine() {}

  /** What is wrong with a line, without saying which. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String message) {
      super(message);
    }
  }

  /** How lines are written: JSON objects, or CSV with these columns. */
  record Format(List<String> columns, boolean isJson) {
    static final Format NONE = new Format(List.of(), false);

    static Format of(String firstLine) throws Refused {
      if (firstLine.stripLeading().startsWith("{")) {
        return new Format(List.of(), true);
      }
      List<String> columns =
          split(firstLine).stream().map(name -> name.strip().toLowerCase(Locale.ROOT)).toList();
      if (columns.stream().noneMatch(OUTPUT::contains)) {
        throw new Refused(
            "a trace is JSON lines, or CSV whose header names input_length and output_length"
                + " (and timestamp, arrival, token_ids or hash_ids)");
      }
      return new Format(columns, false);
    }

    boolean isHeader() {
      return !isJson;
    }

    TraceLine parse(String text) throws Refused {
      TraceLine line = new TraceLine();
      if (isJson) {
        line.readJson(text);
      } else {
        line.readCsv(columns, text);
      }
      line.requireWhole();
      return line;
    }
  }

  private void readJson(String text) throws Refused {
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new Refused("a line is one JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken token = parser.nextToken();
        if (name.equals(TOKEN_IDS) || name.equals(HASH_IDS)) {
          if (token != JsonToken.START_ARRAY) {
            throw new Refused(name + " is an array of whole numbers");
          }
          readIds(name, parser);
        } else if (token.isScalarValue()) {
          readNumber(name, parser.getText());
        } else {
          parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) {
        throw new Refused("a line is one JSON object, and something follows it");
      }
    } catch (JsonProcessingException broken) {
      throw new Refused("this is not JSON: " + BrokenJson.reason(broken));
    } catch (IOException broken) {
      throw new Refused("this cannot be read: " + broken.getMessage());
    }
  }

  private void readIds(String name, JsonParser parser) throws IOException, Refused {
    List<String> ids = new ArrayList<>();
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      if (token != JsonToken.VALUE_NUMBER_INT) {
        throw new Refused(name + " is an array of whole numbers: " + name + "=" + parser.getText());
      }
      ids.add(parser.getText());
    }
    setIds(name, ids);
  }

  private void readCsv(List<String> columns, String text) throws Refused {
    List<String> fields = split(text);
    if (fields.size() != columns.size()) {
      throw new Refused(
          "the header has other columns: columns=" + columns.size() + ", fields=" + fields.size());
    }
    for (int i = 0; i < fields.size(); i++) {
      String name = columns.get(i);
      String field = fields.get(i).strip();
      if (name.equals(TOKEN_IDS) || name.equals(HASH_IDS)) {
        if (!field.isEmpty()) {
          setIds(name, Arrays.asList(field.split("[\\s;]+", -1)));
        }
      } else {
        readNumber(name, field);
      }
    }
  }

  /** Splits at commas outside quotation marks. */
  private static List<String> split(String text) throws Refused {
    List<String> fields = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"') {
        if (quoted && i + 1 < text.length() && text.charAt(i + 1) == '"') {
          field.append('"');
          i++;
        } else {
          quoted = !quoted;
        }
      } else if (c == ',' && !quoted) {
        fields.add(field.toString());
        field.setLength(0);
      } else {
        field.append(c);
      }
    }
    if (quoted) {
      throw new Refused("a quotation mark is not closed");
    }
    fields.add(field.toString());
    return fields;
  }

  private void readNumber(String name, String text) throws Refused {
    if (MILLIS.contains(name)) {
      arrivalSeconds = seconds(name, text) / 1e3;
    } else if (SECONDS.contains(name)) {
      arrivalSeconds = seconds(name, text);
    } else if (PROMPT.contains(name)) {
      promptTokens = tokens(name, text);
    } else if (OUTPUT.contains(name)) {
      outputTokens = tokens(name, text);
    }
  }

  private static double seconds(String name, String text) throws Refused {
    try {
      double value = Double.parseDouble(text);
      if (value >= 0 && value < 1e15) {
        return value;
      }
    } catch (NumberFormatException notANumber) {
      // said below
    }
    throw new Refused(name + " is a time from 0 on: " + name + "=" + shortened(text));
  }

  private static int tokens(String name, String text) throws Refused {
    try {
      int value = Integer.parseInt(text);
      if (value >= 1) {
        return value;
      }
    } catch (NumberFormatException notANumber) {
      // said below
    }
    throw new Refused(
        name + " is a whole number of tokens from 1 on: " + name + "=" + shortened(text));
  }

  private void setIds(String name, List<String> texts) throws Refused {
    long[] ids = new long[texts.size()];
    for (int i = 0; i < ids.length; i++) {
      try {
        ids[i] = Long.parseLong(texts.get(i));
      } catch (NumberFormatException notANumber) {
        throw new Refused(
            name + " are whole numbers: " + name + "[" + i + "]=" + shortened(texts.get(i)));
      }
      if (ids[i] < 0 || (name.equals(TOKEN_IDS) && ids[i] > Integer.MAX_VALUE)) {
        throw new Refused(name + " are no such numbers: " + name + "[" + i + "]=" + ids[i]);
      }
    }
    if (name.equals(HASH_IDS)) {
      hashIds = ids;
      hasHashIds = true;
    } else {
      tokenIds = Arrays.stream(ids).mapToInt(id -> (int) id).toArray();
      hasTokenIds = true;
    }
  }

  private void requireWhole() throws Refused {
    if (outputTokens == 0) {
      throw new Refused("output_length is missing");
    }
    if (hasTokenIds && hasHashIds) {
      throw new Refused("a request has token_ids or hash_ids, not both");
    }
    if (hasTokenIds) {
      if (promptTokens == 0) {
        promptTokens = tokenIds.length;
      }
      if (tokenIds.length == 0 || promptTokens != tokenIds.length) {
        throw new Refused(
            "token_ids are as many as the prompt has tokens: input_length="
                + promptTokens
                + ", ids="
                + tokenIds.length);
      }
    } else if (promptTokens == 0) {
      throw new Refused("input_length is missing");
    }
    if (outputTokens > Integer.MAX_VALUE - promptTokens) {
      throw new Refused("no request is that long: input_length=" + promptTokens);
    }
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }
}
