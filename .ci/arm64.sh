#!/usr/bin/env bash
# Compiles the self-test of Earshot.Compute ahead of time for linux-arm64 and runs it: on an arm64 machine as it is, elsewhere on emulated
# processors with different instructions, each of which must be found and give what float64 and plain code give.
# Installs what it needs by name. --all runs every check, for half an hour, and not only those that are quick under emulation.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# Much memory, large matrices, whole generations, and what is about .NET's memory and not about instructions.
slow=Memory_is_within,Matrices_that_share_rows_give,A_generation_has,allocate,A_token_of_a_prompt,Queries_see,A_row_has_the_same_bits,Caches_change,int8_keys_loses
slower=$slow,Large_products,Prompts_match,A_prompt_gives
limit=420
if [ "${1:-}" = --all ]; then slow=- slower=- limit=3000; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
native=$([ "$(uname -m)" = aarch64 ] && echo yes || echo no)
cross=()
if [ "$native" = no ]; then
  if ! command -v qemu-aarch64 >/dev/null || ! command -v aarch64-linux-gnu-gcc >/dev/null; then
    sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross >/dev/null
  fi
  export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
  cross=(-p:CppCompilerAndLinker=aarch64-linux-gnu-gcc -p:ObjCopyName=aarch64-linux-gnu-objcopy)
fi
dotnet publish tests/Earshot.Compute.SelfTest -c Release -r linux-arm64 -o "$folder" --nologo -v quiet -p:UseSharedCompilation=true -p:RunAnalyzers=false "${cross[@]}"
program=$folder/Earshot.Compute.SelfTest
[ ! -e "$program.dll" ] || { echo "The self-test was not compiled ahead of time." >&2; exit 1; }

if [ "$native" = yes ]; then
  "$program"
  exit
fi

emulated() { # a processor, its best instruction set, the set to check, checks to leave out; what hangs under emulation is tried once more
  local log=$folder/$1-$3.log code=0
  for _ in 1 2; do
    code=0
    timeout "$limit" qemu-aarch64 -cpu "$1" "$program" --best "$2" --only "$3" --without "$4" > "$log" 2>&1 || code=$?
    [ "$code" -eq 124 ] || break
  done
  [ "$code" -eq 0 ] || { echo "$1, $3: code $code"; cat "$log"; }
  return "$code"
}

# Two at a time.
pids=()
emulated max neon-i8mm neon-i8mm "$slow" & pids+=($!)
{ emulated neoverse-n1 neon-dotprod neon-dotprod "$slower" && emulated cortex-a57 neon neon "$slower" && emulated max neon-i8mm portable "$slower"; } & pids+=($!)
for pid in "${pids[@]}"; do wait "$pid"; done
for log in "$folder"/*.log; do echo "$(basename "$log" .log): $(tail -n 1 "$log")"; done
