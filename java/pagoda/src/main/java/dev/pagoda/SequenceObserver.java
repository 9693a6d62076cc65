package dev.pagoda;

/**
 * Told what happens to the tokens of a {@link KvSequence}, by its writer's thread.
 *
 * <p>For those who know more about a sequence than the cache does, which token ids it has for
 * instance, and must not know more than is true.
 */
public interface SequenceObserver {
  /** Wants to know nothing. */
  SequenceObserver NONE =
      new SequenceObserver() {
        @Override
        public void committed(KvSequence sequence) {}

        @Override
        public void truncated(int newLength) {}

        @Override
        public void dropped() {}
      };

  /**
   * A step has been committed that appended tokens. Called when the commit is over, outside every
   * lock; what it throws reaches whoever committed.
   *
   * @param sequence the sequence, idle, at its new length
   */
  void committed(KvSequence sequence);

  /**
   * The tokens behind a length are gone. Called inside the cache's lock: must not call the cache.
   *
   * @param newLength tokens that are left
   */
  void truncated(int newLength);

  /**
   * The content is gone, to be computed again. Called inside the cache's lock: must not call the
   * cache.
   */
  void dropped();
}
