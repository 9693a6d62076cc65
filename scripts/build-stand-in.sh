#!/usr/bin/env bash
# Builds the stand-in for a GPU that tests of the CUDA backend's Java run against where there is
# none: native/tests/stand_in, which needs a C++ compiler and no CUDA.
#
#   scripts/build-stand-in.sh LIBRARY
#
# Says in one line what it built, or why not, which is an error if PAGODA_CUDA=ON.
set -euo pipefail

if [[ $# -ne 1 ]]; then
  echo "usage: scripts/build-stand-in.sh LIBRARY" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
library=$1
sources=("$root/native/tests/stand_in/device_stand_in.cpp" "$root/native/include/pagoda/pagoda.h")
compiler=${CXX:-c++}
if ! command -v "$compiler" >/dev/null; then
  rm -f "$library"
  echo "stand-in for a GPU: not built, there is no C++ compiler: CXX=$compiler" >&2
  [[ ${PAGODA_CUDA:-AUTO} != ON ]]
  exit
fi
if [[ -f $library && $library -nt ${sources[0]} && $library -nt ${sources[1]} &&
  $library -nt ${BASH_SOURCE[0]} ]]; then
  exit
fi
mkdir -p "$(dirname "$library")"
"$compiler" -std=c++17 -O2 -Wall -Wextra -Werror -fvisibility=hidden -shared -fPIC \
  -I "$root/native/include" -o "$library" "${sources[0]}"
echo "stand-in for a GPU: built with $compiler"
