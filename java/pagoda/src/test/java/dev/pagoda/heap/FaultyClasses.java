package dev.pagoda.heap;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The library and its tests once more, in a loader of their own: whatever the library allocates,
 * and whatever it calls of the JDK, passes {@link HeapFaults}. Tests themselves are loaded as they
 * are.
 */
final class FaultyClasses extends ClassLoader {
  private static final String OURS = "dev.pagoda.";
  private static final String HOOKS = Type.getInternalName(HeapFaults.class);

  private static final String SKIP_LIST = "java/util/concurrent/ConcurrentSkipListSet";

  /** Tables that grow after they have taken what was given to them. */
  private static final Set<String> GROWING =
      Set.of(
          "java/util/Map",
          "java/util/HashMap",
          "java/util/LinkedHashMap",
          "java/util/Set",
          "java/util/HashSet",
          "java/util/LinkedHashSet",
          "java/util/ArrayDeque",
          "java/util/concurrent/ConcurrentHashMap",
          SKIP_LIST);

  private static final Set<String> INSERTIONS =
      Set.of("put", "putIfAbsent", "merge", "compute", "computeIfAbsent", "add", "addLast");

  private final String library;

  FaultyClasses(Class<?> ofLibrary) {
    super(FaultyClasses.class.getClassLoader());
    library = ofLibrary.getProtectionDomain().getCodeSource().getLocation().getPath();
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    if (!name.startsWith(OURS) || name.startsWith(HeapFaults.class.getName())) {
      return super.loadClass(name, resolve);
    }
    synchronized (getClassLoadingLock(name)) {
      Class<?> loaded = findLoadedClass(name);
      return loaded == null ? define(name) : loaded;
    }
  }

  private Class<?> define(String name) throws ClassNotFoundException {
    String path = name.replace('.', '/') + ".class";
    try (InputStream stream = getParent().getResourceAsStream(path)) {
      if (stream == null) {
        throw new ClassNotFoundException(name);
      }
      byte[] bytes = stream.readAllBytes();
      boolean isLibrary = getParent().getResource(path).getPath().startsWith(library);
      byte[] loaded = isLibrary ? withFaults(bytes) : bytes;
      return defineClass(name, loaded, 0, loaded.length);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private static byte[] withFaults(byte[] bytes) {
    ClassReader reader = new ClassReader(bytes);
    ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
    reader.accept(
        new ClassVisitor(Opcodes.ASM9, writer) {
          @Override
          public MethodVisitor visitMethod(
              int access, String name, String descriptor, String signature, String[] thrown) {
            return new FaultyMethod(
                super.visitMethod(access, name, descriptor, signature, thrown),
                reader.getClassName() + "." + name);
          }
        },
        0);
    return writer.toByteArray();
  }

  private static final class FaultyMethod extends MethodVisitor {
    private final String method;
    private int line;

    FaultyMethod(MethodVisitor writer, String method) {
      super(Opcodes.ASM9, writer);
      this.method = method;
    }

    @Override
    public void visitLineNumber(int newLine, org.objectweb.asm.Label start) {
      line = newLine;
      super.visitLineNumber(newLine, start);
    }

    private int newPlace(String what) {
      return HeapFaults.newPlace(method + ":" + line + " " + what, true, false);
    }

    private void hook(String name, int place) {
      visitLdcInsn(place);
      super.visitMethodInsn(Opcodes.INVOKESTATIC, HOOKS, name, "(I)V", false);
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
      super.visitTypeInsn(opcode, type);
      // Behind it: what a frame calls a new object is its instruction's place.
      if (opcode == Opcodes.NEW || opcode == Opcodes.ANEWARRAY) {
        hook("allocation", newPlace("new " + type));
      }
    }

    @Override
    public void visitIntInsn(int opcode, int operand) {
      super.visitIntInsn(opcode, operand);
      if (opcode == Opcodes.NEWARRAY) {
        hook("allocation", newPlace("new array"));
      }
    }

    @Override
    public void visitMultiANewArrayInsn(String descriptor, int numDimensions) {
      super.visitMultiANewArrayInsn(descriptor, numDimensions);
      hook("allocation", newPlace("new " + descriptor));
    }

    @Override
    public void visitInvokeDynamicInsn(
        String name, String descriptor, Handle bootstrap, Object... arguments) {
      int place = newPlace(bootstrap.getName() + " " + name);
      hook("before", place);
      super.visitInvokeDynamicInsn(name, descriptor, bootstrap, arguments);
      hook("after", place);
    }

    /** Allocates nothing itself, however much what it calls does. */
    private static boolean isCallOfOurs(String owner, String name) {
      return owner.startsWith("java/util/function/")
          || owner.startsWith("java/util/concurrent/locks/") // may be our own CacheLock
          || owner.equals("java/lang/Runnable")
          || owner.equals("java/util/concurrent/Executor")
          || name.equals("forEach")
          || name.equals("setAll");
    }

    @Override
    public void visitMethodInsn(
        int opcode, String owner, String name, String descriptor, boolean isInterface) {
      if (owner.startsWith("dev/pagoda/") || isCallOfOurs(owner, name)) {
        super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
        return;
      }
      boolean insertsFirst = GROWING.contains(owner) && INSERTIONS.contains(name);
      // Which is gone from the list before memory is wanted to unlink its node.
      boolean removesFirst = owner.equals(SKIP_LIST) && name.equals("remove");
      int place =
          HeapFaults.newPlace(
              method + ":" + line + " " + owner + "." + name,
              !removesFirst,
              insertsFirst || removesFirst);
      hook("before", place);
      super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
      hook("after", place);
    }
  }
}
