#!/usr/bin/env bash
# Everything CI runs, in the same order. Changes nothing but build folders, needs no root.
#
# Where nvcc is, the native library must build; where a GPU is, no test may skip for want of one.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
readonly budget_minutes=30
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
  echo
  echo "== $1 ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
}

# What git sees of the checkout: changed files, and new ones that it does not ignore.
checkout() {
  git status --porcelain 2>/dev/null || true
}

step "tools"
checkout_before=$(checkout)
newest_java=$(scripts/find-jdk.sh --newest)
echo "newest JDK: $newest_java"
mvn --version | sed -n '1p;3p'
if command -v nvcc >/dev/null || [[ -n ${CUDACXX:-} ]]; then
  export PAGODA_CUDA=${PAGODA_CUDA:-ON}
fi
if [[ -e /dev/nvidiactl ]]; then
  export PAGODA_GPU=${PAGODA_GPU:-ON}
fi
echo "PAGODA_CUDA=${PAGODA_CUDA:-AUTO} PAGODA_GPU=${PAGODA_GPU:-OFF}"

step "native format: scripts/format.sh --check-native"
status=0
scripts/format.sh --check-native || status=$?
case $status in
  0) ;;
  3) echo "the format of native code was not checked" ;;
  *) exit "$status" ;;
esac

step "build and test: mvn verify"
mvn --batch-mode --no-transfer-progress verify

step "format: google-java-format on the newest JDK"
JAVA_HOME=$newest_java mvn --batch-mode --no-transfer-progress --quiet spotless:check
echo "every Java source is formatted"

step "bindings: scripts/generate-bindings.sh --check"
status=0
scripts/generate-bindings.sh --check || status=$?
case $status in
  0) ;;
  3) echo "bindings were not compared with the header; AbiLayoutTest has compared the layouts" ;;
  *) exit "$status" ;;
esac

step "native tests: ctest"
if [[ -f java/pagoda/target/native/META-INF/native/linux-x86_64/libpagoda.so ]]; then
  ctest --test-dir java/pagoda/target/cmake --output-on-failure --no-tests=error
elif command -v cmake >/dev/null && command -v c++ >/dev/null; then
  echo "the library was not built: the header is tested, and kernels on an emulated machine"
  without_cuda=java/pagoda/target/cmake-without-cuda
  cmake -S . -B "$without_cuda" -DPAGODA_CUDA=OFF >/dev/null
  cmake --build "$without_cuda" --parallel "$(getconf _NPROCESSORS_ONLN)"
  ctest --test-dir "$without_cuda" --output-on-failure --no-tests=error
else
  echo "no native tests: there is no cmake or no C++ compiler"
fi

step "heap: JMH -prof gc, bounded, and a planted allocation that must be noticed"
scripts/bench.sh --built allocations

step "lock-free parts: scripts/stress.sh quick"
scripts/stress.sh quick

step "smoke: scripts/pagoda --help"
scripts/pagoda --help

step "smoke: wrong arguments end with exit code 2"
status=0
scripts/pagoda no-such-command || status=$?
if [[ $status -ne 2 ]]; then
  echo "wrong arguments ended otherwise: exitCode=$status" >&2
  exit 1
fi

step "smoke: scripts/pagoda report --quick"
scripts/pagoda report --quick --out "$work/report"
find "$work/report" -type f -printf '%10s %P\n' | sort --key 2
page=$(find "$work/report" -name '*.html' -size +10k -print -quit)
if [[ -z $page ]]; then
  echo "the report wrote no page" >&2
  exit 1
fi

step "smoke: scripts/pagoda simulate --paper"
scripts/pagoda simulate --paper --out "$work/paper"

step "smoke: a bad trace ends with exit code 2 and names file and line"
printf 'arrival,input_length,output_length\n0.5,20,30\n0.7,many,30\n' >"$work/bad.csv"
status=0
scripts/pagoda simulate --trace "$work/bad.csv" 2>"$work/complaint" || status=$?
cat "$work/complaint"
if [[ $status -ne 2 ]] || ! grep --quiet 'bad.csv, line 3:' "$work/complaint"; then
  echo "a bad trace ended otherwise: exitCode=$status" >&2
  exit 1
fi

step "smoke: scripts/pagoda attend"
# Two queries over three tokens, and every value is 1: so is every element of the output.
write_sample() {
  local header='{"__metadata__":{"scale":"0.5","block_size":"2","causal":"true",'
  header+='"sliding_window":"0","logits_soft_cap":"0"},'
  header+='"query":{"dtype":"F32","shape":[2,2,4],"data_offsets":[0,64]},'
  header+='"key":{"dtype":"F32","shape":[3,1,4],"data_offsets":[64,112]},'
  header+='"value":{"dtype":"F32","shape":[3,1,4],"data_offsets":[112,160]},'
  header+='"query_lens":{"dtype":"I32","shape":[1],"data_offsets":[160,164]},'
  header+='"context_lens":{"dtype":"I32","shape":[1],"data_offsets":[164,168]}}'
  printf "\\x$(printf %x $((${#header} % 256)))\\x$(printf %x $((${#header} / 256)))\\0\\0\\0\\0\\0\\0"
  printf %s "$header"
  head --bytes 112 /dev/zero
  printf '\0\0\x80\x3f%.0s' {1..12}
  printf '\2\0\0\0\3\0\0\0'
}
write_sample >"$work/in.safetensors"
scripts/pagoda attend "$work/in.safetensors" "$work/out.safetensors"
# None at all is grep's exit code 1, and must get to the sentence below.
ones=$(od -A n -v -t x1 "$work/out.safetensors" | tr -d ' \n' |
  { grep --only-matching 0000803f || true; } | wc -l)
if [[ $ones -ne 16 ]]; then
  echo "the output is not 16 times 1: ones=$ones" >&2
  exit 1
fi
echo "16 of 16 elements are right"

step "nothing but build folders has changed"
if [[ $(checkout) != "$checkout_before" ]]; then
  echo "the build changed the checkout:" >&2
  diff <(echo "$checkout_before") <(checkout) >&2 || true
  exit 1
fi
echo "the checkout is as it was"

step "done"
if ((SECONDS > budget_minutes * 60)); then
  echo "this took longer than the $budget_minutes minutes that CI has on two processors"
fi
