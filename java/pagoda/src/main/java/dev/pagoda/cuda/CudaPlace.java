package dev.pagoda.cuda;

import dev.pagoda.memory.Place;
import java.util.Objects;

/**
 * A device for a cache to live on, and the context and stream its work goes to.
 *
 * <p>Everything a cache does runs on one stream, in the order of the calls: that is why a block can
 * be given to another sequence while work that reads it is still queued. Work of the caller's own
 * on that stream is ordered with it; work on other streams is not.
 *
 * @param deviceIndex the device, from 0; not looked at when a context is given
 * @param context a {@code CUcontext} of the caller's that outlives the cache, or 0 for the device's
 *     primary one
 * @param stream a {@code CUstream} of the caller's in that context that outlives the cache, or 0
 *     for one of the cache's own; CUDA's two default streams have the handles 1 and 2
 * @param room what steps have room for from the start
 */
public record CudaPlace(int deviceIndex, long context, long stream, StepRoom room)
    implements Place {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is negative
   */
  public CudaPlace {
    Objects.requireNonNull(room, "room");
    if (deviceIndex < 0) {
      throw new IllegalArgumentException("devices are counted from 0: deviceIndex=" + deviceIndex);
    }
  }

  /**
   * The first device, its primary context, and a stream of the cache's own.
   *
   * @return the place
   */
  public static CudaPlace firstDevice() {
    return new CudaPlace(0, 0, 0, StepRoom.growing());
  }

  /**
   * The same on another device.
   *
   * @param newDeviceIndex from 0
   * @return a place that differs in the device alone
   */
  public CudaPlace withDevice(int newDeviceIndex) {
    return new CudaPlace(newDeviceIndex, context, stream, room);
  }

  /**
   * The same in a context of the caller's.
   *
   * @param newContext a {@code CUcontext}
   * @return a place that differs in the context alone
   */
  public CudaPlace withContext(long newContext) {
    return new CudaPlace(deviceIndex, newContext, stream, room);
  }

  /**
   * The same on a stream of the caller's.
   *
   * @param newStream a {@code CUstream}
   * @return a place that differs in the stream alone
   */
  public CudaPlace withStream(long newStream) {
    return new CudaPlace(deviceIndex, context, newStream, room);
  }

  /**
   * The same with room for larger steps from the start, so that their arrays never move.
   *
   * @param newRoom what steps have room for
   * @return a place that differs in the room alone
   */
  public CudaPlace withRoom(StepRoom newRoom) {
    return new CudaPlace(deviceIndex, context, stream, newRoom);
  }

  @Override
  public String backend() {
    return "cuda";
  }
}
