package dev.pagoda.story;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.CopyFaults;
import dev.pagoda.PagedKvCache;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.util.List;

/**
 * Caches on the first CUDA device. Their copies do not fail; whoever looks at blocks copies them.
 */
class DeviceStories extends CopyFaults {
  @Override
  public List<LayerShape> layers() {
    return List.of(
        new LayerShape(1, 2, 1, DType.FP32, DType.FP32),
        // The device wants keys and values alike.
        new LayerShape(2, 1, 2, DType.BF16, DType.BF16));
  }

  @Override
  protected KeyOrder keyOrder() {
    return KeyOrder.TOKEN_MAJOR;
  }

  @Override
  public PagedKvCache open(HostStorage host, Checks checks) {
    Capacity capacity = Capacity.blocks(host.numBlocks());
    return PagedKvCache.open(host.layout().shape(), Backend.CUDA, capacity, checks);
  }

  @Override
  public void read(PagedKvCache cache, HostStorage host, int[] blockIds) {
    copy(cache, host, blockIds, blockIds);
  }

  static void copy(PagedKvCache cache, HostStorage host, int[] from, int[] to) {
    KvStorage device = (KvStorage) cache.unwrap(CudaCache.class);
    device.copyOut(from, host, to, from.length);
  }
}
