#!/usr/bin/env bash
# Builds the CUDA library and its tests, and installs the stripped library.
#
#   scripts/build-native.sh BUILD_DIR INSTALL_DIR
#
# Says in one line what it built, or why it built nothing. A machine without cmake, a C++ compiler
# or nvcc is no error, unless PAGODA_CUDA=ON is in the environment; PAGODA_CUDA=OFF builds nothing.
# The log stays in BUILD_DIR/build-native.log. Afterwards: ctest --test-dir BUILD_DIR
set -euo pipefail

if [[ $# -ne 2 ]]; then
  echo "usage: scripts/build-native.sh BUILD_DIR INSTALL_DIR" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$1
install=$2
library=$install/libpagoda.so
log=$build/build-native.log
cuda=${PAGODA_CUDA:-AUTO}
case $cuda in
  AUTO | ON | OFF) ;;
  *)
    echo "native library: PAGODA_CUDA is AUTO, ON or OFF: PAGODA_CUDA=$cuda" >&2
    exit 2
    ;;
esac

# A library of an earlier build must not pass for one of this.
not_built() {
  rm -f "$library"
  if [[ $cuda == ON ]]; then
    echo "native library: PAGODA_CUDA=ON, but $1" >&2
    exit 1
  fi
  echo "native library: not built, $1; Pagoda runs on the CPU alone"
  exit 0
}

failed() {
  rm -f "$library"
  cat "$log" >&2
  echo "native library: $1, see above and $log" >&2
  exit 1
}

[[ $cuda != OFF ]] || not_built "PAGODA_CUDA=OFF"
command -v cmake >/dev/null || not_built "there is no cmake on PATH"
cmake_version=$(cmake --version | sed -nE '1s/^cmake version ([0-9]+\.[0-9]+).*/\1/p')
if [[ $(printf '3.25\n%s\n' "$cmake_version" | sort --version-sort | head -n 1) != 3.25 ]]; then
  not_built "cmake is $cmake_version and 3.25 is needed"
fi
if [[ -z ${CXX:-} ]] && ! command -v c++ g++ clang++ >/dev/null; then
  not_built "there is no C++ compiler on PATH"
fi

mkdir -p "$build"
cache=$build/CMakeCache.txt
configure=(-S "$root" -B "$build" "-DPAGODA_CUDA=$cuda")
if [[ ! -f $cache ]]; then
  if command -v ninja >/dev/null; then
    configure+=(-G Ninja)
  fi
elif ! grep --quiet --fixed-strings --line-regexp \
  "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
  configure+=(--fresh) # the build folder came along with a copy of the checkout
fi
if ! cmake "${configure[@]}" >"$log" 2>&1; then
  failed "cmake could not configure"
fi
if ! grep --quiet --line-regexp "PAGODA_HAVE_CUDA:INTERNAL=ON" "$cache"; then
  not_built "no CUDA compiler was found (put nvcc on PATH or set CUDACXX)"
fi
if ! cmake --build "$build" --parallel "$(getconf _NPROCESSORS_ONLN)" >>"$log" 2>&1; then
  failed "compilation failed"
fi

# Only a new library is installed, so that a build without changes leaves the packaged jar alone.
built=$build/native/libpagoda.so
if [[ ! -f $library || $built -nt $library ]]; then
  if ! cmake --install "$build" --prefix "$install" --strip >>"$log" 2>&1; then
    failed "installation failed"
  fi
  touch "$library"
fi
from_cache() {
  sed -nE "s/^$1:[A-Z]+=//p" "$cache"
}
abi=$(sed -nE 's/^#define PAGODA_ABI_VERSION ([0-9]+)$/\1/p' "$root/native/include/pagoda/pagoda.h")
nvcc=$(from_cache CMAKE_CUDA_COMPILER)
toolkit=$("$nvcc" --version | sed -nE 's/.*release ([0-9.]+),.*/\1/p')
echo "native library: built ABI $abi for $(from_cache PAGODA_BUILT_ARCHITECTURES)" \
  "with CUDA $toolkit, $(wc -c <"$library") bytes"
