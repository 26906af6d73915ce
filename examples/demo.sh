#!/usr/bin/env bash
# Edits a real clip the way a user would: starts the daemon on a spool of its
# own, submits the requests of examples/demo-dog, watches them, stops the daemon.
# Where the trained networks or the dog's clip cannot be fetched, the requests
# are those of examples/demo, for the built-in models and the clip beside them.
# Usage: examples/demo.sh DIR    (everything it writes lies in DIR)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && dir=$(cd "$1" && pwd)
bin=$here/../bin
export UREDIT_SPOOL=$dir/spool

# fetch_clip puts the clip of a dog into a folder: it lies in a package of Debian,
# (c) Joao Eriberto Mota Filho, CC BY-SA 4.0.
fetch_clip() {
  local sum=9b0710a436413f75cc3cd1c1048aa3c4d7c28f76f51ef6a25413d0018d22ec99 file=$1/dog.mp4
  check() { echo "$sum  $1" | sha256sum --check --status; }
  [ -e "$file" ] && check "$file" && return
  local fresh; fresh=$(mktemp -d "$dir/fetch.XXXXXX")
  (cd "$fresh" && apt-get download -q forensics-samples-files && dpkg-deb --extract ./*.deb .) > "$dir/clip.log" 2>&1 &&
    cp "$fresh"/usr/share/forensics-samples/original-files/movie1/VID_20191220_170832.mp4 "$fresh/dog.mp4" &&
    check "$fresh/dog.mp4" && mkdir -p "$1" && mv "$fresh/dog.mp4" "$file"
  local status=$?
  rm -rf "$fresh"
  return $status
}

bundle=$dir/starter requests=$here/demo-dog clips=$dir/clips
if ! "$bin/ureditd" models install starter "$bundle" > "$dir/install.log" 2>&1; then
  reason="the trained networks cannot be fetched: $(grep -v '^fetching' "$dir/install.log")"
elif ! fetch_clip "$clips"; then
  reason="the clip of a dog cannot be fetched, $dir/clip.log says why"
else
  reason=
fi
if [ -n "$reason" ]; then
  echo "$reason"
  echo "so this runs the built-in models, which know colours only, on the clip that ships"
  bundle=builtin requests=$here/demo clips=$here/clips
fi

# A run of its own: finished results of earlier runs stay.
results=$dir/results/$(date +%Y%m%d-%H%M%S)
mkdir -p "$UREDIT_SPOOL" "$results" "$dir/run"
cat > "$dir/uredit.yaml" <<YAML
root: $UREDIT_SPOOL
roots: ["$UREDIT_SPOOL", "$dir/results", "$clips"]
runtime_dir: $dir/run
state_dir: $dir/state
devices: [cpu]
bundle: $bundle
YAML

"$bin/ureditd" serve --config "$dir/uredit.yaml" 2> "$dir/daemon.log" &
daemon=$!
stop() { kill -TERM "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
trap stop EXIT
until [ -e "$UREDIT_SPOOL/inbox" ]; do # the daemon makes it once it is ready
  kill -0 "$daemon" 2>/dev/null || { cat "$dir/daemon.log"; exit 1; }
  sleep 0.1
done

for request in "$requests"/*.yaml; do
  name=$(basename "$request" .yaml)
  sed -e "s|^input_video_path: *|&$clips/|" -e "s|^output_dir: *.*|output_dir: $results/$name|" \
    "$request" > "$dir/$name.yaml"
  echo "== $name: $(sed -n 's/^mask_prompt: *//p' "$request"), $(sed -n 's/^edit_prompt: *//p' "$request")"
  "$bin/uredit" submit --wait "$dir/$name.yaml" || {
    echo "the daemon's log ends:"; tail -20 "$dir/daemon.log"; exit 1; }
done
stop
trap - EXIT
echo "result: $results/$name"
