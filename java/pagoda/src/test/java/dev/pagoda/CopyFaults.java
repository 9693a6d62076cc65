package dev.pagoda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.internal.cuda.CudaKernels;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.util.List;

/**
 * Small caches of the scalar backend, unless overridden, over memory that a test can read, whose
 * copies fail when they are told to.
 */
public class CopyFaults {
  private int copiesUntilFailure;
  private boolean failsAfter;
  private boolean hasFailed;
  private long numFailed;

  public CopyFaults() {}

  /** What the caches' layers are. */
  public List<LayerShape> layers() {
    return List.of(
        new LayerShape(1, 2, 1, DType.FP32, DType.FP32),
        new LayerShape(2, 1, 2, DType.FP32, DType.BF16));
  }

  /** The order that the caches' kernels want. */
  protected KeyOrder keyOrder() {
    return new InterposedKernels().keyOrder();
  }

  /** Memory for the blocks of a cache. */
  public final HostStorage allocate(KvShape shape, int numBlocks) {
    return HostStorage.allocate(new KvLayout(shape, keyOrder()), numBlocks);
  }

  /** A cache over such memory, which it closes unless overridden. */
  public PagedKvCache open(HostStorage host, Checks checks) {
    return new PagedKvCache(Backend.SCALAR, new InterposedKernels(), new Storage(host), checks);
  }

  /** A cache over a device's memory, whose copies fail when they are told to. */
  protected final PagedKvCache openAt(
      CudaPlace place, KvShape shape, int numBlocks, Checks checks) {
    Kernels device = CudaKernels.at(place);
    KvStorage storage = device.openStorage(new KvLayout(shape, device.keyOrder()), numBlocks);
    return new PagedKvCache(Backend.CUDA, new DeviceKernels(device), new Storage(storage), checks);
  }

  /** The storage that a cache's copies go to when they do not fail. */
  protected static KvStorage storage(PagedKvCache cache) {
    return InterposedStorage.behind(cache.unwrap(KvStorage.class));
  }

  /**
   * Has some blocks of a cache in its memory as they are now: there they are, unless overridden.
   */
  public void read(PagedKvCache cache, HostStorage host, int[] blockIds) {}

  /** The n-th copy from now on fails, before or after it was made. */
  public final void failIn(int copies, boolean after) {
    copiesUntilFailure = copies;
    failsAfter = after;
    hasFailed = false;
  }

  /** No copy fails from now on. */
  public final void repair() {
    copiesUntilFailure = 0;
  }

  /** Whether a copy has failed since it was told to. */
  public final boolean hasFailed() {
    return hasFailed;
  }

  /** How many copies have ever failed. */
  public final long numFailed() {
    return numFailed;
  }

  /** Which host blocks a copy into the cache reads: those it was asked to, unless overridden. */
  protected int[] copiedIn(int[] sources, int count) {
    return sources;
  }

  private void pass(String site, int count, Runnable copy) {
    if (count == 0) {
      return; // no copy at all
    }
    copiesUntilFailure--;
    boolean fails = copiesUntilFailure == 0;
    if (!fails || failsAfter) {
      copy.run();
    }
    if (fails) {
      hasFailed = true;
      numFailed++;
      throw new PlantedFailure(site);
    }
  }

  private final class Storage extends InterposedStorage {
    Storage(KvStorage storage) {
      super(storage);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      pass("copyBlocks", count, () -> super.copyBlocks(sources, targets, count));
    }

    @Override
    public void copyOut(int[] sources, HostStorage target, int[] targets, int count) {
      pass("copyOut", count, () -> super.copyOut(sources, target, targets, count));
    }

    @Override
    public void copyIn(HostStorage source, int[] sources, int[] targets, int count) {
      pass("copyIn", count, () -> super.copyIn(source, copiedIn(sources, count), targets, count));
    }
  }
}
