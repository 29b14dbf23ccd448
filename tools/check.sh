#!/usr/bin/env bash
# Format, lint, types, tests, in that order: what must be green before a commit.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check .
$bin/ruff check .
$bin/mypy
tools/test.sh "$@"
