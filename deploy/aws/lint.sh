#!/bin/sh
# Checks the templates with cfn-lint and the state machine with asl-validator.
# Both are pinned; what is missing is installed into the user's cache.
set -eu
cd "$(dirname "$0")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/lockkeeper"
cfn_lint=1.51.0

python=python3
if ! "$python" -c "from importlib.metadata import version as v; raise SystemExit(v('cfn-lint') != '$cfn_lint')" 2>/dev/null; then
  python="$cache/cfn-lint-$cfn_lint/bin/python"
  if [ ! -x "$python" ] || ! "$python" -c 'import cfnlint' 2>/dev/null; then
    echo "installing cfn-lint $cfn_lint"
    python3 -m venv "$cache/cfn-lint-$cfn_lint"
    "$python" -m pip install --quiet "cfn-lint==$cfn_lint"
  fi
fi
"$python" -c 'from cfnlint.runner import main; main()' --regions eu-west-1 us-east-1 -- base.yaml engine.yaml environment.yaml

command -v npm >/dev/null || { echo "checking the state machine needs npm (LOCKKEEPER_SKIP_AWS=1 leaves it out)"; exit 1; }
asl="$cache/asl-$(cksum lint/package-lock.json | cut -d' ' -f1)"
if [ ! -x "$asl/node_modules/.bin/asl-validator" ]; then
  echo "installing asl-validator"
  mkdir -p "$asl"
  cp lint/package.json lint/package-lock.json "$asl"
  npm ci --prefix "$asl" --ignore-scripts --no-audit --no-fund --loglevel=error
fi
"$asl/node_modules/.bin/asl-validator" --json-path job.asl.json
