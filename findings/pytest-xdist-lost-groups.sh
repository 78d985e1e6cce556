#!/usr/bin/env bash
# pytest 9.2.0 with pytest-xdist 3.8.0: `--dist loadgroup` heeds no `xdist_group` mark any more, and says nothing of
# it: tests of one group run in both processes, and a fixture of the module is set up twice. xdist writes the group
# into a field of the node that pytest 9.2 does not read (pytest-xdist issue 1386). With pytest 9.1.1 one process runs
# all of the group.
#
# Seen:    pytest 9.1.1: 1 process / pytest 9.2.0: 2 processes
# Wanted:  1 process, both times.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
mkdir "$work/tests"
cat >"$work/tests/test_group.py" <<'PY'
import os
import pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_one(number):
    with open(os.environ["RAN_IN"], "a") as ran:
        ran.write(f"{os.getpid()}\n")
PY
seen=""
for version in 9.1.1 9.2.0; do
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check pytest=="$version" pytest-xdist==3.8.0
    export RAN_IN="$work/ran-$version"
    (cd "$work/tests" && "$work/venv/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider >/dev/null)
    seen="$seen$version: $(sort -u "$RAN_IN" | wc -l | tr -d ' ') "
done
echo "$seen"
test "$seen" = "9.1.1: 1 9.2.0: 2 "
