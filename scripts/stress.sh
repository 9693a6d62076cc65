#!/usr/bin/env bash
# jcstress over what Pagoda does without locks: java/pagoda-stress, whose README lists all of it.
#
#   scripts/stress.sh quick      a minute, as CI runs it
#   scripts/stress.sh [long]     every compilation mode and jcstress's own times: hours
#
# All tests run twice: as things are, and with the bug planted that each of them knows. Each must
# then be reported as forbidden, or nothing is proven.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
mode=${1:-long}
case $mode in
  quick) settings=(-f 1 -iters 2 -time 400 -af NONE -sc false) options=(-jvmArgs -Xmx256m) ;;
  long) settings=(-m default) options=(-jvmArgsPrepend -Xmx256m) ;;
  *)
    echo "usage: scripts/stress.sh [quick|long]" >&2
    exit 2
    ;;
esac

JAVA_HOME=$(scripts/find-jdk.sh)
export JAVA_HOME
out=$root/build/stress
mkdir -p "$out"
echo "+ mvn --activate-profiles stress compile"
mvn --batch-mode --no-transfer-progress --quiet --activate-profiles stress \
  --projects .,java/pagoda,java/pagoda-stress compile dependency:build-classpath \
  -DincludeScope=compile -Dmdep.outputFile=target/class-path -Dnative.skip
jcstress=("$JAVA_HOME/bin/java" -cp
  "$root/java/pagoda-stress/target/classes:$(<java/pagoda-stress/target/class-path)"
  org.openjdk.jcstress.Main "${settings[@]}" -t 'Stress$')

cd "$out" # where it leaves its results
echo "+ ${jcstress[*]:3} ${options[*]}"
status=0
"${jcstress[@]}" "${options[@]}" -r "$out/report" >"$out/log.txt" 2>&1 || status=$?
if [[ $status -ne 0 ]] || ! grep --quiet 'Failed tests: No matches' "$out/log.txt" \
  || ! grep --quiet 'Error tests: No matches' "$out/log.txt"; then
  tail --lines 60 "$out/log.txt" >&2
  echo "jcstress found something: log=$out/log.txt" >&2
  exit 1
fi
grep --extended-regexp '^\(Results: ' "$out/log.txt" | tail --lines 1

echo "+ the same with planted bugs"
"${jcstress[@]}" "${options[0]}" "${options[1]} -Ddev.pagoda.stress.planted=true" \
  -r "$out/planted" >"$out/planted.txt" 2>&1 || true
# A file and no pipe: grep --quiet leaves at its first hit, and what still writes to it then dies,
# which pipefail would take for "not found".
sed -n '/^  Failed tests:/,$p' "$out/planted.txt" >"$out/found.txt"
for source in $(cd "$root/java/pagoda-stress/src/main/java" && find . -name '*Stress.java' | sort); do
  class=${source#./}
  class=${class%.java}
  class=${class//\//.}
  if ! grep --quiet --fixed-strings "$class" "$out/found.txt"; then
    tail --lines 60 "$out/planted.txt" >&2
    echo "the planted bug was not found: test=$class, log=$out/planted.txt" >&2
    exit 1
  fi
  echo "found in $class"
done
