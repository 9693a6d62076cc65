#!/usr/bin/env bash
# Makes the Java bindings of native/include/pagoda/pagoda.h with jextract.
#
#   scripts/generate-bindings.sh           writes them
#   scripts/generate-bindings.sh --check   compares them with what is there, and changes nothing
#
# The output is committed, because no package registry carries jextract and a build must not need
# it. jextract is taken from $JEXTRACT_HOME/bin or from PATH; without one this script exits with 3.
# Build it from https://github.com/openjdk/jextract; the committed output was made by revision
# f9866df (August 2026). One from before November 2025 will not do: its accessors of an array inside
# a struct read at the wrong offset, and AbiLayoutTest fails on them.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
header=native/include/pagoda/pagoda.h
symbols=scripts/bindings.symbols
package=dev.pagoda.internal.cuda.abi
sources=java/pagoda/src/generated/java

mode=write
if [[ $# -eq 1 && $1 == --check ]]; then
  mode=check
elif [[ $# -ne 0 ]]; then
  echo "usage: scripts/generate-bindings.sh [--check]" >&2
  exit 2
fi

if [[ -n ${JEXTRACT_HOME:-} ]]; then
  jextract=$JEXTRACT_HOME/bin/jextract
else
  jextract=$(command -v jextract || true)
fi
if [[ ! -x $jextract ]]; then
  echo "no jextract was found: put it on PATH or set JEXTRACT_HOME=${JEXTRACT_HOME:-}" >&2
  exit 3
fi

cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_jextract() {
  if ! "$jextract" "$@" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "jextract failed: jextract=$jextract" >&2
    exit 1
  fi
}

# First pass: what the header itself holds, without the C library's headers, against what was
# reviewed. Otherwise every macro of libc would come along, and a new function could be forgotten.
run_jextract --dump-includes "$work/all" "$header"
sed -nE 's|^(--include-[a-z]+ [A-Za-z0-9_]+) +# header: .*pagoda/pagoda\.h$|\1|p' "$work/all" |
  sort >"$work/found"
grep '^--include' "$symbols" | sort >"$work/reviewed"
if ! diff -u "$work/reviewed" "$work/found" >"$work/difference"; then
  sed -n '3,$p' "$work/difference" >&2
  echo "$header and $symbols differ as shown; add (+) or remove (-) lines after a review" >&2
  exit 1
fi

# Second pass: the bindings. There is no --library, so that they find their functions in what
# NativeLibrary has loaded with System.load, whose errors carry the dynamic linker's own words.
run_jextract --output "$work/java" --target-package "$package" \
  --header-class-name pagoda_h --symbols-class-name pagoda_runtime \
  "@$work/reviewed" "$header"

# jextract writes for Java 23 and later, and has no option for our floor of 22. The one method that
# 22 lacks is SymbolLookup.findOrThrow. That is why, here and nowhere else, generated text is
# changed; --check makes sure that it was changed by this line alone. Delete it with the floor.
generated=$work/java/${package//.//}
sed -i -E 's/(SYMBOL_LOOKUP)\.findOrThrow\(("[A-Za-z0-9_]+")\)/\1.find(\2).orElseThrow()/' \
  "$generated"/*.java
if grep -n findOrThrow "$generated"/*.java >&2; then
  echo "this jextract writes SymbolLookup.findOrThrow in a way that was not foreseen" >&2
  exit 1
fi

committed=$sources/${package//.//}
if [[ $mode == check ]]; then
  if ! diff -ru "$committed" "$generated" >&2; then
    echo "the bindings are not what $header yields: run scripts/generate-bindings.sh" >&2
    exit 1
  fi
  echo "bindings: up to date with $header"
else
  rm -rf "$committed"
  mkdir -p "$(dirname "$committed")"
  cp -R "$generated" "$committed"
  echo "bindings: wrote $committed"
fi
