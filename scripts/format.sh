#!/usr/bin/env bash
# Applies the formatters: google-java-format to Java, clang-format to native code where there is one.
# The build itself only checks.
#
#   scripts/format.sh                     writes
#   scripts/format.sh --check-native      fails if native code is not formatted; 3 without the tool
#
# Versions of clang-format differ in what they make of the same code, so one is meant:
# pip install clang-format==23.1.1
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
readonly clang_format_version=23.1.1

# Says why not, if the clang-format that is meant is not there.
has_clang_format() {
  local found
  if ! found=$(clang-format --version 2>/dev/null); then
    echo "no clang-format is on PATH: wanted=$clang_format_version"
    return 1
  fi
  if [[ $found != *" $clang_format_version"* ]]; then
    echo "another clang-format is on PATH: wanted=$clang_format_version, found=$found"
    return 1
  fi
}

clang_format() {
  find native bench -type f '(' -name '*.c' -o -name '*.cpp' -o -name '*.cu' -o -name '*.h' \
    -o -name '*.cuh' ')' -not -path '*/target/*' -print0 |
    xargs --null clang-format "$@"
}

case ${1:-} in
  "") ;;
  --check-native)
    has_clang_format || exit 3
    clang_format --dry-run --Werror
    echo "every native source is formatted"
    exit
    ;;
  *)
    echo "usage: scripts/format.sh [--check-native]" >&2
    exit 2
    ;;
esac

java_home=$(scripts/find-jdk.sh --newest)
echo "+ mvn spotless:apply"
JAVA_HOME=$java_home mvn --batch-mode --no-transfer-progress --quiet spotless:apply
if has_clang_format; then
  echo "+ clang-format native bench"
  clang_format -i
else
  echo "native code was not formatted"
fi
