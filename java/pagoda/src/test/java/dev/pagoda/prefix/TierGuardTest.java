package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.memory.KvStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class TierGuardTest {
  /** Never has anything, and says so by throwing. */
  private static final class Broken implements LowerTier {
    @Override
    public boolean contains(PrefixBlock block) {
      throw new IllegalStateException("the disk is gone");
    }

    @Override
    public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      throw new IllegalStateException("the disk is gone");
    }

    @Override
    public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
      throw new IllegalStateException("the disk is gone");
    }
  }

  private static final class Kept extends Handler {
    final List<String> messages = new ArrayList<>();

    @Override
    public void publish(LogRecord entry) {
      messages.add(entry.getMessage() + ": " + entry.getThrown().getMessage());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void aTierThatFailsForGoodIsLoggedEverMoreRarely() {
    Logger logger = Logger.getLogger("dev.pagoda");
    Kept kept = new Kept();
    TierGuard guard = new TierGuard(new Broken());
    PrefixBlock block = PrefixBlocks.block(1, 0, 4);
    logger.setUseParentHandlers(false);
    logger.addHandler(kept);
    try {
      for (int i = 0; i < 1_000; i++) {
        assertThat(guard.contains(block)).isFalse();
      }
    } finally {
      logger.removeHandler(kept);
      logger.setUseParentHandlers(true);
    }
    assertThat(kept.messages)
        .hasSize(10)
        .allMatch(message -> message.endsWith(": the disk is gone"))
        .last()
        .asString()
        .contains("numFailures=512:");
  }
}
