#!/usr/bin/env bash
# Edits a real clip the way a user would: starts the daemon on a spool of its
# own, submits the requests of examples/demo, watches them, stops the daemon.
# Usage: examples/demo.sh DIR    (everything it writes lies in DIR)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && dir=$(cd "$1" && pwd)
bin=$here/../bin
export UREDIT_SPOOL=$dir/spool

# A run of its own: finished results of earlier runs stay.
results=$dir/results/$(date +%Y%m%d-%H%M%S)
mkdir -p "$UREDIT_SPOOL" "$results" "$dir/run"
cat > "$dir/uredit.yaml" <<YAML
root: $UREDIT_SPOOL
roots: ["$UREDIT_SPOOL", "$dir/results", "$here/clips"]
runtime_dir: $dir/run
state_dir: $dir/state
devices: [cpu]
bundle: builtin
YAML

"$bin/ureditd" serve --config "$dir/uredit.yaml" 2> "$dir/daemon.log" &
daemon=$!
stop() { kill -TERM "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
trap stop EXIT
until [ -e "$UREDIT_SPOOL/inbox" ]; do # the daemon makes it once it is ready
  kill -0 "$daemon" 2>/dev/null || { cat "$dir/daemon.log"; exit 1; }
  sleep 0.1
done

for request in "$here"/demo/*.yaml; do
  name=$(basename "$request" .yaml)
  sed -e "s|^input_video_path: *|&$here/clips/|" -e "s|^output_dir: *.*|output_dir: $results/$name|" \
    "$request" > "$dir/$name.yaml"
  echo "== $name: $(sed -n 's/^mask_prompt: *//p' "$request"), $(sed -n 's/^edit_prompt: *//p' "$request")"
  "$bin/uredit" submit --wait "$dir/$name.yaml" || {
    echo "the daemon's log ends:"; tail -20 "$dir/daemon.log"; exit 1; }
done
stop
trap - EXIT
echo "result: $results/$name"
