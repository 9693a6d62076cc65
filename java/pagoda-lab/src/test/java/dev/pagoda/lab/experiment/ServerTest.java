package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.pagoda.lab.attention.ContiguousKvStore;
import dev.pagoda.lab.attention.ReservationPolicy;
import dev.pagoda.lab.workload.Request;
import dev.pagoda.lab.workload.Workload;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class ServerTest {
  @Test
  void preemptedJobsComeBackAndFinish() {
    // Two blocks of 16 for two jobs of 20 tokens: both begin, one must wait for the other.
    List<Request> requests = Collections.nCopies(2, new Request(10, 10));
    try (PagedServer server = new PagedServer(3 * 16, 16)) {
      Deque<Server.Job> queue = new ArrayDeque<>();
      requests.forEach(request -> queue.add(new Server.Job(request)));
      for (int i = 0; i < 2; i++) {
        assertThat(server.admit(queue.getFirst())).isTrue();
        queue.removeFirst();
      }
      int numSteps = 0;
      while (server.occupancy().numSequences() > 0 || !queue.isEmpty()) {
        while (!queue.isEmpty() && server.admit(queue.getFirst())) {
          queue.removeFirst();
        }
        server.advance(queue);
        numSteps++;
        assertThat(numSteps).isLessThan(100);
      }
      assertThat(server.numPreemptions()).isEqualTo(1);
      assertThat(server.occupancy().free()).isEqualTo(48);
    }
  }

  @Test
  void contiguousServersReserveBeforeTheyBegin() {
    try (ContiguousServer server =
        new ContiguousServer(
            64, ReservationPolicy.MAXIMUM_LENGTH, 32, ContiguousKvStore.Placement.FIRST_FIT)) {
      assertThat(server.admit(new Server.Job(new Request(4, 4)))).isTrue();
      assertThat(server.admit(new Server.Job(new Request(4, 4)))).isTrue();
      assertThat(server.admit(new Server.Job(new Request(4, 4)))).isFalse();
      assertThat(server.occupancy()).isEqualTo(new Occupancy(8, 8, 48, 0, 2));
      Deque<Server.Job> queue = new ArrayDeque<>();
      for (int i = 0; i < 4; i++) {
        server.advance(queue);
      }
      assertThat(server.occupancy()).isEqualTo(new Occupancy(0, 0, 0, 64, 0));
      assertThat(queue).isEmpty();
    }
  }

  @Test
  void refusesALoadThatDoesNotFillTheServer() {
    try (PagedServer server = new PagedServer(15_700, 16)) {
      List<Request> few = Workload.ALPACA.requests(3, 1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Server.meanUnderLoad(server, few))
          .withMessageEndingWith("numRequests=3");
    }
  }
}
