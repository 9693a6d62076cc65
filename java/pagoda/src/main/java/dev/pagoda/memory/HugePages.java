package dev.pagoda.memory;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Asks Linux for 2 MiB pages under a pool: attention reads blocks in random order, and with 4 KiB
 * pages the processor looks up the address of nearly every one of them.
 *
 * <p>A pool that a cache allocates is asked for by itself; this class is for memory of the
 * caller's. It calls {@code madvise} through the foreign linker, and only where native access was
 * enabled for Pagoda's module ({@code --enable-native-access}): nobody else sees a warning.
 */
public final class HugePages {
  /** Size of a huge page, and the alignment that memory should have to be made of them. */
  public static final long PAGE_BYTES = 2L << 20;

  private static final Path SETTING = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_COLLAPSE = 25; // since Linux 6.1: at once, not when it gets around

  private HugePages() {}

  /** What came of it. */
  public enum Outcome {
    /** All whole 2 MiB of the memory are huge pages now. */
    GRANTED("2 MiB pages"),
    /** The system knows; it makes huge pages when it finds the time and the memory. */
    REQUESTED("2 MiB pages requested"),
    /** The memory holds no whole huge page. */
    TOO_SMALL("4 KiB pages: too small for others"),
    /** Not Linux, or switched off there. */
    UNSUPPORTED("pages as the system chooses: it offers no others"),
    /** Calling the system was not allowed. */
    NOT_ALLOWED("4 KiB pages: native access is not enabled"),
    /** Memory of the caller's, left alone. */
    NOT_REQUESTED("pages as the caller chose");

    private final String phrase;

    Outcome(String phrase) {
      this.phrase = phrase;
    }

    /**
     * The outcome in words, for a line that people read.
     *
     * @return a phrase
     */
    public String phrase() {
      return phrase;
    }
  }

  /**
   * Asks for huge pages under memory that was already written or not; its content stays. Takes
   * about as long as copying the memory once.
   *
   * @param memory memory off the heap; the 2 MiB pieces that lie within are asked for
   * @return what came of it
   */
  public static Outcome request(MemorySegment memory) {
    long first = Math.ceilDiv(memory.address(), PAGE_BYTES) * PAGE_BYTES - memory.address();
    long byteSize = (memory.byteSize() - first) / PAGE_BYTES * PAGE_BYTES;
    if (byteSize <= 0) {
      return Outcome.TOO_SMALL;
    }
    if (!isOffered()) {
      return Outcome.UNSUPPORTED;
    }
    if (!HugePages.class.getModule().isNativeAccessEnabled()) {
      return Outcome.NOT_ALLOWED;
    }
    Optional<MethodHandle> madvise = madvise();
    if (madvise.isEmpty()) {
      return Outcome.UNSUPPORTED;
    }
    MemorySegment pages = memory.asSlice(first, byteSize);
    if (advise(madvise.get(), pages, MADV_HUGEPAGE) != 0) {
      return Outcome.UNSUPPORTED;
    }
    return advise(madvise.get(), pages, MADV_COLLAPSE) == 0 ? Outcome.GRANTED : Outcome.REQUESTED;
  }

  /** Whether this is a Linux that makes huge pages on request. */
  private static boolean isOffered() {
    try {
      return !Files.readString(SETTING).contains("[never]");
    } catch (IOException | SecurityException otherSystem) {
      return false;
    }
  }

  @SuppressWarnings("restricted") // the one foreign function of this class; its caller has asked
  private static Optional<MethodHandle> madvise() {
    Linker linker = Linker.nativeLinker();
    SymbolLookup lookup = linker.defaultLookup();
    FunctionDescriptor descriptor =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT);
    return lookup.find("madvise").map(address -> linker.downcallHandle(address, descriptor));
  }

  private static int advise(MethodHandle madvise, MemorySegment pages, int advice) {
    try {
      return (int) madvise.invokeExact(pages, pages.byteSize(), advice);
    } catch (Throwable unexpected) {
      throw new IllegalStateException("madvise could not be called: advice=" + advice, unexpected);
    }
  }
}
