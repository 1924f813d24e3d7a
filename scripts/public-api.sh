#!/usr/bin/env bash
# Writes the public API of the libraries anew, to src/*/PublicAPI.Unshipped.txt: read the difference before committing it.
# What PublicAPI.Shipped.txt has is not written again. What it has and the library has no more is told by the build (RS0017), to be taken out by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for library in Earshot.Compute Earshot Earshot.Evaluation Earshot.Onnx; do
  unshipped=src/$library/PublicAPI.Unshipped.txt
  printf '#nullable enable\n' > "$unshipped"
  # RS0016 tells in the log what is public and not written down, as the file has it. What is referenced is built first, so its log is replaced.
  dotnet build "src/$library" -c Release --no-incremental -v quiet -p:CheckPublicApi=true -p:TreatWarningsAsErrors=false \
    "-p:ErrorLog=$work/api.sarif%2Cversion=2.1" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  sed -n 's/^ *"APIName": "\(.*\)",\{0,1\}$/\1/p' "$work/api.sarif" | sed 's/\\\(["\\]\)/\1/g' | LC_ALL=C sort -u >> "$unshipped"
  echo "$unshipped: $(($(wc -l < "$unshipped") - 1)) members"
done
