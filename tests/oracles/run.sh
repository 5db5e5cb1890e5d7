#!/usr/bin/env bash
# The clinical oracle: NEWS2 and the French numbers, by the program and by tests/oracles/clinical.py, on 100,000 random questions.
# From the repository's root; what it fetches stays in target/oracles.
#
#   run.sh [COUNT [SEED]]
set -euo pipefail
exec </dev/null

stdnum_version=2.2
here=$(cd "$(dirname "$0")" && pwd)
venv=$PWD/target/oracles

# As the gate builds it: nothing is built twice.
cargo test --quiet --locked --workspace --no-run
if ! "$venv/bin/python" -c "import stdnum, sys; sys.exit(stdnum.__version__ != '$stdnum_version')" 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "python-stdnum==$stdnum_version"
fi
"$venv/bin/python" "$here/clinical.py" "${CARGO_TARGET_DIR:-target}/debug/examples/clinical_lines" "$@"
