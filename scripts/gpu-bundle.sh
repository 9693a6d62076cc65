#!/usr/bin/env bash
# Makes a folder that runs the tests and benchmarks on a GPU host without Maven, network or Java:
#
#   scripts/gpu-bundle.sh [DIR]        DIR is build/gpu-bundle unless given, and is replaced
#
#   DIR/run-tests.sh                   everything
#   DIR/run-tests.sh --include-tag gpu what JUnit's console accepts
#   DIR/run-benchmarks.sh [JMH arguments]
#
# The native library is part of it: PAGODA_CUDA=AUTO in the environment makes do without.
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
mkdir -p "$bundle/lib" "$bundle/java/pagoda/src"
bundle=$(cd "$bundle" && pwd)
cd "$root"
maven=(mvn --batch-mode --no-transfer-progress --quiet)

echo "+ mvn package"
"${maven[@]}" package -DskipTests -Dmaven.javadoc.skip -Dmaven.source.skip -Dspotless.check.skip

echo "+ jars for the tests"
"${maven[@]}" --projects java/pagoda dependency:copy-dependencies \
  -DincludeScope=test -DincludeGroupIds=org.assertj,net.bytebuddy -DoutputDirectory="$bundle/lib"
junit=$(sed -nE 's|.*<junit.version>(.*)</junit.version>.*|\1|p' pom.xml)
"${maven[@]}" --non-recursive dependency:copy -DoutputDirectory="$bundle/lib" \
  -Dartifact="org.junit.platform:junit-platform-console-standalone:$junit"

echo "+ jlink"
# Logging and XML are JUnit's needs, management is AssertJ's and JMH's, the compiler is that of the
# README's test. Uncompressed modules make the smaller archive.
"$JAVA_HOME/bin/jlink" --output "$bundle/jre" --strip-debug --no-man-pages --no-header-files \
  --compress zip-0 --add-modules java.base,java.logging,java.xml,java.management,jdk.management \
  --add-modules jdk.compiler,jdk.jfr,jdk.incubator.vector,jdk.unsupported
tar --create --xz --file "$bundle/jre.tar.xz" --directory "$bundle" jre
rm -rf "$bundle/jre"

echo "+ classes, sources, natives"
library=java/pagoda
cp -R $library/target/classes $library/target/test-classes "$bundle/"
# Tests that read sources and documents find them where they lie in a checkout.
cp -R $library/src/main $library/src/test "$bundle/java/pagoda/src/"
for path in $library/src/generated; do
  [[ ! -d $path ]] || cp -R $path "$bundle/java/pagoda/src/"
done
cp ./*.md "$bundle/" 2>/dev/null || true
[[ ! -d $library/target/native ]] || cp -R $library/target/native "$bundle/"
if [[ -d $library/target/cmake/native/tests ]]; then
  mkdir "$bundle/native-tests"
  find $library/target/cmake/native/tests -maxdepth 1 -type f -executable \
    -exec cp {} "$bundle/native-tests/" ';'
fi
cp bench/target/benchmarks.jar "$bundle/"

cat >"$bundle/run-tests.sh" <<'RUN_TESTS'
#!/usr/bin/env bash
# Runs Pagoda's tests on this host; written by scripts/gpu-bundle.sh. With arguments: one run of
# JUnit's console with these. Without: the native tests, then the Java tests as the build runs them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/java/pagoda"
[[ -d $here/jre ]] || tar --extract --xz --file "$here/jre.tar.xz" --directory "$here"

# What is promised here is no reason to skip: a library that came along, a GPU that is there.
if [[ -d $here/native ]]; then
  export PAGODA_CUDA=ON
fi
if [[ -e /dev/nvidiactl ]]; then
  export PAGODA_GPU=${PAGODA_GPU:-ON}
fi
echo "host: $(uname -n), $(getconf _NPROCESSORS_ONLN) processors, PAGODA_GPU=${PAGODA_GPU:-OFF}"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader
fi

libraries=("$here"/lib/assertj-*.jar "$here"/lib/byte-buddy-*.jar)
class_path=$here/classes:$here/test-classes:$here/native:$(IFS=: && echo "${libraries[*]}")
# Tests are named as they start, and none may hang: where a run is cut off after some minutes, what
# it printed is all there is.
junit() {
  local jvm_options=()
  while [[ $# -gt 0 && $1 != -- ]]; do
    jvm_options+=("$1")
    shift
  done
  shift
  "$here/jre/bin/java" -Xmx1g -XX:MaxDirectMemorySize=2g \
    -Ddev.pagoda.test.operations="${PAGODA_TEST_OPERATIONS:-1000000}" \
    --enable-native-access=ALL-UNNAMED ${jvm_options[@]+"${jvm_options[@]}"} \
    -jar "$here"/lib/junit-platform-console-standalone-*.jar execute \
    --disable-banner --disable-ansi-colors --details testfeed --fail-if-no-tests \
    --config junit.jupiter.execution.timeout.default=300s \
    --scan-class-path "$here/test-classes" --include-classname '.*' --class-path "$class_path" "$@"
}
vector=(--add-modules jdk.incubator.vector)

if [[ $# -gt 0 ]]; then
  junit "${vector[@]}" -- --exclude-tag no-vector-module "$@"
  exit
fi

failed=()
run() {
  local title=$1
  shift
  echo
  echo "== $title"
  "$@" || failed+=("$title")
}
native_test() {
  local status=0
  LD_LIBRARY_PATH=$here/native/META-INF/native/linux-x86_64 "$1" || status=$?
  [[ $status -eq 0 || ($status -eq 77 && ${PAGODA_GPU:-OFF} != ON) ]]
}

for test in "$here"/native-tests/*; do
  [[ ! -x $test ]] || run "native: ${test##*/}" native_test "$test"
done
# Fuzzing needs Jazzer and the JDK's instrumentation, and no GPU.
run "all tests" junit "${vector[@]}" -- --exclude-tag no-vector-module --exclude-tag fuzz
run "256-bit vectors" junit "${vector[@]}" -XX:MaxVectorSize=32 -- --include-tag vector-width
run "128-bit vectors" junit "${vector[@]}" -XX:MaxVectorSize=16 -- --include-tag vector-width
run "without the vector module" junit -- --include-tag no-vector-module

echo
if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "all runs passed"
RUN_TESTS

cat >"$bundle/run-benchmarks.sh" <<'RUN_BENCHMARKS'
#!/usr/bin/env bash
# Runs Pagoda's JMH benchmarks on this host with the arguments given; written by
# scripts/gpu-bundle.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"
[[ -d jre ]] || tar --extract --xz --file jre.tar.xz
cat commit.txt
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader
fi
exec jre/bin/java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
  --class-path benchmarks.jar:native dev.pagoda.bench.BenchMain "$@"
RUN_BENCHMARKS
echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo none)" >"$bundle/commit.txt"
chmod +x "$bundle/run-tests.sh" "$bundle/run-benchmarks.sh"

echo "wrote $bundle ($(du --summarize --human-readable "$bundle" | cut -f 1))"
