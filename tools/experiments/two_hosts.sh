#!/bin/sh
# Trains on two hosts that share no folder, and compares the weights with those of one process.
#
#     tools/experiments/two_hosts.sh [PREPARED] [nmt train's options …]
#
# The hosts are two network namespaces of this machine, connected by a virtual cable, so it needs Linux, root and `ip`.
# PREPARED is a prepared folder, by default of the sample corpus. PYTHON names another Python than `python`.
set -eu
case ${1:-} in -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit ;; esac
python=${PYTHON:-python}
skip() { echo "skipped: $1"; exit 0; }
[ "$(uname)" = Linux ] || skip "network namespaces are part of Linux"
[ "$(id -u)" = 0 ] || skip "only root can make network namespaces"
command -v ip >/dev/null || skip "there is no program ip (Debian: apt install iproute2)"

work=$(mktemp -d)
left=nmt$$a right=nmt$$b
clean_up() {
    ip netns delete $left 2>/dev/null || true
    ip netns delete $right 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap "exit 130" INT TERM HUP
ip netns add $left 2>/dev/null || skip "this system does not let root make a network namespace"
ip netns add $right
ip link add $left type veth peer name $right
number=0
for host in $left $right; do
    number=$((number + 1))
    ip link set $host netns $host
    ip -n $host addr add 10.77.0.$number/24 dev $host
    ip -n $host link set lo up
    ip -n $host link set $host up
done

data=${1:-}
[ $# = 0 ] || shift
if [ -z "$data" ]; then
    data=$work/data
    "$python" -m nmt prepare --source-lang en --target-lang de --train data/sample/train --valid data/sample/valid \
        --vocab-size 500 --out "$data" 2>"$work/prepare.log" || { cat "$work/prepare.log"; exit 1; }
fi

# In float32 the order of sums differs, and so do the last digits; dropout would draw other numbers in each process
set -- --device cpu --precision float32 --max-updates 60 --set train.validate_every=30 --set model.dropout=0 "$@"
"$python" -m nmt train --data "$data" --out "$work/alone" "$@" 2>"$work/alone.log" || { cat "$work/alone.log"; exit 1; }
train_on() {  # its number, its name, and the options
    rank=$1 host=$2
    shift 2
    cp -r "$data" "$work/$host-data"
    ip netns exec $host env GLOO_SOCKET_IFNAME=$host "$python" -m torch.distributed.run --nnodes 2 --node-rank "$rank" \
        --nproc-per-node 1 --master-addr 10.77.0.1 --master-port 29500 -m nmt train --data "$work/$host-data" \
        --out "$work/$host" "$@" 2>"$work/$host.log" || { cat "$work/$host.log"; exit 1; }
}
train_on 1 $right "$@" &
other=$!
train_on 0 $left "$@"
wait $other
tail -n 1 "$work/$left.log"
ip netns exec $left cat /proc/net/dev |
    awk -v host=$left '$1 == host ":" { printf "sent %d MB, received %d MB\n", $10 / 1e6, $2 / 1e6 }'
[ ! -e "$work/$right" ] || { echo "the second host wrote a run folder"; exit 1; }
"$python" - "$work/alone" "$work/$left" <<'PYTHON'
import json
import sys
from pathlib import Path

from safetensors.torch import load_file

alone, hosts = (load_file(Path(run, "last", "weights.safetensors")) for run in sys.argv[1:])
most = max(float((alone[name] - hosts[name]).abs().max()) for name in alone)
numbers = sum(tensor.numel() for tensor in alone.values())
print(f"{numbers:,} weights, {4 * numbers / 1e6:.1f} MB of gradients an update; they differ by at most {most:.1e}")
for run in sys.argv[1:]:
    records = map(json.loads, Path(run, "log.jsonl").read_text().splitlines())
    print(Path(run).name, *(f"update {r['update']}: perplexity {r['perplexity']:.4f}" for r in records if r["kind"] == "valid"))
sys.exit(most > 1e-3)
PYTHON
