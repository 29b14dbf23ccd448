#!/usr/bin/env bash
# Checks and measures nmt on a GPU in under eight minutes. On a machine without one it says so and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} exec "$python" tools/benchmarks/check_gpu.py "$@"
