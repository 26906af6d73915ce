#!/usr/bin/env bash
# Writes the package's copyright file: the licences of everything that the given
# programs and ONNX Runtime (its LICENSE is the first argument) carry inside.
set -euo pipefail
ort=$1; shift

cat <<TEXT
This package holds uredit, and inside its programs and beside them the works
below. FFmpeg and OpenCV are packages of their own.

Copyright: the uredit authors.

   Licensed under the Apache License, Version 2.0 (the "License"); you may not
   use these files except in compliance with the License. Unless required by
   applicable law or agreed to in writing, software distributed under the License
   is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY
   KIND, either express or implied. See the License for the specific language
   governing permissions and limitations under the License.

The words of the text encoder's vocabulary and the models in the program were
made by uredit's own generator (models/colours).

On Debian systems the Apache License 2.0, which some of these works are under, is
in /usr/share/common-licenses/Apache-2.0.
TEXT

section() { printf '\n\n%s\n%s\n\n' "$1" "$(printf '%s' "$1" | tr -c '' '-')"; cat "$2"; }

section "ONNX Runtime (/usr/lib/uredit/libonnxruntime.so)" "$ort"
section "Go runtime and standard library" "$(go env GOROOT)/LICENSE"
go version -m "$@" | awk '$1 == "dep" {print $2, $3}' | sort -u | while read -r module version; do
	dir=$(go list -m -f '{{.Dir}}' "$module")
	found=
	for f in "$dir"/LICEN[SC]E* "$dir"/COPYING* "$dir"/NOTICE*; do
		[ -f "$f" ] || continue
		found=1
		section "$module $version, $(basename "$f")" "$f"
	done
	[ -n "$found" ] || { echo "$module has no licence file" >&2; exit 1; }
done
