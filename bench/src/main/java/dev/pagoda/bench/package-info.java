/**
 * JMH benchmarks of the library, one class per question. {@code bench/README.md} says how to run.
 */
package dev.pagoda.bench;
