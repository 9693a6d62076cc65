package dev.pagoda.tier.file;

import java.util.List;

/**
 * A decoder and the judge of what it makes of bytes. Any exception out of {@link #check} is a
 * finding: the typed refusals are caught inside.
 */
public interface FuzzTarget extends AutoCloseable {
  /** Throws unless the decoder refuses these bytes as it should, or reads them right. */
  void check(byte[] input);

  /** Inputs to begin with: what the library itself writes. */
  List<byte[]> seeds();

  @Override
  void close();
}
