// The whole of our C test framework: a claim that is false prints itself and counts as a failure.
#ifndef PAGODA_TESTS_CLAIM_H
#define PAGODA_TESTS_CLAIM_H

#include <stdio.h>
#include <string.h>

static int num_false_claims = 0;

#define CLAIM(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: this is false: %s\n", __FILE__, __LINE__, #condition); \
      ++num_false_claims;                                                            \
    }                                                                                \
  } while (0)

/// Claims that `text` contains `part`, and prints the text when it does not.
static inline void claim_contains(const char* text, const char* part, int line) {
  if (strstr(text, part) == NULL) {
    fprintf(stderr, "line %d: \"%s\" does not contain \"%s\"\n", line, text, part);
    ++num_false_claims;
  }
}

#define CLAIM_CONTAINS(text, part) claim_contains(text, part, __LINE__)

#endif
