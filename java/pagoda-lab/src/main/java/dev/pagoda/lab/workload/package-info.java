/**
 * What a server is asked to do, in numbers of tokens: seeded random requests.
 *
 * <p>The same workload and seed give the same requests on every JDK: randomness comes from {@link
 * java.util.Random}, whose algorithms are part of its specification.
 */
@NullMarked
package dev.pagoda.lab.workload;

import org.jspecify.annotations.NullMarked;
