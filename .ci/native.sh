#!/usr/bin/env bash
# Publishes the command line as native code for this system and runs it on a recording, with the best instructions that the processor has and
# held to AVX2: both must hear the sentence, and say which kernels they took.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
dotnet publish -c Release -r "linux-$([ "$(uname -m)" = aarch64 ] && echo arm64 || echo x64)" src/Earshot.Cli -o "$folder" --nologo -v quiet -p:UseSharedCompilation=true -p:RunAnalyzers=false
[ ! -e "$folder/Earshot.Cli.dll" ] || { echo "The program was not compiled ahead of time." >&2; exit 1; }

best=avx2
grep -qw avx512f /proc/cpuinfo && grep -qw avx512vl /proc/cpuinfo && grep -qw avx512dq /proc/cpuinfo && grep -qw avx512bw /proc/cpuinfo && best='avx512|amx'
[ "$(uname -m)" = aarch64 ] && best='neon|neon-dotprod|neon-i8mm'

hear() { # what to limit instructions to (empty: nothing), the kernels expected
  local text talk="$folder/talk.txt"
  rm -f "$folder"/loaded.*
  text=$(EARSHOT_ISA=$1 HF_HUB_OFFLINE=1 LD_DEBUG=files LD_DEBUG_OUTPUT="$folder/loaded" "$folder/earshot" transcribe samples/audio/jfk.wav --verbose 2>"$talk")
  grep -q 'ask not what your country can do for you' <<<"$text" || { cat "$talk"; echo "heard: $text" >&2; exit 1; }
  grep -Eq "; ($2)(\+[a-z0-9+]+)?; [0-9]+ threads" "$talk" || { cat "$talk"; echo "expected kernels: $2" >&2; exit 1; }
  # A file on this machine is heard without a cryptographic library, which some machines lack.
  ! grep -q 'file=libssl' "$folder"/loaded.* || { echo "libssl was loaded" >&2; exit 1; }
  grep -E 'Loaded|Encoder' "$talk"
}
hear "" "$best"
[ "$(uname -m)" = aarch64 ] || hear avx2 avx2
hear portable portable
echo "The native program hears the recording with every set of instructions tried."
