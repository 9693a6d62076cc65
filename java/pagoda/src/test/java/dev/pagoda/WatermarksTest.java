package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.Watermarks.Level;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WatermarksTest {
  private final SmallCache small = new SmallCache(10, 1);
  private final List<Level> told = new ArrayList<>();

  @AfterEach
  void everythingIsInOrderAtTheEnd() {
    small.requireNothingLeaks();
    small.close();
  }

  @ParameterizedTest
  @CsvSource({"0.5, 0.5", "-0.1, 0.5", "0.2, 1.1", "NaN, 0.5", "0.5, NaN"})
  void marksOutOfOrderAreRefused(double low, double high) {
    assertThatIllegalArgumentException().isThrownBy(() -> new Watermarks(low, high));
  }

  @Test
  void eachMarkIsToldOnceUntilTheOtherOneIsReached() {
    try (WatermarkWatch _ =
        small.cache.watch(new Watermarks(0.3, 0.8), (level, blocks) -> told.add(level))) {
      KvSequence sequence = small.open(7);
      assertThat(told).isEmpty();
      small.grow(sequence, 1);
      assertThat(told).containsExactly(Level.HIGH);
      small.grow(sequence, 2);
      small.truncate(sequence, 4);
      small.grow(sequence, 5);
      assertThat(told).containsExactly(Level.HIGH);
      small.truncate(sequence, 3);
      small.truncate(sequence, 0);
      assertThat(told).containsExactly(Level.HIGH, Level.LOW);
    }
  }

  @Test
  void promisedBlocksCountAsTaken() {
    try (WatermarkWatch _ =
        small.cache.watch(new Watermarks(0.3, 0.8), (level, blocks) -> told.add(level))) {
      small.cache.reserve(8).close();
      assertThat(told).containsExactly(Level.HIGH, Level.LOW);
    }
  }

  @Test
  void aListenerUsesTheCacheAndIsNotCalledInsideItsLock() {
    List<KvSequence> victims = new ArrayList<>();
    WatermarkListener listener =
        (level, blocks) -> {
          told.add(level);
          Thread other = new Thread(() -> small.cache.newSequence().close());
          other.start();
          try {
            other.join(10_000);
          } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
          }
          assertThat(other.isAlive()).as("the lock is held").isFalse();
          if (level == Level.HIGH) {
            victims.forEach(victim -> small.truncate(victim, 0)); // reaches the low mark inside
          }
        };
    try (WatermarkWatch _ = small.cache.watch(new Watermarks(0.3, 0.8), listener)) {
      victims.add(small.open(7));
      KvSequence sequence = small.open();
      small.grow(sequence, 2);
      assertThat(told).containsExactly(Level.HIGH, Level.LOW);
      assertThat(sequence.length()).isEqualTo(2);
    }
  }

  @Test
  @SuppressWarnings("try") // closing early is what is looked at
  void aListenerThatFailsHarmsNobody() {
    WatermarkWatch watch =
        small.cache.watch(
            new Watermarks(0.3, 0.8),
            (level, blocks) -> {
              told.add(level);
              throw new UnsupportedOperationException("planted");
            });
    KvSequence sequence = small.open(9);
    assertThat(sequence.length()).isEqualTo(9);
    assertThat(told).containsExactly(Level.HIGH);
    watch.close();
    small.truncate(sequence, 0);
    assertThat(told).containsExactly(Level.HIGH);
  }

  @Test
  void aCacheThatIsTightAlreadyIsToldAtOnce() {
    small.open(9);
    try (WatermarkWatch _ =
        small.cache.watch(new Watermarks(0.3, 0.8), (level, blocks) -> told.add(level))) {
      assertThat(told).containsExactly(Level.HIGH);
    }
  }
}
