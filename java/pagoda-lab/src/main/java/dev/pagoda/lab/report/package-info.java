/**
 * What a report says, and how it is shown.
 *
 * <p>{@link dev.pagoda.lab.report.Report} and the records below it are the model: sections with a
 * verdict, prose, charts and tables. It holds every number at full precision together with the text
 * that shows it, and knows nothing of pages and files. The renderers know nothing of experiments:
 * {@link dev.pagoda.lab.report.TerminalReport}, {@link dev.pagoda.lab.report.HtmlReport} with its
 * own SVG charts, {@link dev.pagoda.lab.report.PngFiles} for PNG files, {@link
 * dev.pagoda.lab.report.Csv}. {@link dev.pagoda.lab.report.ReportFolder} writes them all.
 */
@NullMarked
package dev.pagoda.lab.report;

import org.jspecify.annotations.NullMarked;
