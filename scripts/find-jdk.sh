#!/usr/bin/env bash
# Prints the home of a JDK that can build and run Pagoda: release 22 or later, with a compiler.
#
#   scripts/find-jdk.sh             the first one of PAGODA_JAVA_HOME, JAVA_HOME, JAVA25_HOME, java on
#                                   PATH and, newest first, the usual JVM folders
#   scripts/find-jdk.sh --newest    the newest of all these
#
# Without one it says so in a sentence and exits with 3. Reads the JDKs' release files and starts no
# JVM, so that a launcher can afford the question.
set -euo pipefail

readonly floor=22

case ${1:-} in
  "") newest=false ;;
  --newest) newest=true ;;
  *)
    echo "usage: scripts/find-jdk.sh [--newest]" >&2
    exit 2
    ;;
esac

# The feature release of the JDK in a folder; 0 for anything else, a runtime without javac included.
release_of() {
  local line release=0
  if [[ -x $1/bin/javac && -r $1/release ]]; then
    while IFS= read -r line; do
      if [[ $line =~ ^JAVA_VERSION=\"?([0-9]+) ]]; then
        release=${BASH_REMATCH[1]}
        break
      fi
    done <"$1/release"
  fi
  echo "$release"
}

candidates=("${PAGODA_JAVA_HOME:-}" "${JAVA_HOME:-}" "${JAVA25_HOME:-}")
if java=$(command -v java); then
  java=$(readlink -f "$java")
  candidates+=("${java%/bin/java}")
fi
for home in "${candidates[@]}"; do
  if [[ $newest == false && -n $home && $(release_of "$home") -ge $floor ]]; then
    echo "$home"
    exit 0
  fi
done

shopt -s nullglob
best=
best_release=$((floor - 1))
for home in "${candidates[@]}" /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* \
  /Library/Java/JavaVirtualMachines/*/Contents/Home \
  "${HOME:-/}"/.jdks/* "${HOME:-/}"/.sdkman/candidates/java/* "${HOME:-/}"/.asdf/installs/java/*; do
  if [[ -z $home ]]; then
    continue
  fi
  release=$(release_of "$home")
  if ((release > best_release)); then
    best=$home
    best_release=$release
  fi
done

if [[ -z $best ]]; then
  echo "Pagoda needs a JDK $floor or later and found none: install one (25 is recommended)" \
    "or set JAVA25_HOME or JAVA_HOME to it." >&2
  exit 3
fi
echo "$best"
