package dev.pagoda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Finds a short list that still fails, by leaving out ever smaller parts. */
public final class Shrinking {
  private Shrinking() {}

  /**
   * Shrinks a list until no single element can be left out, or tries run out.
   *
   * @param failing a list that fails
   * @param fails whether a list fails
   * @param triesMax lists to try at most
   */
  public static <T> List<T> shrink(List<T> failing, Predicate<List<T>> fails, int triesMax) {
    List<T> shortest = failing;
    int tries = 0;
    int part = Math.max(1, shortest.size() / 2);
    while (true) {
      boolean shrunk = false;
      for (int from = 0; from < shortest.size() && tries < triesMax; tries++) {
        List<T> rest = new ArrayList<>(shortest.subList(0, from));
        rest.addAll(shortest.subList(Math.min(from + part, shortest.size()), shortest.size()));
        if (fails.test(rest)) {
          shortest = rest;
          shrunk = true;
        } else {
          from += part;
        }
      }
      if (tries >= triesMax || (part == 1 && !shrunk)) {
        return shortest;
      }
      part = Math.max(1, part / 2);
    }
  }
}
