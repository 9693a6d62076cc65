package dev.pagoda.lab.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ReportFolderTest {
  @TempDir Path folder;

  @Test
  void writesThePageAndAFileForEachTableAndChart() throws IOException {
    Report report = SampleReport.report();

    List<String> leftOut = new ReportFolder(folder).write(report);

    boolean draws = PngFiles.unavailabilityReason().isEmpty();
    if (draws) {
      assertThat(leftOut).isEmpty();
    } else {
      assertThat(leftOut).singleElement().asString().startsWith("PNG files are left out: ");
      assertThat(folder.resolve("png")).doesNotExist();
    }
    assertThat(folder.resolve("report.html")).hasContent(HtmlReport.render(report));
    for (Section section : report.sections()) {
      for (Table table : section.data().toList()) {
        assertThat(Files.readString(folder.resolve("csv/" + table.id() + ".csv")))
            .isEqualTo(Csv.render(table));
      }
      for (Chart chart : section.charts()) {
        if (draws) {
          requirePicture(ImageIO.read(folder.resolve("png/" + chart.id() + ".png").toFile()));
        }
        assertThat(
                Xml.parse(Files.readString(folder.resolve("svg/" + chart.id() + ".svg")))
                    .getDocumentElement()
                    .getTagName())
            .isEqualTo("svg");
      }
    }
  }

  @Test
  void writesOverAnEarlierReport() throws IOException {
    new ReportFolder(folder).write(SampleReport.report());
    new ReportFolder(folder).write(SampleReport.report());

    assertThat(folder.resolve("report.html")).isNotEmptyFile();
  }

  @ParameterizedTest
  @MethodSource("dev.pagoda.lab.report.SvgChartTest#awkwardCharts")
  void anyChartBecomesAPicture(Chart chart) throws IOException {
    Optional<String> reason = PngFiles.unavailabilityReason();
    assumeTrue(reason.isEmpty(), () -> reason.orElse(""));
    PngFiles.write(chart, folder.resolve("chart.png"));

    requirePicture(ImageIO.read(folder.resolve("chart.png").toFile()));
  }

  private static void requirePicture(BufferedImage image) {
    assertThat(image.getWidth()).isEqualTo(900);
    Set<Integer> colours = new HashSet<>();
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        colours.add(image.getRGB(x, y));
      }
    }
    assertThat(colours).hasSizeGreaterThan(3);
  }
}
