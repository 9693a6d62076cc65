package dev.pagoda.lab.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes a report into a folder: {@code report.html}, and beside it {@code csv}, {@code png} and
 * {@code svg} with a file per table and chart. The page needs none of them.
 *
 * @param folder the folder; made if it is not there, files of the same names are replaced
 */
public record ReportFolder(Path folder) {
  /** Name of the page. */
  public static final String PAGE = "report.html";

  /**
   * Writes everything, the page last.
   *
   * @param report what to write
   * @return a sentence for each kind of file that this machine cannot make; usually none
   * @throws IOException if a file cannot be written
   */
  public List<String> write(Report report) throws IOException {
    List<String> leftOut = new ArrayList<>();
    Path csv = Files.createDirectories(folder.resolve("csv"));
    for (Section section : report.sections()) {
      for (Table table : section.data().toList()) {
        Files.writeString(csv.resolve(table.id() + ".csv"), Csv.render(table));
      }
    }
    Path svg = Files.createDirectories(folder.resolve("svg"));
    for (Section section : report.sections()) {
      for (Chart chart : section.charts()) {
        Files.writeString(svg.resolve(chart.id() + ".svg"), SvgFile.render(chart));
      }
    }
    Optional<String> unavailable = noDrawing();
    if (unavailable.isEmpty()) {
      writePictures(report);
    } else {
      leftOut.add("PNG files are left out: " + unavailable.get());
    }
    Files.writeString(folder.resolve(PAGE), HtmlReport.render(report));
    return leftOut;
  }

  private static Optional<String> noDrawing() {
    try {
      return PngFiles.unavailabilityReason();
    } catch (LinkageError noDesktop) {
      // A runtime made by jlink may lack the module that draws.
      return Optional.of("this JVM cannot draw: " + noDesktop);
    }
  }

  private void writePictures(Report report) throws IOException {
    Path png = Files.createDirectories(folder.resolve("png"));
    for (Section section : report.sections()) {
      for (Chart chart : section.charts()) {
        PngFiles.write(chart, png.resolve(chart.id() + ".png"));
      }
    }
  }
}
