#!/usr/bin/env bash
# Builds bench/target/benchmarks.jar and runs JMH with the arguments given:
#
#   scripts/bench.sh -l                                   lists the benchmarks
#   scripts/bench.sh DecodeAttention -p shape=C1 -p dtype=FP32
#   scripts/bench.sh table                                our side of the CPU table of RESULTS.md
#   scripts/bench.sh allocations                          fails if steps put anything on the heap
#
# --built as the first argument takes the jar as it is. What is printed first (date, commit,
# machine, JDK, command) is the left half of a row of bench/RESULTS.md. Beware of -jvmArgsAppend:
# it replaces a benchmark's own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
java_home=$("$root/scripts/find-jdk.sh")
cd "$root"

if [[ ${1:-} == --built ]]; then
  shift
else
  echo "+ mvn package (bench)"
  JAVA_HOME=$java_home mvn --batch-mode --no-transfer-progress --quiet \
    --projects bench --also-make package \
    -DskipTests -Dmaven.javadoc.skip -Dmaven.source.skip -Dspotless.check.skip
fi

cpu=$(sed -n '/^model name/{s/^[^:]*: //p;q}' /proc/cpuinfo 2>/dev/null)
commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)
if [[ -n $(git status --porcelain 2>/dev/null) ]]; then
  commit+=" with changes"
fi
if command -v nvidia-smi >/dev/null; then
  gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | sed -n 1p)
fi
echo "date     $(date --iso-8601)"
echo "commit   $commit"
echo "cpu      ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) processors"
echo "gpu      ${gpu:-none}"
echo "jdk      $("$java_home/bin/java" -version 2>&1 | sed -n 2p)"
echo "command  scripts/bench.sh $*"
echo

# Forks inherit these options; the Unsafe accesses meant by the last one are JMH's.
options=(--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED)
if "$java_home/bin/java" --sun-misc-unsafe-memory-access=allow -version >/dev/null 2>&1; then
  options+=(--sun-misc-unsafe-memory-access=allow)
fi
exec "$java_home/bin/java" "${options[@]}" \
  --class-path bench/target/benchmarks.jar:java/pagoda/target/native dev.pagoda.bench.BenchMain "$@"
