#!/usr/bin/env bash
# Archives of the command line that need nothing installed: scripts/archives.sh [RID ...]
# Each holds earshot, models/, LICENSE, README.md and the notices of what is inside. Native code for this system's own kind, precompiled code
# with its runtime for the others. They come to artifacts/archives/, with the SHA-256 sums of all archives there.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
rids=("$@")
[ ${#rids[@]} -gt 0 ] || rids=(linux-x64 linux-arm64 win-x64 osx-arm64)
version=$(dotnet msbuild src/Earshot.Cli -getProperty:Version)
runtime=$(dotnet msbuild src/Earshot.Cli -getProperty:BundledNETCoreAppPackageVersion)
packages=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')
out=$PWD/artifacts/archives
mkdir -p "$out"
work=$(mktemp -d "$out/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT

# How a system's code is made here, as properties of the build.
properties() {
  case "$1-on-$(uname -m)" in
    linux-arm64-on-x86_64)
      if command -v aarch64-linux-gnu-gcc >/dev/null; then
        echo -p:CppCompilerAndLinker=aarch64-linux-gnu-gcc -p:ObjCopyName=aarch64-linux-gnu-objcopy
      else
        echo "aarch64-linux-gnu-gcc is not here (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross): precompiled, not native." >&2
        echo -p:PublishReadyToRun=true
      fi ;;
    linux-x64-on-aarch64) echo -p:PublishReadyToRun=true ;;
  esac
}

# The runtime is part of the program, so its licence and notices go along.
runtime_notices() {
  local rid=$1 folder=$2 pack file
  for pack in "$packages/microsoft.netcore.app.runtime.nativeaot.$rid/$runtime" "$packages/microsoft.netcore.app.runtime.$rid/$runtime"; do
    [ -d "$pack" ] || continue
    for file in LICENSE.TXT THIRD-PARTY-NOTICES.TXT; do install -m 644 "$pack/$file" "$folder/dotnet-runtime-$file"; done
    return
  done
  echo "The notices of the .NET runtime $runtime for $rid are not in $packages." >&2
  return 1
}

# A zip for Windows, a tar.gz elsewhere; equal content gives equal bytes in a tar.gz.
archive() {
  local name=$1 rid=$2
  if [[ $rid == win-* ]]; then
    (cd "$work" && zip -q -X -r "$name.zip" "$name") && mv "$work/$name.zip" "$out/"
  else
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -C "$work" -c "$name" | gzip -n > "$work/$name.tar.gz"
    mv "$work/$name.tar.gz" "$out/"
  fi
}

for rid in "${rids[@]}"; do
  name=earshot-$version-$rid
  echo "== $name"
  # shellcheck disable=SC2046 # properties are words
  dotnet publish src/Earshot.Cli -c Release -r "$rid" -o "$work/$name" $(properties "$rid")
  cp LICENSE "$work/$name/"
  cp scripts/archive-readme.md "$work/$name/README.md"
  runtime_notices "$rid" "$work/$name"
  archive "$name" "$rid"
  rm -rf "${work:?}/$name"
done

(cd "$out" && sha256sum earshot-* > "$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
ls -l "$out"
