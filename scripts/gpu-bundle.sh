#!/usr/bin/env bash
# Makes a folder that runs tests, benchmarks and the lab's command line on a GPU host without Maven,
# network or Java:
#
#   scripts/gpu-bundle.sh [DIR]        DIR is build/gpu-bundle unless given, and is replaced
#
#   DIR/run-tests.sh                   everything
#   DIR/run-tests.sh --include-tag gpu what JUnit's console accepts, for the library's tests
#   DIR/run-benchmarks.sh [JMH arguments]
#   DIR/run-pagoda.sh report --backend cuda --out REPORT
#
# The native library is part of it: PAGODA_CUDA=AUTO in the environment makes do without.
# All but the scripts is two archives, files and runtime, which the first script that runs unpacks.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ $# -gt 1 || ${1:-} == -* ]]; then
  echo "usage: scripts/gpu-bundle.sh [DIR]" >&2
  exit 2
fi
bundle=${1:-$root/build/gpu-bundle}
if [[ -e $bundle && ! -e $bundle/run-tests.sh && -n $(ls -A "$bundle") ]]; then
  echo "DIR would be replaced and is no bundle: DIR=$bundle" >&2
  exit 2
fi
JAVA_HOME=$("$root/scripts/find-jdk.sh")
export JAVA_HOME
export PAGODA_CUDA=${PAGODA_CUDA:-ON}

rm -rf "$bundle"
mkdir -p "$bundle"
bundle=$(cd "$bundle" && pwd)
# Half a bundle would be refused as a folder of somebody else's the next time.
trap 'rm -rf "$bundle"' ERR
files=$bundle/files
library=java/pagoda
lab=java/pagoda-lab
mkdir -p "$files/lib" "$files/$library/src" "$files/$lab"
cd "$root"
maven=(mvn --batch-mode --no-transfer-progress --quiet)

echo "+ mvn package"
"${maven[@]}" package -DskipTests -Dmaven.javadoc.skip -Dmaven.source.skip -Dspotless.check.skip

echo "+ jars for the tests"
"${maven[@]}" --projects $library dependency:copy-dependencies \
  -DincludeScope=test -DincludeGroupIds=org.assertj,net.bytebuddy,org.ow2.asm \
  -DoutputDirectory="$files/lib"
junit=$(sed -nE 's|.*<junit.version>(.*)</junit.version>.*|\1|p' pom.xml)
"${maven[@]}" --non-recursive dependency:copy -DoutputDirectory="$files/lib" \
  -Dartifact="org.junit.platform:junit-platform-console-standalone:$junit"

echo "+ jlink"
# Logging and XML are JUnit's needs, management is AssertJ's and JMH's, the compiler is that of the
# README's test, the desktop draws the report's charts. Uncompressed modules make the smaller archive.
"$JAVA_HOME/bin/jlink" --output "$files/jre" --strip-debug --no-man-pages --no-header-files \
  --compress zip-0 --add-modules java.base,java.logging,java.xml,java.management,jdk.management \
  --add-modules java.desktop,jdk.compiler,jdk.jfr,jdk.incubator.vector,jdk.unsupported

echo "+ classes, sources, natives"
for module in $library $lab; do
  cp -R $module/target/classes $module/target/test-classes "$files/$module/"
done
# The library lies there as classes already.
cp -R $lab/target/lib "$files/$lab/"
rm "$files/$lab/lib"/pagoda-*.jar
# Tests that read sources and documents find them where they lie in a checkout.
cp -R $library/src/main $library/src/test "$files/$library/src/"
for path in $library/src/generated; do
  [[ ! -d $path ]] || cp -R $path "$files/$library/src/"
