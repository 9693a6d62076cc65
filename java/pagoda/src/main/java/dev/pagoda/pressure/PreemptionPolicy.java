package dev.pagoda.pressure;

import java.util.List;

/**
 * Who makes room, and how. {@link LatestFirst} is the usual one; an application may have its own.
 *
 * <p>Must not change anything: it is asked, and what it says is carried out, all of it or nothing.
 */
public interface PreemptionPolicy {
  /**
   * Chooses groups that make enough blocks available.
   *
   * @param <V> whatever stands for a group
   * @param shortage what is missing
   * @param victims groups that may be chosen, in the order they came
   * @return what to do, each group once; empty if it cannot or does not want to
   */
  <V extends Victim> List<Preemption<V>> choose(Shortage shortage, List<V> victims);
}
