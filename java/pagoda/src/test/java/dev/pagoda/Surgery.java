package dev.pagoda;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.List;

/** Reaches into private books, so that tests can plant the mistakes that checks must find. */
public class Surgery {
  private final List<Object> books;

  /** Fields are looked for in these objects, in order. */
  protected Surgery(Object... books) {
    this.books = List.of(books);
  }

  /** One of the arrays, to be written. */
  public final int[] array(String name) throws ReflectiveOperationException {
    return (int[]) value(name);
  }

  public final List<?> list(String name) throws ReflectiveOperationException {
    return (List<?>) value(name);
  }

  public final int get(String name) throws ReflectiveOperationException {
    return (int) value(name);
  }

  public final long getLong(String name) throws ReflectiveOperationException {
    return (long) value(name);
  }

  public final void set(String name, int value) throws ReflectiveOperationException {
    Object book = bookOf(name);
    field(book, name).setInt(book, value);
  }

  public final void setLong(String name, long value) throws ReflectiveOperationException {
    Object book = bookOf(name);
    field(book, name).setLong(book, value);
  }

  private Object value(String name) throws ReflectiveOperationException {
    Object book = bookOf(name);
    return field(book, name).get(book);
  }

  private Object bookOf(String name) throws NoSuchFieldException {
    for (Object book : books) {
      Field[] fields = book.getClass().getDeclaredFields();
      if (Arrays.stream(fields).anyMatch(field -> field.getName().equals(name))) {
        return book;
      }
    }
    throw new NoSuchFieldException("fields have other names now: name=" + name);
  }

  private static Field field(Object book, String name) throws NoSuchFieldException {
    Field field = book.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }
}
