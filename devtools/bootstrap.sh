#!/bin/sh
# Makes .venv with the packages of requirements/$1.txt, unless it holds them already.
# Needs some Python 3.12 or later: by name, through pyenv, or through uv.
set -eu
cd "$(dirname "$0")/.."

# Two at a time would take each other's work apart.
if [ -z "${BOOTSTRAP_ALONE:-}" ] && command -v flock >/dev/null; then
    BOOTSTRAP_ALONE=1 exec flock devtools/bootstrap.sh sh devtools/bootstrap.sh "$@"
fi

installed="$1 $(cksum <"requirements/$1.txt")"
with_dev="dev $(cksum <requirements/dev.txt)" # dev holds run too
if [ -x .venv/bin/python ] && [ ! -e .venv/unfinished ] &&
    grep -qxF -e "$installed" -e "$with_dev" .venv/installed 2>/dev/null; then
    exit 0
fi

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

make_venv() {
    old=""
    for python in python3.13 python3.14 python3.12 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        is_new_enough "$python" || continue
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            "$python" -m venv .venv
            return
        fi
        old=$python
    done
    if command -v uv >/dev/null; then
        uv venv --quiet --seed --python '>=3.12,<3.15' .venv
        return
    fi
    if [ "$old" ]; then
        echo "$old cannot make virtual environments: install its venv and ensurepip (Debian: apt-get install python3-venv)." >&2
    else
        echo "Infloo needs Python 3.12 or later, as python3, through pyenv or through uv; none was found." >&2
    fi
    exit 1
}

# What a killed installation left cannot be trusted.
if [ -e .venv/unfinished ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    echo "Making the virtual environment in .venv ..."
    make_venv
fi

echo "Installing requirements/$1.txt ..."
touch .venv/unfinished
status=0
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --no-deps -r "requirements/$1.txt" || status=$?
rm -f .venv/unfinished
[ "$status" -eq 0 ] || exit "$status"
echo "$installed" >.venv/installed
