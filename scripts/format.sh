#!/usr/bin/env bash
# Applies the formatters: google-java-format to Java, clang-format to native code where there is one.
# The build itself only checks.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
java_home=$("$root/scripts/find-jdk.sh" --newest)
cd "$root"

echo "+ mvn spotless:apply"
JAVA_HOME=$java_home mvn --batch-mode --no-transfer-progress --quiet spotless:apply

if command -v clang-format >/dev/null; then
  echo "+ clang-format native bench"
  find native bench -type f '(' -name '*.c' -o -name '*.cpp' -o -name '*.cu' -o -name '*.h' \
    -o -name '*.cuh' ')' -not -path '*/target/*' -print0 |
    xargs --null --no-run-if-empty clang-format -i
else
  echo "native code was not formatted: no clang-format on PATH"
fi
