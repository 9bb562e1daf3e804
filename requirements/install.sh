#!/bin/sh
# Makes the environment where it is missing, and installs requirements/NAME.txt and the project into it
# unless that is done. Everything that it says goes to standard error.
# usage: [PYTHON=python3.13] [VENV=.venv] requirements/install.sh app|dev
set -eu
exec 1>&2
cd "$(dirname "$0")/.."
name=$1
venv=${VENV:-.venv}
candidates=${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}

version() { "$1" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null; }
is_usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# The folder is part of it, since an editable installation points there.
fingerprint() { { pwd; cat "requirements/$1.txt" pyproject.toml; } | cksum; }
is_done() { [ -f "$venv/.installed-$1" ] && [ "$(cat "$venv/.installed-$1")" = "$(fingerprint "$1")" ]; }

make_environment() {
    for python in $candidates; do
        is_usable "$python" || continue
        # The newest one may be installed in part, so that only trying tells.
        if problem=$("$python" -m venv --clear "$venv" 2>&1); then
            echo "Made $venv with Python $(version "$python")"
            return
        fi
        echo "Not with $python: $problem"
    done
    rm -rf "$venv"
    echo "No usable Python: 3.11 or newer with its venv module is needed (on Debian: apt-get install python3-venv)."
    echo "Looked for: $candidates. Name another one so: make PYTHON=/path/to/python3 ..."
    exit 1
}

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null ||
    { [ -n "${PYTHON:-}" ] && [ "$(version "$PYTHON")" != "$(version "$venv/bin/python")" ]; }; then
    make_environment
fi
is_done "$name" && exit
pip() { "$venv/bin/python" -m pip --quiet --no-input --disable-pip-version-check "$@"; }
echo "Installing requirements/$name.txt into $venv (once, until it changes)"
pip install --require-hashes --requirement "requirements/$name.txt"
pip install --no-deps --no-build-isolation --editable .
fingerprint "$name" >"$venv/.installed-$name"
# What the app and the demo need is part of what developing needs.
[ "$name" = app ] || fingerprint app >"$venv/.installed-app"
