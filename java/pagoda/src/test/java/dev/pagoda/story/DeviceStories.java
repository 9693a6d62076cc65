package dev.pagoda.story;

import dev.pagoda.Checks;
import dev.pagoda.CopyFaults;
import dev.pagoda.PagedKvCache;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.memory.HostStorage;

/**
 * Caches on the first CUDA device, whose copies fail as any other's; whoever looks at blocks copies
 * them.
 */
class DeviceStories extends CopyFaults {
  @Override
  protected KeyOrder keyOrder() {
    return KeyOrder.TOKEN_MAJOR;
  }

  @Override
  public PagedKvCache open(HostStorage host, Checks checks) {
    return openAt(CudaPlace.firstDevice(), host.layout().shape(), host.numBlocks(), checks);
  }

  @Override
  public void read(PagedKvCache cache, HostStorage host, int[] blockIds) {
    copy(cache, host, blockIds, blockIds);
  }

  static void copy(PagedKvCache cache, HostStorage host, int[] from, int[] to) {
    storage(cache).copyOut(from, host, to, from.length);
  }
}
