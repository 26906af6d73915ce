#!/bin/bash
# The cases, run as root inside the container that lab boots.
set -uo pipefail
spool=/var/spool/uredit
failed=0

say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { failed=1; say "  FAILED" "$*"; systemctl status --no-pager -n 20 uredit 2>&1 | sed 's/^/             /'; }
# within SECONDS WHAT COMMAND...: waits until the command succeeds.
within() {
	local end=$((SECONDS + $1)) what=$2; shift 2
	until "$@"; do
		((SECONDS < end)) || { fail "no $what"; return 1; }
		read -rt 0.2 <> <(:) || true
	done
}
expect() { local what=$1; shift; "$@" || fail "$what"; }
property() { systemctl show -P "$1" "${2:-uredit}"; }
property_is() { [ "$(property "$1" "${3:-uredit}")" = "$2" ]; }
status_has() { [[ $(property StatusText "${2:-uredit}") == *"$1"* ]]; }
key() { sed -nE 's/^ *"'"$2"'": *"?([^",]*)"?,?$/\1/p' "$spool/results/$1/status.json" 2>/dev/null | head -1; }
state_is() { [ "$(key "$1" status)" = "$2" ]; }
works() { case $(key "$1" status) in masking | propagating | editing) true ;; *) false ;; esac; }
log_has() { journalctl -u "${2:-uredit}" --no-pager -o cat | grep -- "$1" >/dev/null; }
shows() { [[ $(systemctl status --no-pager --lines 20 uredit 2>&1) == *"$1"* ]]; }
seconds() { # SECONDS the command took, with two digits
	local t0 t1; t0=$(date +%s%N); "$@"; local rc=$?; t1=$(date +%s%N)
	took=$(((t1 - t0) / 10000000)); took=${took%??}.${took: -2}; [ "${took%%.*}" ] || took=0$took; return $rc
}

# job ID FRAMES: a request by cp, as a user does it. Its seed is its own: what an
# earlier job made would else be its result at once.
job() {
	cat >"/tmp/$1.yaml" <<REQUEST
job_id: $1
input_video_path: $spool/clips/in.mp4
output_dir: $spool/results/$1
mask_prompt: red
edit_prompt: make it blue
max_frames: $2
num_inference_steps: 10
seed: $(cksum <<<"$1" | cut -d ' ' -f 1)
REQUEST
	runuser -u alice -- cp "/tmp/$1.yaml" "$spool/inbox/"
}

install() {
	dpkg -i /lab/uredit-1.deb >/lab/dpkg.log 2>&1 || { fail "dpkg -i: $(tail -3 /lab/dpkg.log)"; exit 1; }
	expect "a unit failed" [ -z "$(systemctl list-units --failed --no-legend 'uredit*')" ]
	expect "it started by itself" property_is ActiveState inactive
	expect "the spool's owner" [ "$(stat -c %U:%a $spool)" = uredit:755 ]
	local wrong; wrong=$(systemd-analyze verify --man=no uredit.service uredit@two.service 2>&1)
	[ -z "$wrong" ] || fail "systemd-analyze verify: $wrong"
	say "" "$(systemd-analyze security uredit --no-pager 2>/dev/null | tail -1 | tr -d '→' | sed 's/^ *//')"
	ldd /usr/bin/ureditd | grep 'not found' && fail "a library is missing"
	id -u alice >/dev/null 2>&1 || useradd -m alice
	usermod -aG uredit alice
	mkdir -p $spool/clips
	# A red square that moves, 40 s.
	ffmpeg -v error -f lavfi -i color=gray:s=320x240:r=25:d=40 -f lavfi -i color=red:s=80x80:r=25:d=40 \
		-filter_complex "[0][1]overlay=x='20+mod(t*20\,200)':y=60:shortest=1" -pix_fmt yuv420p $spool/clips/in.mp4
	touch -d '1 hour ago' $spool/clips/in.mp4
}

start() {
	systemctl start uredit || { fail "systemctl start"; exit 1; }
	systemctl stop uredit
	seconds systemctl start uredit
	local memory; memory=$(($(awk '/^VmRSS/ {print $2}' "/proc/$(property MainPID)/status") / 1024))
	say "" "from start to READY: $took s; idle, with its libraries: $memory MB"
	expect "status" status_has "0 of 1 devices busy, 0 queued"
	[ "${took%%.*}" -lt 10 ] || fail "the start took $took s"
	[ "$memory" -le 60 ] || fail "the idle daemon holds $memory MB"
}

