package dev.pagoda.prefix;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** Readers of the index take no lock: what is adopted and still live is what its entry says. */
@JCStressTest
@Outcome(id = "0", expect = ACCEPTABLE, desc = "a miss")
@Outcome(id = "1", expect = ACCEPTABLE, desc = "a hit, and the content that was looked for")
@Outcome(id = "2", expect = FORBIDDEN, desc = "a hit, and another key's content")
@State
public class AdoptedAndLiveStress extends AdoptedAndLive {
  /** Looks the key up. */
  @Actor
  public void reader(I_Result result) {
    result.r1 = read();
  }

  /** Gives the block another content. */
  @Actor
  public void writer() {
    write();
  }
}
