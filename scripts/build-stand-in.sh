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
folder=$root/native/tests/stand_in
compiler=${CXX:-c++}
if ! command -v "$compiler" >/dev/null; then
  rm -f "$library"
  echo "stand-in for a GPU: not built, there is no C++ compiler: CXX=$compiler" >&2
  [[ ${PAGODA_CUDA:-AUTO} != ON ]]
  exit
fi
sources=("$folder"/*.cpp "$folder"/*.h "$root/native/include/pagoda/pagoda.h" "${BASH_SOURCE[0]}")
if [[ -f $library && -z $(find "${sources[@]}" -newer "$library") ]]; then
  exit
fi
mkdir -p "$(dirname "$library")"
"$compiler" -std=c++17 -O2 -Wall -Wextra -Werror -fvisibility=hidden -shared -fPIC \
  -I "$root/native/include" -o "$library" "$folder"/*.cpp
echo "stand-in for a GPU: built with $compiler"
