/**
 * The command line: what the user types, what is refused, what is printed, and with which exit code
 * it ends.
 *
 * <p>{@link dev.pagoda.lab.cli.Pagoda} runs a command. The commands know files, options and
 * sentences; what they start is behind three interfaces, {@link dev.pagoda.lab.cli.Experiments} for
 * {@code report}, {@link dev.pagoda.lab.cli.Simulations} for {@code simulate} and {@link
 * dev.pagoda.lab.cli.AttendEngines} for {@code attend}.
 *
 * <p>Exit codes: 0 when all was done; 2 when the arguments or an input were refused, each with one
 * sentence on standard error; 1 when the program itself failed, or a check of the report did.
 */
@NullMarked
package dev.pagoda.lab.cli;

import org.jspecify.annotations.NullMarked;
