package dev.pagoda.internal.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LibrarySearchTest {
  @Test
  void platformsAreSpelledAsInResourceNames() {
    assertThat(LibrarySearch.platform("Linux", "amd64")).isEqualTo("linux-x86_64");
    assertThat(LibrarySearch.platform("Linux", "aarch64")).isEqualTo("linux-aarch64");
    assertThat(LibrarySearch.platform("Mac OS X", "x86_64")).isEqualTo("macosx-x86_64");
    assertThat(LibrarySearch.platform("Windows 11", "amd64")).isEqualTo("windows11-x86_64");
  }
}
