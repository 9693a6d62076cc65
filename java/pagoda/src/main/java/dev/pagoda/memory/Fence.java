package dev.pagoda.memory;

/**
 * A point in the work that a storage was given: it has passed when every copy that was asked for
 * before it has.
 *
 * <p>Threads: any number.
 */
public interface Fence {
  /** Of a storage whose copies have happened when their calls return. */
  Fence PASSED =
      new Fence() {
        @Override
        public boolean hasPassed() {
          return true;
        }

        @Override
        public void await() {}
      };

  /**
   * Whether nothing that was asked for before this point reads or writes any more.
   *
   * @return true from some moment on
   */
  boolean hasPassed();

  /** Waits until {@link #hasPassed}. */
  void await();
}