done
cp ./*.md "$files/"
cp $library/*.md "$files/$library/"
[[ ! -d $library/target/native ]] || cp -R $library/target/native "$files/"
if [[ -d $library/target/cmake/native/tests ]]; then
  mkdir "$files/native-tests"
  # Planted faults are what sanitizers must find, no test.
  find $library/target/cmake/native/tests -maxdepth 1 -type f -executable ! -name planted_faults \
    -exec cp {} "$files/native-tests/" ';'
  strip "$files"/native-tests/*
fi
cp bench/target/benchmarks.jar "$files/"
echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo none)" >"$files/commit.txt"

echo "+ archives"
# A dictionary that reaches back over everything: native tests hold parts of the library once more.
archive() {
  tar --create --file - "${@:2}" | xz --lzma2=preset=6,dict=64MiB >"$bundle/$1.tar.xz"
}
archive jre --directory "$files" jre
rm -rf "$files/jre"
archive files --directory "$bundle" files
rm -rf "$files"

# Several scripts may be the first one at the same time.
cat >"$bundle/unpack.sh" <<'UNPACK'
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
files=$here/files
if [[ ! -d $files ]]; then
  unpacking=$(mktemp --directory --tmpdir="$here")
  tar --extract --xz --file "$here/files.tar.xz" --directory "$unpacking"
  tar --extract --xz --file "$here/jre.tar.xz" --directory "$unpacking/files"
  mv --no-target-directory "$unpacking/files" "$files" 2>/dev/null || [[ -d $files ]]
  rm -rf "$unpacking"
fi
cat "$files/commit.txt"
echo "host: $(uname -n), $(getconf _NPROCESSORS_ONLN) processors"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader
fi
UNPACK

cat >"$bundle/run-tests.sh" <<'RUN_TESTS'
#!/usr/bin/env bash
# Runs Pagoda's tests on this host; written by scripts/gpu-bundle.sh. With arguments: one run of
# JUnit's console with these. Without: the native tests and the Java tests as the build runs them,
# in parts side by side (at most PAGODA_TEST_PARTS, half the processors unless given), one line
# each as it ends. The parts' output lies in logs/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/unpack.sh"

# What is promised here is no reason to skip: a library that came along, a GPU that is there.
if [[ -d $files/native ]]; then
  export PAGODA_CUDA=ON
fi
if [[ -e /dev/nvidiactl ]]; then
  export PAGODA_GPU=${PAGODA_GPU:-ON}
fi
echo "PAGODA_CUDA=${PAGODA_CUDA:-AUTO} PAGODA_GPU=${PAGODA_GPU:-OFF}"

join() {
  local IFS=:
  echo "$*"
}
class_path=$(join "$files/java/pagoda/classes" "$files/native" \
  "$files"/lib/assertj-*.jar "$files"/lib/byte-buddy-*.jar "$files"/lib/asm-*.jar)
lab_class_path=$files/java/pagoda-lab/classes:$(join "$files"/java/pagoda-lab/lib/*.jar):$class_path
# Tests are named as they start, and none may hang: where a run is cut off after some minutes, what
# it printed is all there is.
junit() {
  local module=$1 class_path=$2 jvm_options=()
  shift 2
  cd "$files/java/$module"
  while [[ $# -gt 0 && $1 != -- ]]; do
    jvm_options+=("$1")
    shift
  done
  shift
  "$files/jre/bin/java" -Xmx1g -XX:MaxDirectMemorySize=2g -Djava.awt.headless=true \
    -Ddev.pagoda.test.operations="${PAGODA_TEST_OPERATIONS:-1000000}" \
    --enable-native-access=ALL-UNNAMED ${jvm_options[@]+"${jvm_options[@]}"} \
    -jar "$files"/lib/junit-platform-console-standalone-*.jar execute \
    --disable-banner --disable-ansi-colors --details testfeed --fail-if-no-tests \
    --config junit.jupiter.execution.timeout.default=300s \
    --scan-class-path "$PWD/test-classes" \
    --class-path "$PWD/test-classes:$class_path" "$@"
}
library_tests() {
  junit pagoda "$class_path" "$@"
}
lab_tests() {
  junit pagoda-lab "$lab_class_path" "$@"
}
vector=(--add-modules jdk.incubator.vector)

if [[ $# -gt 0 ]]; then
  library_tests "${vector[@]}" -- --include-classname '.*' --exclude-tag no-vector-module "$@"
  exit
fi

logs=$here/logs
rm -rf "$logs"
mkdir "$logs"
parts=${PAGODA_TEST_PARTS:-$((($(getconf _NPROCESSORS_ONLN) + 1) / 2))}

# One line about a part that has ended, and what failed in it.
report() {
  local name=$1 status=$2 seconds=$3 log=$logs/$1.log counts outcome=passed
  counts=$(sed -nE 's/^\[ +([0-9]+) tests (successful|failed|skipped|aborted) +\]$/\1 \2/p' "$log" |
    paste --serial --delimiters=, - | sed 's/,/, /g')
  [[ $status -eq 0 ]] || outcome="FAILED with status $status"
  printf '%-18s %4d s  %s%s\n' "$name" "$seconds" "$outcome" "${counts:+: $counts}"
  if [[ $status -ne 0 ]]; then
    touch "$logs/$name.failed"
    if grep --quiet '^Failures' "$log"; then
      sed -n '/^Failures/,/^Test run finished/p' "$log" | sed -n '1,60p'
    else
      tail -n 15 "$log"
    fi
  fi
}
part() {
  local name=$1 status=0 start=$SECONDS
  shift
  "$@" >"$logs/$name.log" 2>&1 || status=$?
  printf '%s\n' "$(report "$name" "$status" "$((SECONDS - start))")" # in one piece
}
start() {
  while [[ $(jobs -rp | wc --lines) -ge $parts ]]; do
    wait -n || true
  done
  "$@" &
}

native_tests() {
  local test status failed=()
  for test in "$files"/native-tests/*; do
    echo "== ${test##*/}"
    status=0
    LD_LIBRARY_PATH=$files/native/META-INF/native/linux-x86_64 "$test" || status=$?
    if [[ $status -ne 0 && ! ($status -eq 77 && ${PAGODA_GPU:-OFF} != ON) ]]; then
      failed+=("${test##*/}: $status")
    fi
  done
  if [[ ${#failed[@]} -gt 0 ]]; then
    printf 'FAILED %s\n' "${failed[@]}"
    return 1
  fi
}
# Tests of the GPU take turns: some look at its free memory.
on_the_gpu() {
  if [[ -d $files/native-tests ]]; then
    part native native_tests
  fi
  part gpu library_tests "${vector[@]}" -- --include-classname '.*' --include-tag gpu
  if [[ ${PAGODA_GPU:-OFF} == ON ]]; then
    part any-backend library_tests "${vector[@]}" -Ddev.pagoda.test.backend=CUDA -- \
      --include-classname '.*' --include-tag 'any-backend & !host-memory'
  fi
}
# Everything else, long random runs and kernels apart. Fuzzing needs Jazzer and the JDK's
# instrumentation.
models='.*\.(WholeModel|CacheModel|HistoricalBug)Test'
kernels='.*\.(scalar|simd|kernel)\..*'
of_the_library() {
  library_tests "${vector[@]}" -- "$@" \
    --exclude-tag no-vector-module --exclude-tag fuzz --exclude-tag gpu
}
start on_the_gpu
start part lab lab_tests "${vector[@]}" -- --include-classname '.*'
start part models of_the_library --include-classname "$models"
start part kernels of_the_library --include-classname "$kernels"
start part library of_the_library --include-classname '.*' \
  --exclude-classname "$models" --exclude-classname "$kernels"
start part vectors-256 library_tests "${vector[@]}" -XX:MaxVectorSize=32 -- \
  --include-classname '.*' --include-tag vector-width
start part vectors-128 library_tests "${vector[@]}" -XX:MaxVectorSize=16 -- \
  --include-classname '.*' --include-tag vector-width
start part no-vector-module library_tests -- --include-classname '.*' --include-tag no-vector-module
wait

echo
if compgen -G "$logs/*.failed" >/dev/null; then
  echo "FAILED after $SECONDS s, see $logs:"
  (cd "$logs" && printf '  %s\n' *.failed)
  exit 1
fi
echo "all parts passed in $SECONDS s"
RUN_TESTS

cat >"$bundle/run-benchmarks.sh" <<'RUN_BENCHMARKS'
#!/usr/bin/env bash
# Runs Pagoda's JMH benchmarks on this host with the arguments given; written by
# scripts/gpu-bundle.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/unpack.sh"
cd "$files"
exec jre/bin/java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  --class-path benchmarks.jar:native dev.pagoda.bench.BenchMain "$@"
RUN_BENCHMARKS

cat >"$bundle/run-pagoda.sh" <<'RUN_PAGODA'
#!/usr/bin/env bash
# Runs the lab's command line on this host, as scripts/pagoda does in a checkout; written by
# scripts/gpu-bundle.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/unpack.sh" >&2
read -r -a own_options <<<"${PAGODA_JAVA_OPTIONS:-}"
lab=$files/java/pagoda-lab
exec "$files/jre/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  -Djava.awt.headless=true ${own_options[@]+"${own_options[@]}"} \
  --class-path "$lab/classes:$files/java/pagoda/classes:$files/native:$lab/lib/*" \
  dev.pagoda.lab.Main "$@"
RUN_PAGODA
chmod +x "$bundle"/run-*.sh

echo "wrote $bundle ($(du --summarize --human-readable "$bundle" | cut -f 1))"
