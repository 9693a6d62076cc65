/**
 * The nine experiments of {@code pagoda report}, each on the library itself: caches are opened,
 * steps committed, blocks copied and clocks read; no formula stands in for a measurement. What is
 * modelled is called so.
 *
 * <p>{@link dev.pagoda.lab.experiment.ReportExperiments} runs them. An experiment is a class that
 * measures and returns a result of plain numbers, and one that turns the result into a section, so
 * that tests can hold the numbers to what is known by hand.
 */
@NullMarked
package dev.pagoda.lab.experiment;

import org.jspecify.annotations.NullMarked;