idles() {
	local pid before after; pid=$(property MainPID)
	used() { cat "/proc/$pid"/task/*/schedstat | awk '{ns += $1} END {print int(ns / 1000)}'; } # of processors, in microseconds
	before=$(used); read -rt 20 <> <(:); after=$(used)
	local share=$(((after - before) / 20)) # millionths of a core
	say "" "idle for 20 s: $((share / 10000)).$(printf %04d $((share % 10000))) % of a core"
	[ "$share" -le 2000 ] || fail "the idle daemon takes $share millionths of a core"
}

# The drop-in of a GPU host changes nothing where there is no GPU, and takes little of
# what keeps the service in.
guards() {
	mkdir -p /etc/systemd/system/uredit.service.d
	cp /usr/share/doc/uredit/examples/uredit-gpu.conf /etc/systemd/system/uredit.service.d/gpu.conf
	systemctl daemon-reload
	local wrong; wrong=$(systemd-analyze verify --man=no uredit.service 2>&1)
	[ -z "$wrong" ] || fail "systemd-analyze verify with the GPU drop-in: $wrong"
	say "" "with the GPU drop-in: $(systemd-analyze security uredit --no-pager 2>/dev/null | tail -1 | tr -d '→' | sed 's/^ *//')"
	sed -i 's/^devices: .*/devices: [auto]/' /etc/uredit/uredit.yaml
	expect "start with the GPU drop-in" systemctl restart uredit
	within 10 "auto that is the processor" grep -qrs '"name": "cpu"' $spool/spool/hosts
	sed -i 's/^devices: .*/devices: [GPU-none]/' /etc/uredit/uredit.yaml
	systemctl restart uredit 2>/dev/null && fail "it started without its card"
	within 10 "a sentence about the card" shows 'device GPU-none: there is no NVIDIA driver here'
	sed -i 's/^devices: .*/devices: [cpu]/' /etc/uredit/uredit.yaml
	rm -r /etc/systemd/system/uredit.service.d
	systemctl daemon-reload
	expect "start without it" systemctl restart uredit
}

finishes() {
	job short 5 || return
	within 120 "finished job" state_is short finished || return
	expect "the result" [ -s $spool/results/short/short_output.mp4 ]
	expect "the journal's priority" log_has 'msg=serving'
}

stops() {
	sed -i 's/^drain_timeout: .*/drain_timeout: 2s/' /etc/uredit/uredit.yaml
	expect "reload" systemctl reload uredit
	expect "reload in the log" log_has 'applied=\[drain_timeout\]'
	job middle 200
	within 60 "job at work" works middle || return
	seconds systemctl stop uredit
	say "" "stopped in the middle within $took s"
	expect "the end" property_is Result success
	expect "the job waits again" state_is middle queued
	systemctl start uredit
	within 300 "finished job after the stop" state_is middle finished
}

reloads() {
	local pid; pid=$(property MainPID)
	job load 100
	within 60 "job at work" works load || return
	sed -i 's/^  level: .*/  level: debug/; s/^devices: .*/devices: [cpu, cpu]/' /etc/uredit/uredit.yaml
	expect "reload" systemctl reload uredit
	within 10 "status" status_has "restart to apply devices"
	echo 'drains: 3s' >>/etc/uredit/uredit.yaml
	expect "reload with a fault" systemctl reload uredit
	within 10 "the fault in the status" status_has "drains: no such key"
	sed -i '/^drains/d; s/^devices: .*/devices: [cpu]/' /etc/uredit/uredit.yaml
	systemctl reload uredit
	within 300 "finished job" state_is load finished
	expect "the same process" property_is MainPID "$pid"
}

hangs() {
	mkdir -p /etc/systemd/system/uredit.service.d
	# TimeoutStopSec: where the container has cgroups of version 1, systemd may not
	# hear that the last process is gone, and waits so long.
	printf '[Service]\nWatchdogSec=4s\nTimeoutAbortSec=3s\nRestartSec=1s\nTimeoutStopSec=10s\n' >/etc/systemd/system/uredit.service.d/lab.conf
	systemctl daemon-reload
	systemctl restart uredit
	local pid; pid=$(property MainPID)
	job hung 150
	within 60 "job at work" works hung || return
	kill -STOP "$pid"
	within 60 "watchdog" log_has "Watchdog timeout"
	within 60 "another process" bash -c '[ "$(systemctl show -P MainPID uredit)" != '"$pid"' ] && systemctl -q is-active uredit'
	within 300 "finished job after the watchdog" state_is hung finished
	rm -r /etc/systemd/system/uredit.service.d
	systemctl daemon-reload
	systemctl restart uredit
}

collects() {
	mkdir -p $spool/failed/200101T000000-abc123
	touch -d 2020-01-02 $spool/failed/200101T000000-abc123/request.yaml $spool/failed/200101T000000-abc123
	chown -R uredit: $spool/failed
	expect "the timer" systemctl enable --now uredit-gc.timer
	expect "the service" systemctl start uredit-gc.service
	expect "the old record is gone" [ ! -e $spool/failed/200101T000000-abc123 ]
	expect "its result stays" [ -s $spool/results/short/short_output.mp4 ]
}

# asked PATH: the daemon's answer over HTTP.
asked() {
	exec 3<>/dev/tcp/127.0.0.1/9187 || return 1
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
	cat <&3
	exec 3>&-
}

measures() {
	mkdir -p /etc/systemd/system/uredit.service.d
	# The drop-in of ureditd(8).
	printf '[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nIPAddressAllow=localhost\n' \
		>/etc/systemd/system/uredit.service.d/metrics.conf
	echo 'metrics: 127.0.0.1:9187' >>/etc/uredit/uredit.yaml
	systemctl daemon-reload
	expect "start with metrics" systemctl restart uredit
	[[ $(asked /readyz) == *ok* ]] || fail "/readyz: $(asked /readyz)"
	[[ $(asked /metrics) == *'uredit_devices 1'* ]] || fail "/metrics: $(asked /metrics)"
	rm -r /etc/systemd/system/uredit.service.d
	systemctl daemon-reload
	systemctl restart uredit 2>/dev/null && fail "it listens without the drop-in"
	within 10 "hint at the drop-in" shows 'PrivateNetwork=no'
	sed -i '/^metrics:/d' /etc/uredit/uredit.yaml
	systemctl restart uredit
	local checked; checked=$(runuser -u uredit -- ureditd check 2>/dev/null)
	[[ $checked != *$'\nerror'* && $checked == *'ok       device cpu'* ]] || fail "ureditd check: $checked"
}

misconfigured() {
	cp /etc/uredit/uredit.yaml /lab/good.yaml
	echo 'rot: /x' >>/etc/uredit/uredit.yaml
	systemctl restart uredit && fail "it started"
	expect "it stays down" property_is ActiveState failed
	expect "exit status 78" property_is ExecMainStatus 78
	within 10 "sentence in the status" shows 'rot: no such key (hint: did you mean root?)'
	cp /lab/good.yaml /etc/uredit/uredit.yaml
	expect "start after the repair" systemctl start uredit
}

mounts() {
	mkdir -p /mnt/share
	sed 's#^root: .*#root: /mnt/share/spool#' /etc/uredit/uredit.yaml >/etc/uredit/two.yaml
	systemctl start uredit@two 2>/dev/null && fail "it started without its share"
	expect "it waits" property_is SubState auto-restart uredit@two
	say "" "without the share: $(property StatusText uredit@two)"
	mount -t tmpfs -o "uid=$(id -u uredit),gid=$(id -g uredit),mode=755" tmpfs /mnt/share
	within 30 "service after the mount" property_is SubState running uredit@two
	expect "a spool on the share" [ -d /mnt/share/spool/inbox ]
	systemctl stop uredit@two
	umount /mnt/share
	# With the drop-in that the manual shows, systemd mounts it first.
	mkdir -p /etc/systemd/system/uredit@two.service.d
	printf '[Unit]\nRequiresMountsFor=/mnt/share/spool\n' >/etc/systemd/system/uredit@two.service.d/mount.conf
	printf '[Mount]\nWhat=tmpfs\nWhere=/mnt/share\nType=tmpfs\nOptions=uid=%s,gid=%s,mode=755\n' "$(id -u uredit)" "$(id -g uredit)" \
		>/etc/systemd/system/mnt-share.mount
	systemctl daemon-reload
	expect "start with the mount" systemctl start uredit@two
	expect "mounted first" mountpoint -q /mnt/share
	systemctl stop uredit@two mnt-share.mount
	rm -r /etc/systemd/system/uredit@two.service.d /etc/systemd/system/mnt-share.mount
	systemctl daemon-reload
}

upgrades() {
	local pid; pid=$(property MainPID)
	job upgraded 150
	within 60 "job at work" works upgraded || return
	echo '# mine' >>/etc/uredit/uredit.yaml
	dpkg -i --force-confdef /lab/uredit-2.deb >/lab/dpkg.log 2>&1 || fail "dpkg -i: $(tail -3 /lab/dpkg.log)"
	expect "another process" [ "$(property MainPID)" != "$pid" ]
	expect "it runs" property_is ActiveState active
	expect "the new program" [ "$(readlink "/proc/$(property MainPID)/exe")" = /usr/bin/ureditd ]
	[[ $(ureditd version 2>/dev/null) == *lab2* ]] || fail "the version"
	expect "my configuration" grep -q '# mine' /etc/uredit/uredit.yaml
	within 300 "finished job after the upgrade" state_is upgraded finished
}

purges() {
	dpkg -r uredit >/lab/dpkg.log 2>&1 || fail "dpkg -r: $(tail -3 /lab/dpkg.log)"
	expect "it stopped" [ -z "$(pgrep ureditd)" ]
	expect "the configuration stays" [ -e /etc/uredit/uredit.yaml ]
	dpkg -P uredit >/lab/dpkg.log 2>&1 || fail "dpkg -P: $(tail -3 /lab/dpkg.log)"
	expect "the configuration is gone" [ ! -e /etc/uredit/uredit.yaml ]
	expect "the state is gone" [ ! -e /var/lib/uredit ]
	expect "results stay" [ -s $spool/results/short/short_output.mp4 ]
	expect "no unit is left" [ -z "$(systemctl list-unit-files --no-legend 'uredit*')" ]
}

for case in ${*:-install start idles guards finishes stops reloads hangs collects measures misconfigured mounts upgrades purges}; do
	say "$case" ""
	"$case"
done
((failed == 0)) && say "all is well" "" || say "something failed" ""
exit $failed
