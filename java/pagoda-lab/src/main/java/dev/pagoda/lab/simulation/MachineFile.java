package dev.pagoda.lab.simulation;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.pagoda.lab.workload.BrokenJson;
import dev.pagoda.tier.TransferModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A machine as a JSON file of numbers: what {@code --calibrate} writes, to be edited at will. */
final class MachineFile {
  private static final JsonFactory JSON = new JsonFactory();
  private static final String BLOCK_COST = "contextFactorAtBlockSize";

  private MachineFile() {}

  static void write(Machine machine, Path file) throws IOException {
    try (JsonGenerator json = JSON.createGenerator(Files.newBufferedWriter(file))) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeStringField("source", machine.source());
      json.writeNumberField("kvBytesPerToken", machine.kvBytesPerToken());
      json.writeNumberField("poolTokens", machine.poolTokens());
      json.writeNumberField("nanosPerStep", machine.latency().nanosPerStep());
      json.writeNumberField("nanosPerSequence", machine.latency().nanosPerSequence());
      json.writeNumberField("nanosPerContextToken", machine.latency().nanosPerContextToken());
      json.writeNumberField("nanosPerPrefillToken", machine.latency().nanosPerPrefillToken());
      json.writeNumberField("nanosPerAttendedPair", machine.latency().nanosPerAttendedPair());
      json.writeNumberField("swapOutBytesPerSecond", machine.swapOut().bytesPerSecond());
      json.writeNumberField("swapOutNanosPerTransfer", machine.swapOut().nanosPerTransfer());
      json.writeNumberField("swapInBytesPerSecond", machine.swapIn().bytesPerSecond());
      json.writeNumberField("swapInNanosPerTransfer", machine.swapIn().nanosPerTransfer());
      for (Machine.BlockCost cost : machine.blockCosts()) {
        json.writeNumberField(BLOCK_COST + cost.blockSize(), cost.contextFactor());
      }
      json.writeEndObject();
    }
  }

  static Machine read(Path file) throws IOException {
    Map<String, Double> numbers = new HashMap<>();
    List<Machine.BlockCost> costs = new ArrayList<>();
    String source = "";
    try (JsonParser json = JSON.createParser(file.toFile())) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw refused(file, "it is not a JSON object");
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        if (name.equals("source")) {
          source = json.getText();
        } else if (!value.isNumeric()) {
          throw refused(file, name + " is a number: " + name + "=" + json.getText());
        } else if (name.startsWith(BLOCK_COST)) {
          int blockSize = Integer.parseInt(name.substring(BLOCK_COST.length()));
          costs.add(new Machine.BlockCost(blockSize, json.getDoubleValue()));
        } else {
          numbers.put(name, json.getDoubleValue());
        }
      }
    } catch (JsonProcessingException broken) {
      throw refused(file, "it is not JSON: " + BrokenJson.reason(broken));
    } catch (NumberFormatException notANumber) {
      throw refused(file, BLOCK_COST + " is followed by a block size");
    }
    return new Machine(
        String.valueOf(file.getFileName()),
        (long) number(file, numbers, "kvBytesPerToken"),
        (int) number(file, numbers, "poolTokens"),
        new LatencyModel(
            number(file, numbers, "nanosPerStep"),
            number(file, numbers, "nanosPerSequence"),
            number(file, numbers, "nanosPerContextToken"),
            number(file, numbers, "nanosPerPrefillToken"),
            number(file, numbers, "nanosPerAttendedPair")),
        costs,
        new TransferModel(
            number(file, numbers, "swapOutBytesPerSecond"),
            number(file, numbers, "swapOutNanosPerTransfer")),
        new TransferModel(
            number(file, numbers, "swapInBytesPerSecond"),
            number(file, numbers, "swapInNanosPerTransfer")),
        source);
  }

  private static double number(Path file, Map<String, Double> numbers, String name) {
    Double value = numbers.get(name);
    if (value == null) {
      throw refused(file, name + " is missing");
    }
    return value;
  }

  private static IllegalArgumentException refused(Path file, String what) {
    return new IllegalArgumentException("no machine can be read from " + file + ": " + what);
  }
}
