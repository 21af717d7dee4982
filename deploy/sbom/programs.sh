#!/bin/sh
# Writes what Go programs are made of, one CycloneDX document for each:
# DIR/<program>.cdx.json, the same for the same program.
#
#   programs.sh DIR PROGRAM[=VERSION]...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
for program; do
  file=${program%%=*} version=
  if [ "$file" != "$program" ]; then version=${program#*=}; fi
  file=$(cd "$(dirname "$file")" && pwd)/$(basename "$file")
  # The tool runs on the machine that builds, whatever it builds for.
  env -u GOOS -u GOARCH go tool -C "$here" cyclonedx-gomod bin -json -std -noserial -notimestamp -output-version 1.5 \
    -version "$version" -output "$dir/$(basename "$file").cdx.json" "$file"
done
