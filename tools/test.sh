#!/usr/bin/env bash
# The tests; then, unless arguments select some, the numerical ones again as on CPUs that can do less: without AVX-512,
# and without AVX.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE  # the tests start hundreds of programs, which need not compile the package each time
pytest=(.venv/bin/pytest --numprocesses auto --maxprocesses 4)
"${pytest[@]}" "$@"
if [ $# -gt 0 ] || [ "$(uname -m)" != x86_64 ]; then exit; fi
mapfile -t numerical < <(grep -rl --include='test_*.py' mark.numerical tests)  # to collect the others takes a while
if ! [ -r /proc/cpuinfo ] || grep --quiet avx512f /proc/cpuinfo; then  # without it, the tests above ran this way
  echo "The numerical tests as on a CPU without AVX-512"
  ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 "${pytest[@]}" -m numerical \
    "${numerical[@]}"
fi
echo "The numerical tests as on a CPU without AVX"
ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 "${pytest[@]}" -m numerical \
  -k "not compiled_kernels" "${numerical[@]}"  # which take a minute to compile
