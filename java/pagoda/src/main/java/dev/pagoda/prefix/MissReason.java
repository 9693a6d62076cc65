package dev.pagoda.prefix;

/** Why a request found no longer prefix than it did. */
public enum MissReason {
  /** It did: only the tokens that always have to be computed are left. */
  NONE,
  /** Nothing is kept that goes on with the same tokens, and nothing is known to have been. */
  NO_SHARED_PREFIX,
  /** Something cached goes on with the same tokens, but for less than a block. */
  SHORTER_THAN_BLOCK,
  /** The next block was kept once and has been given up since. */
  EVICTED,
  /** The first block is kept, for another tenant or adapter. */
  OTHER_NAMESPACE,
  /** The request was opened so as not to look. */
  NOT_READ
}
