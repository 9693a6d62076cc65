package dev.pagoda.internal.kernel;

/** Working memory of one thread inside a kernel. Only the kernels that made it look inside. */
public interface Scratch {}
