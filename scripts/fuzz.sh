#!/usr/bin/env bash
# Fuzzes the decoders of files and keys with Jazzer (Apache-2.0), one after the other.
#
#   scripts/fuzz.sh [-s SECONDS] [DECODER...]     default: 600 seconds for each of RESTORE BLOCK_FILE
#                                                 SWAP_FILE FOLDER KEY
#
# What it finds is in build/fuzz/DECODER; a finding ends the script with 77 and leaves crash-*, to
# be added to the corpus once it is mended. Without one, inputs that go where no other one went join
# the corpus in java/pagoda/src/test/fuzz.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
seconds=600
while getopts 's:' option; do
  case $option in
    s) seconds=$OPTARG ;;
    *)
      echo "usage: scripts/fuzz.sh [-s SECONDS] [DECODER...]" >&2
      exit 2
      ;;
  esac
done
shift $((OPTIND - 1))
decoders=("$@")
if [[ $# -eq 0 ]]; then
  decoders=(RESTORE BLOCK_FILE SWAP_FILE FOLDER KEY)
fi

JAVA_HOME=$(scripts/find-jdk.sh)
export JAVA_HOME
out=$root/build/fuzz
mkdir -p "$out"
echo "+ mvn test-compile"
mvn --batch-mode --no-transfer-progress --quiet --projects .,java/pagoda test-compile \
  dependency:build-classpath -DincludeScope=test -Dmdep.outputFile="$out/class-path" \
  -Dnative.skip
class_path=java/pagoda/target/test-classes:java/pagoda/target/classes:$(<"$out/class-path")
target=dev.pagoda.tier.file.DecoderFuzz

for decoder in "${decoders[@]}"; do
  corpus=java/pagoda/src/test/fuzz/${decoder,,}.txt
  [[ -f $corpus ]] || {
    echo "no such decoder: $decoder" >&2
    exit 2
  }
  work=$out/$decoder
  rm -rf "$work"
  mkdir -p "$work/found"
  (cd java/pagoda && "$JAVA_HOME/bin/java" -cp "${class_path//java\/pagoda\//}" \
    "$target" "$decoder" "$work/seeds")
  jazzer=("$JAVA_HOME/bin/java" -Xmx512m -XX:+EnableDynamicAgentLoading
    --enable-native-access=ALL-UNNAMED -cp "$class_path" com.code_intelligence.jazzer.Jazzer
    --target_class=$target --target_args="$decoder sound"
    '--instrumentation_includes=dev.pagoda.tier.file.**:dev.pagoda.prefix.**'
    '--custom_hook_includes=dev.pagoda.**' --mutator_framework=false
    --reproducer_path="$work" -artifact_prefix="$work/" -max_len=4096)
  echo "+ $decoder for $seconds s, log in $work/log.txt"
  status=0
  "${jazzer[@]}" -max_total_time="$seconds" "$work/found" "$work/seeds" \
    >"$work/log.txt" 2>&1 || status=$?
  grep --extended-regexp '^(Done|== Java Exception|#[0-9]+.DONE)' "$work/log.txt" || true
  if [[ $status -ne 0 ]]; then
    exit "$status"
  fi
  for input in "$work"/found/*; do
    [[ ! -f $input ]] || base64 --wrap=0 "$input"
    echo
  done | LC_ALL=C sort --unique "$corpus" - >"$work/corpus"
  grep . "$work/corpus" >"$corpus" || true
  echo "$(wc --lines <"$corpus") inputs in $corpus"
done
