package dev.pagoda.block;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.List;

/** Reaches into a pool's books, so that tests can plant the mistakes that its checks must find. */
public final class PoolSurgery {
  private final List<Object> books;

  public PoolSurgery(BlockPool pool) {
    BlockBooks all = pool.books();
    books = List.of(all, all.lives, all.free, all.marks);
  }

  /** One of the arrays in the pool's books, to be written. */
  public int[] array(String name) throws ReflectiveOperationException {
    Object book = bookOf(name);
    return (int[]) field(book, name).get(book);
  }

  public int get(String name) throws ReflectiveOperationException {
    Object book = bookOf(name);
    return field(book, name).getInt(book);
  }

  public void set(String name, int value) throws ReflectiveOperationException {
    Object book = bookOf(name);
    field(book, name).setInt(book, value);
  }

  public void setLong(String name, long value) throws ReflectiveOperationException {
    Object book = bookOf(name);
    field(book, name).setLong(book, value);
  }

  private Object bookOf(String name) throws NoSuchFieldException {
    for (Object book : books) {
      Field[] fields = book.getClass().getDeclaredFields();
      if (Arrays.stream(fields).anyMatch(field -> field.getName().equals(name))) {
        return book;
      }
    }
    throw new NoSuchFieldException("no book of the pool has it: name=" + name);
  }

  private static Field field(Object book, String name) throws NoSuchFieldException {
    Field field = book.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }
}
