package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Workspaces of attention, one for each shape of heads. Launches of one stream follow each other,
 * so that all steps share them; shapes do not, because each leaves zeros where it alone needs them.
 *
 * <p>Threads: any, each with a {@link CallMemory} of its own.
 */
final class WorkspaceTable {
  private final DeviceQueue queue;

  // Replaced when it grows, under the lock; read without.
  private volatile List<Workspace> workspaces = List.of();

  /** What the size depends on. */
  record Heads(int numQueryHeads, int numKvHeads, int valueHeadDim) {}

  record Workspace(Heads heads, long address, long byteSize) {
    boolean isFor(int numQueryHeads, int numKvHeads, int valueHeadDim) {
      return heads.numQueryHeads == numQueryHeads
          && heads.numKvHeads == numKvHeads
          && heads.valueHeadDim == valueHeadDim;
    }
  }

  WorkspaceTable(DeviceQueue queue) {
    this.queue = queue;
  }

  /**
   * The workspace for a shape; the first call for it allocates.
   *
   * @param prefillParams a prefill's params with heads and dims set
   */
  Workspace of(
      int numQueryHeads,
      int numKvHeads,
      int valueHeadDim,
      MemorySegment prefillParams,
      CallMemory memory) {
    List<Workspace> known = workspaces;
    for (int i = 0; i < known.size(); i++) {
      if (known.get(i).isFor(numQueryHeads, numKvHeads, valueHeadDim)) {
        return known.get(i);
      }
    }
    return add(new Heads(numQueryHeads, numKvHeads, valueHeadDim), prefillParams, memory);
  }

  private synchronized Workspace add(Heads heads, MemorySegment prefillParams, CallMemory memory) {
    for (Workspace workspace : workspaces) {
      if (workspace.heads.equals(heads)) {
        return workspace; // another step was faster
      }
    }
    queue.requireNotCapturing(memory);
    queue.enter(memory);
    try {
      queue.check(
          "pagoda_paged_prefill_workspace",
          pagoda_h.pagoda_paged_prefill_workspace(prefillParams, memory.result(), memory.error()),
          memory);
    } finally {
      queue.leave(memory);
    }
    long byteSize = memory.resultLong();
    long address = queue.allocateDevice(byteSize, memory);
    queue.fill(address, byteSize, 0, memory);
    Workspace added = new Workspace(heads, address, byteSize);
    List<Workspace> longer = new ArrayList<>(workspaces);
    longer.add(added);
    workspaces = List.copyOf(longer);
    return added;
  }
}
