#!/usr/bin/env bash
# What people install, tried as they would: the samples, a blank project that knows the packed folder alone, and the tool.
# Expects a Release build. Earshot's packages come from the folder packed here and from no cache; the rest from this machine's usual sources.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
root=$PWD
audio=$root/samples/audio/jfk.wav
sentence="ask not what your country can do for you"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fail() { echo "packages: $*" >&2; exit 1; }

# Runs a command quietly; what it said is shown where it fails.
quiet() { "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }

ok() { passed=$((passed + 1)); echo "ok: $*"; }

# The command's output holds Kennedy's sentence.
transcribes() {
  local name=$1; shift
  local text
  text=$("$@" 2> "$work/log") || { cat "$work/log" >&2; fail "$name failed: $*"; }
  [[ ${text//$'\n'/ } == *"$sentence"* ]] || fail "$name: expected '… $sentence …', got '$text'"
  ok "$name transcribes"
}

# NuGet's configuration for a folder: Earshot from the packed folder only, all else from the sources that are usual here.
configure() {
  local source
  echo '<configuration>'
  echo "  <packageSources><add key=\"packed\" value=\"$work/packed\" /></packageSources>"
  echo '  <packageSourceMapping>'
  echo '    <packageSource key="packed"><package pattern="Earshot" /><package pattern="Earshot.*" /></packageSource>'
  dotnet nuget list source --format detailed | sed -n 's/^ *[0-9][0-9]*\. *\(.*\) \[Enabled\]$/\1/p' | while read -r source; do
    echo "    <packageSource key=\"${source//&/&amp;}\"><package pattern=\"*\" /></packageSource>"
  done
  echo '  </packageSourceMapping>'
  echo '</configuration>'
}

# The C# of a README as a method of its own class, so that all can be compiled together.
example() {
  local code
  code=$(awk '/^```csharp/ { inside = 1; next } /^```/ { inside = 0 } inside' "$1")
  [ -n "$code" ] || fail "$1 has no example"
  grep -E '^using [A-Za-z.]+;' <<< "$code" || true
  printf 'static class %s\n{\n    public static async Task Run()\n    {\n' "$2"
  grep -vE '^using [A-Za-z.]+;' <<< "$code"
  printf '    }\n}\n'
}

# A project as a reader of the READMEs would begin it.
blank_project() {
  local version=$1 readme id n=0
  mkdir -p "$work/blank"
  {
    echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup>'
    echo '  <OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable>'
    echo '  <TreatWarningsAsErrors>true</TreatWarningsAsErrors><NoWarn>CS1998</NoWarn>'
    echo '</PropertyGroup><ItemGroup>'
    for id in Earshot Earshot.Evaluation Earshot.Onnx Earshot.Models.Base Earshot.Models.Speech Earshot.Models.Speakers; do
      echo "  <PackageReference Include=\"$id\" Version=\"$version\" />"
    done
    echo '</ItemGroup></Project>'
  } > "$work/blank/Blank.csproj"
  cp samples/TranscribeFile/Program.cs "$work/blank/"
  for readme in README.md src/*/README.md; do
    n=$((n + 1))
    example "$readme" "Example$n" > "$work/blank/Example$n.cs"
  done
}

for sample in TranscribeFile SpeechToTextClient; do
  transcribes "samples/$sample" "artifacts/bin/$sample/release/$sample" "$audio"
done

quiet dotnet pack Earshot.slnx -c Release --no-build -o "$work/packed"
version=$(dotnet msbuild src/Earshot -getProperty:Version)
ids=(Earshot Earshot.Compute Earshot.Evaluation Earshot.Onnx Earshot.Models.Base Earshot.Models.Speech Earshot.Models.Speakers Earshot.Tool)
for id in "${ids[@]}"; do [ -f "$work/packed/$id.$version.nupkg" ] || fail "$id.$version.nupkg was not packed"; done
[ "$(find "$work/packed" -name '*.nupkg' | wc -l)" -eq ${#ids[@]} ] || fail "packed, but not meant to be: $(ls "$work/packed")"
for id in Earshot Earshot.Compute Earshot.Evaluation Earshot.Onnx; do [ -f "$work/packed/$id.$version.snupkg" ] || fail "$id has no symbols"; done
ok "${#ids[@]} packages of version $version"

configure > "$work/nuget.config"
blank_project "$version"
export NUGET_PACKAGES=$work/packages
cd "$work"
quiet dotnet build blank -c Release
ok "a blank project restores and builds, and so do the examples of the READMEs"
for id in "${ids[@]:0:7}"; do
  package=packages/${id,,}/$version
  [ -f "$package/README.md" ] || fail "$id has no README.md"
  grep -q '<license type="expression">' "$package/${id,,}.nuspec" || fail "$id names no licence"
done
ok "packages have their READMEs and licences"
transcribes "the blank project" blank/bin/Release/net10.0/Blank "$audio"
quiet dotnet publish blank -c Release --no-build -o published
for model in "$root"/models/*/; do
  diff -r "$model" "published/models/$(basename "$model")" > "$work/log" || { cat "$work/log" >&2; fail "published without a model as it is: $model"; }
done
ok "publishing brings the models along"

[[ $(dotnet dnx "Earshot.Tool@$version" --yes -- --version 2> "$work/log") == *"$version"* ]] || { cat "$work/log" >&2; fail "dnx does not run the tool"; }
ok "dnx runs the tool"
quiet dotnet tool install Earshot.Tool --version "$version" --tool-path tools
transcribes "the tool" tools/earshot transcribe "$audio"
echo "packages: $passed checks passed"
