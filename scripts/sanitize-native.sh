#!/usr/bin/env bash
# Runs the kernel tests under the four tools of compute-sanitizer, each after a planted fault that
# the tool must report: a run that would not have seen a fault proves nothing.
#
#   scripts/sanitize-native.sh BUILD_DIR
#
# BUILD_DIR is one of scripts/build-native.sh on a machine with a GPU. Ends with 0 when every
# planted fault was reported and no kernel of the library had one.
set -euo pipefail

if [[ $# -ne 1 ]]; then
  echo "usage: scripts/sanitize-native.sh BUILD_DIR" >&2
  exit 2
fi
tests=$1/native/tests
if ! command -v compute-sanitizer >/dev/null; then
  echo "there is no compute-sanitizer on PATH" >&2
  exit 3
fi
logs=$(mktemp --directory)
trap 'rm -rf "$logs"' EXIT
faulty=9
num_failures=0

# sanitize TOOL LOG PROGRAM [ARGUMENT...]: its exit status, $faulty for a finding.
sanitize() {
  local tool=$1 log=$2
  shift 2
  compute-sanitizer --tool "$tool" --error-exitcode "$faulty" "$@" >"$log" 2>&1
}

declare -A faults=(
  [memcheck]="out-of-bounds" [racecheck]="race async-race" [initcheck]="uninitialized"
  [synccheck]="divergence"
)
for tool in memcheck racecheck initcheck synccheck; do
  for fault in ${faults[$tool]}; do
    status=0
    sanitize "$tool" "$logs/fault" "$tests/planted_faults" "$fault" || status=$?
    if [[ $status -eq $faulty ]]; then
      echo "$tool reports the planted fault ($fault)"
    else
      echo "$tool does NOT report the planted fault ($fault): status=$status"
      num_failures=$((num_failures + 1))
    fi
  done
  # Side by side: each keeps one processor busy, and the device hardly.
  declare -A running=()
  for test in "write_kv_test short" "copy_blocks_test short" "paged_decode_test short" \
    "paged_prefill_test short" step_test "runtime_test short" merge_partials_test; do
    # The arguments of a test are words.
    # shellcheck disable=SC2086
    sanitize "$tool" "$logs/${test%% *}" "$tests"/$test &
    running[$test]=$!
  done
  for test in "${!running[@]}"; do
    status=0
    wait "${running[$test]}" || status=$?
    if [[ $status -eq 0 ]]; then
      echo "$tool finds nothing in $test"
    else
      echo "$tool finds something in $test: status=$status"
      # The tool's findings, and what the test itself had to say.
      grep -E '=========' "$logs/${test%% *}" | sed -n '1,30p' || true
      grep -vE '=========' "$logs/${test%% *}" | tail -n 5 || true
      num_failures=$((num_failures + 1))
    fi
  done
done
[[ $num_failures -eq 0 ]]
