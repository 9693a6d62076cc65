#!/usr/bin/env bash
# Builds the CUDA library and its benchmark under build/cmake, and times the kernels:
#
#   scripts/bench-native.sh                       every shape, copies and swaps
#   scripts/bench-native.sh only=D1,D2 sustained=2
#
# Needs a GPU, nvcc and CMake, and neither Maven nor a network. What it prints first (date, commit,
# machine, toolkit, command) belongs to a table of bench/RESULTS.md; bench/native/README.md says
# what the columns mean.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
PAGODA_CUDA=ON scripts/build-native.sh build/cmake build/native

commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)
if [[ -n $(git status --porcelain 2>/dev/null) ]]; then
  commit+=" with changes"
fi
echo "date     $(date --iso-8601)"
echo "commit   $commit"
gpu=$(nvidia-smi --query-gpu=name,driver_version,power.limit --format=csv,noheader | sed -n 1p)
echo "gpu      $gpu"
echo "command  scripts/bench-native.sh $*"
echo
exec build/cmake/bench/native/native_bench bench/shapes.csv "$@"
