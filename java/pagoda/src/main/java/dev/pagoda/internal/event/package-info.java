/**
 * What happens in a cache, as events of the JDK Flight Recorder.
 *
 * <p>The module {@code jdk.jfr} is optional, {@code requires static}, as the Vector API is: an
 * image without it runs all the same, and there {@link dev.pagoda.internal.event.CacheEvents} does
 * nothing. On the class path every usual JDK has it; an application of modules requires it itself
 * or starts with {@code --add-modules jdk.jfr}. Its types stay inside one class, which is touched
 * only if the module is there.
 *
 * <p>An event costs a test of a flag while nobody records. None is made per token: only where
 * blocks change hands or bytes are moved.
 */
package dev.pagoda.internal.event;
