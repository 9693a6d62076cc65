package dev.pagoda.internal.cuda;

/** Memory of one device when it was asked, in bytes. */
record DeviceMemory(long totalBytes, long freeBytes) {}
