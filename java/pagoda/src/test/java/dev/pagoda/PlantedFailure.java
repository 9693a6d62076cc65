package dev.pagoda;

import java.util.List;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Planted by a test; nothing else throws it. */
public final class PlantedFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  // Kept here, since nobody else keeps a logger that was told something.
  private static final List<Logger> LOGGERS =
      List.of(Logger.getLogger("dev.pagoda"), Logger.getLogger("dev.pagoda.tier.HostTier"));

  static {
    // Who meets a planted failure says so, thousands of times. What else is said is still heard.
    LOGGERS.forEach(logger -> logger.setFilter(PlantedFailure::isNews));
  }

  public PlantedFailure(String site) {
    super("planted in " + site);
  }

  private static boolean isNews(LogRecord entry) {
    return !(entry.getThrown() instanceof PlantedFailure);
  }
}
