package dev.pagoda.lab.experiment;

import dev.pagoda.lab.report.Axis;
import dev.pagoda.lab.report.Cell;
import dev.pagoda.lab.report.Chart;
import dev.pagoda.lab.report.Column;
import dev.pagoda.lab.report.LineChart;
import dev.pagoda.lab.report.Point;
import dev.pagoda.lab.report.Row;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Series;
import dev.pagoda.lab.report.Table;
import dev.pagoda.lab.report.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The chat experiment as a section of the report. */
final class ChatSection {
  private ChatSection() {}

  static Section of(int number, ChatResult result, Conditions conditions) {
    return new Section(
        number,
        "chat",
        "Chat with a prefix cache",
        "What does a chat of "
            + ChatExperiment.NUM_TURNS
            + " turns cost if each request brings the whole conversation, with and without the"
            + " prefix cache?",
        new Verdict(
            result.savedTokens() > 1 && result.speedup() > 1
                ? Verdict.Outcome.HOLDS
                : Verdict.Outcome.LOSES,
            Shown.times(result.savedTokens()),
            "fewer tokens are computed with the prefix cache, and the chat is served in "
                + Shown.time(ChatResult.nanos(result.with()))
                + " instead of "
                + Shown.time(ChatResult.nanos(result.without()))
                + "."),
        List.of(
            "Without it the tokens of a chat grow with the square of its turns: each request"
                + " computes again all that was said. With it a turn computes what is new, its"
                + " question and its reply, and at most the end of the last block: "
                + Shown.count(result.with().getLast().computedTokens())
                + " of "
                + Shown.count(result.with().getLast().contextTokens())
                + " tokens in the last turn. The engine says nothing about what it has sent"
                + " before; token ids are all that the cache goes by.",
            "The last turn's reply begins after "
                + Shown.time(result.with().getLast().firstTokenNanos())
                + " instead of "
                + Shown.time(result.without().getLast().firstTokenNanos())
                + "."),
        List.of(
            chart(
                result,
                "chat-tokens",
                "Tokens computed per turn",
                Axis.linear("tokens", ""),
                ChatResult.Turn::computedTokens),
            chart(
                result,
                "chat-time",
                "Time until the reply begins",
                Axis.linear("time", "ms"),
                turn -> turn.firstTokenNanos() / 1e6)),
        List.of(table(result)),
        "One layer of 8 heads of 64 in FP32 with its projections, block size "
            + ChatExperiment.BLOCK_SIZE
            + ", one thread, on the "
            + conditions.backend().label()
            + " backend. Each turn opens a sequence for the whole conversation, computes what is"
            + " missing of the prompt in one step and the reply token by token, and closes it."
            + " With: `PrefixCache.open` and `TokenSequence.append`; hits end inside a block where"
            + " that is possible. Both take turns after a round that warms up; times are medians of"
            + " the rounds. Seed "
            + conditions.seed()
            + "."
            + conditions.noteOnProjections());
  }

  private static Chart chart(
      ChatResult result,
      String id,
      String title,
      Axis axis,
      ToDoubleFunction<ChatResult.Turn> value) {
    return new LineChart(
        id,
        title,
        Axis.linear("turn", ""),
        axis,
        List.of(series("without", result.without(), value), series("with", result.with(), value)),
        List.of());
  }

  private static Series series(
      String name, List<ChatResult.Turn> turns, ToDoubleFunction<ChatResult.Turn> value) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < turns.size(); i++) {
      points.add(new Point(i + 1, value.applyAsDouble(turns.get(i))));
    }
    return new Series(name, points);
  }

  private static Table table(ChatResult result) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < result.with().size(); i++) {
      ChatResult.Turn without = result.without().get(i);
      ChatResult.Turn with = result.with().get(i);
      rows.add(
          Row.of(
              Cell.count(i + 1),
              Cell.count(with.contextTokens()),
              Cell.count(without.computedTokens()),
              Cell.count(with.computedTokens()),
              Cell.fixed(without.wallNanos() / 1e6, 2),
              Cell.fixed(with.wallNanos() / 1e6, 2)));
    }
    rows.add(
        Row.highlighted(
            Cell.words("all"),
            Cell.missing("a sum of contexts says nothing"),
            Cell.count(ChatResult.computed(result.without())),
            Cell.count(ChatResult.computed(result.with())),
            Cell.fixed(ChatResult.nanos(result.without()) / 1e6, 2),
            Cell.fixed(ChatResult.nanos(result.with()) / 1e6, 2)));
    return new Table(
        "chat-table",
        "A chat, turn by turn",
        List.of(
            Column.numbers("turn"),
            Column.numbers("context", "tokens"),
            Column.numbers("computed without", "tokens"),
            Column.numbers("computed with", "tokens"),
            Column.numbers("time without", "ms"),
            Column.numbers("time with", "ms")),
        rows);
  }
}
