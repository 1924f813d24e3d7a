#!/usr/bin/env bash
# What a processor that is not at hand would make of the emitted micro-kernels' inner loops, by LLVM's model of it (Debian: llvm, binutils):
#   scripts/mca.sh [znver3|znver4|skylake|alderlake|...] [SET]
# Cycles of four steps of a loop, and of these the share in which multiplications would be begun if nothing else limited them.
set -euo pipefail
cd "$(dirname "$0")/.."
cpu=${1:-znver3} set=${2:-avx2}
bench=artifacts/bin/Earshot.Bench/release/Earshot.Bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The unrolled loop: what lies before the first jump backwards, from its target on.
loop() {
  objdump -D -b binary -m i386:x86-64 "$1" | perl -ne '
    next unless /^ *([0-9a-f]+):\t[^\t]*\t(.*?)\s*$/;
    push @code, [hex($1), $2];
    next unless $2 =~ /^jae\s+0x([0-9a-f]+)/ and hex($1) < $code[-1][0];
    my $start = hex($1);
    print map { "$_->[1]\n" } grep { $_->[0] >= $start } @code[0 .. $#code - 1];
    exit;'
}

printf '%-10s %4s %8s %8s %10s %10s %12s\n' panel rows cycles uops/cyc loads/cyc mults/cyc 'of 2 mults'
for kernel in "f32 1" "f32 3" "f32 6" "int16 2" "int16 5" "bf16 6" "int8 6"; do
  read -r type rows <<<"$kernel"
  "$bench" code "$set" "$type" "$rows" >"$work/code" 2>/dev/null || continue
  loop "$work/code" >"$work/loop.s"
  [ -s "$work/loop.s" ] || continue
  loads=$(grep -c '(%' "$work/loop.s" || true)
  loads=$((loads - $(grep -c '^lea' "$work/loop.s" || true) - $(grep -c '^prefetch' "$work/loop.s" || true)))
  multiplies=$(grep -cE '^(vfmadd|vpmaddwd|vpdpbusd|vdpbf16)' "$work/loop.s" || true)
  llvm-mca -mcpu="$cpu" -iterations=200 "$work/loop.s" >"$work/report" 2>/dev/null
  cycles=$(awk '/^Total Cycles:/ { print $3 / 200 }' "$work/report")
  uops=$(awk '/^uOps Per Cycle:/ { print $4 }' "$work/report")
  awk -v t="$type" -v r="$rows" -v c="$cycles" -v u="$uops" -v l="$loads" -v m="$multiplies" \
    'BEGIN { printf "%-10s %4d %8.1f %8.2f %10.2f %10.2f %11.0f%%\n", t, r, c, u, l / c, m / c, 100 * m / c / 2 }'
done
