package dev.pagoda.block;

import java.lang.reflect.Field;

/** Reaches into a pool's books, so that tests can plant the mistakes that its checks must find. */
public final class PoolSurgery {
  private final BlockPool pool;

  public PoolSurgery(BlockPool pool) {
    this.pool = pool;
  }

  /** One of the pool's arrays, to be written. */
  public int[] array(String name) throws ReflectiveOperationException {
    return (int[]) field(name).get(pool);
  }

  public int get(String name) throws ReflectiveOperationException {
    return field(name).getInt(pool);
  }

  public void set(String name, int value) throws ReflectiveOperationException {
    field(name).setInt(pool, value);
  }

  public void setLong(String name, long value) throws ReflectiveOperationException {
    field(name).setLong(pool, value);
  }

  private static Field field(String name) throws ReflectiveOperationException {
    Field field = BlockPool.class.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }
}
