package dev.pagoda.lab.attention;

import dev.pagoda.lab.workload.Request;
import dev.pagoda.layout.LayerShape;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Keys and values of sequences on the heap, each sequence in one region that is reserved before it
 * begins: how caches were built before paging, and the baseline in tables.
 *
 * <p>Every token of the store is one of four things, which {@link #usage} counts:
 *
 * <pre>
 *   token states   holds a key and a value
 *   reserved       will hold one before its sequence ends
 *   internal       set aside for a sequence that will end before it gets there
 *   free           belongs to no sequence; useless where it is too scattered for the next one
 * </pre>
 *
 * <p>Footprint: {@code capacityTokens * numKvHeads * (keyHeadDim + valueHeadDim) * 4} bytes. For
 * one thread.
 */
public final class ContiguousKvStore {
  private final LayerShape shape;
  private final int capacityTokens;
  private final RegionMap regions;
  private final float[] keys;
  private final float[] values;

  private int numSequences;
  private long heldTokens;
  private long finalTokens;
  private long reservedTokens;

  /** How regions are found. */
  public enum Placement {
    /** Powers of two that halve and join, as the published baselines do it. */
    BUDDY,
    /** The first hole that is long enough. */
    FIRST_FIT
  }

  /**
   * A store without sequences.
   *
   * @param shape heads and head dims; elements are FP32 whatever its dtypes
   * @param capacityTokens tokens of all sequences together
   * @param placement how regions are found
   */
  public ContiguousKvStore(LayerShape shape, int capacityTokens, Placement placement) {
    this.shape = shape;
    this.capacityTokens = capacityTokens;
    regions =
        switch (placement) {
          case BUDDY -> new BuddyRegions(capacityTokens);
          case FIRST_FIT -> new FirstFitRegions(capacityTokens);
        };
    keys = new float[Math.multiplyExact(capacityTokens, keyWidth())];
    values = new float[Math.multiplyExact(capacityTokens, valueWidth())];
  }

  /**
   * What the tokens of the store are.
   *
   * @param heldTokens token states
   * @param awaitedTokens reserved, and going to be used
   * @param wastedTokens internal: reserved in vain
   * @param freeTokens belonging to no sequence
   */
  public record Usage(long heldTokens, long awaitedTokens, long wastedTokens, long freeTokens) {}

  /**
   * Reserves a region.
   *
   * @param request the sequence to come; its length at the end is for {@link #usage} to tell tokens
   *     that wait from tokens that are wasted
   * @param reservation tokens to set aside, at least the request's total
   * @return an empty sequence, or nothing if no hole is long enough
   */
  public Optional<Sequence> open(Request request, int reservation) {
    if (reservation < request.totalTokens()) {
      throw new IllegalArgumentException(
          "a region holds its request: request=" + request + ", reservation=" + reservation);
    }
    OptionalInt start = regions.take(reservation);
    if (start.isEmpty()) {
      return Optional.empty();
    }
    numSequences++;
    finalTokens += request.totalTokens();
    reservedTokens += reservation;
    return Optional.of(new Sequence(start.getAsInt(), reservation, request.totalTokens()));
  }

  /**
   * Counts.
   *
   * @return the parts of the capacity, which add up to it
   */
  public Usage usage() {
    return new Usage(
        heldTokens,
        finalTokens - heldTokens,
        reservedTokens - finalTokens,
        capacityTokens - reservedTokens);
  }

  /**
   * Sequences that are open.
   *
   * @return how many
   */
  public int numSequences() {
    return numSequences;
  }

  /**
   * Heads and head dims.
   *
   * @return the shape
   */
  public LayerShape shape() {
    return shape;
  }

  private int keyWidth() {
    return shape.numKvHeads() * shape.keyHeadDim();
  }

  private int valueWidth() {
    return shape.numKvHeads() * shape.valueHeadDim();
  }

  /** One sequence in its region. */
  public final class Sequence implements AutoCloseable {
    private final int firstToken;
    private final int capacity;
    private final int finalLength;
    private int length;
    private boolean closed;

    private Sequence(int firstToken, int capacity, int finalLength) {
      this.firstToken = firstToken;
      this.capacity = capacity;
      this.finalLength = finalLength;
    }

    /**
     * Tokens held.
     *
     * @return context length
     */
    public int length() {
      return length;
    }

    /**
     * Whether every token of its request is there.
     *
     * @return true at the end
     */
    public boolean isComplete() {
      return length == finalLength;
    }

    /**
     * Appends tokens behind those it has.
     *
     * @param newKeys {@code [rows, numKvHeads, keyHeadDim]}
     * @param newValues {@code [rows, numKvHeads, valueHeadDim]}
     * @param firstRow first row to append
     * @param numTokens rows to append
     * @throws IllegalStateException if the region is full
     */
    public void append(float[] newKeys, float[] newValues, int firstRow, int numTokens) {
      if (closed || length + numTokens > capacity) {
        throw new IllegalStateException(
            "the region is closed or full: closed="
                + closed
                + ", capacity="
                + capacity
                + ", length="
                + length
                + ", numTokens="
                + numTokens);
      }
      int target = firstToken + length;
      System.arraycopy(
          newKeys, firstRow * keyWidth(), keys, target * keyWidth(), numTokens * keyWidth());
      System.arraycopy(
          newValues,
          firstRow * valueWidth(),
          values,
          target * valueWidth(),
          numTokens * valueWidth());
      length += numTokens;
      heldTokens += numTokens;
    }

    /**
     * Drops tokens at the end; the region stays.
     *
     * @param newLength tokens to keep
     */
    public void truncate(int newLength) {
      heldTokens -= length - newLength;
      length = newLength;
    }

    /**
     * Where the tokens are.
     *
     * @return a view, valid until the next append
     */
    public ContiguousKv kv() {
      return new ContiguousKv(keys, values, firstToken, length);
    }

    /** Gives the region back. */
    @Override
    public void close() {
      if (closed) {
        return;
      }
      closed = true;
      numSequences--;
      heldTokens -= length;
      finalTokens -= finalLength;
      reservedTokens -= capacity;
      regions.giveBack(firstToken);
    }
  }
}
