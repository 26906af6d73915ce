#!/usr/bin/env bash
# The chaos test over NFS: a Linux NFS server and two of its clients with caches
# of their own, on any machine and without touching its kernel. A user-mode Linux
# kernel runs as a process on a Debian root; it exports an ext4 file system and
# mounts it three times: for two hosts, and for a user whose program polls
# status.json. Between clients and server a proxy swallows the reply of every
# hundredth RENAME, and the server restarts now and then.
#
#   nfs.sh DIR [VERSION...]     versions of NFS, 4.2 and 3 by default
#
# DIR holds the kernel and the root, made at the first use (root, debootstrap and
# 500 MB are needed), and the programs daemon.test and lostreply. Its status is
# that of the first version that failed. The machine in there has one processor
# and a clock of 100 Hz: it shows what is right, not what is fast.
set -euo pipefail

dir=$(realpath -m "${1:?a directory}"); shift
versions=${*:-4.2 3}
jobs=${NFS_JOBS:-100} faults=${NFS_FAULTS:-60} every=${NFS_RESTART:-90}

build() {
	local packages=nfs-kernel-server,nfs-common,rpcbind,kmod,e2fsprogs,iproute2
	command -v debootstrap >/dev/null || apt-get install -qy --no-install-recommends debootstrap
	mkdir -p "$dir/kernel"
	(cd "$dir/kernel" && apt-get download user-mode-linux && dpkg -x user-mode-linux_*.deb .)
	rm -rf "$dir/root"
	debootstrap --variant=minbase --include=$packages bookworm "$dir/root" >"$dir/debootstrap.log"
	mkdir -p "$dir/root/lib/modules"
	cp -a "$dir"/kernel/usr/lib/uml/modules/. "$dir/root/lib/modules/"
	touch "$dir/built"
}

# guest is what the guest's first process does.
guest() {
	cat <<EOF
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys
for d in /run /tmp /var/lib/nfs; do mount -t tmpfs tmpfs \$d; done
mkdir -p /run/lock /run/server /run/a /run/b /run/user /var/lib/nfs/{v4recovery,rpc_pipefs,sm}
touch /var/lib/nfs/{etab,rmtab}
ip link set lo up; depmod -a
for m in nfsd nfs nfsv3 nfsv4 loop; do modprobe \$m; done
mount -t nfsd nfsd /proc/fs/nfsd
truncate -s 300M /tmp/disk; mkfs.ext4 -qF /tmp/disk; mount -o loop /tmp/disk /run/server
rpcbind -w; exportfs -o rw,no_root_squash,insecure,sync,fsid=0,no_subtree_check '*:/run/server'
rpc.nfsd -G 10 -L 10 4; rpc.mountd; sleep 12
/lab/lostreply -listen 127.0.0.1:2050 -server 127.0.0.1:2049 -every 100 2>>/run/lost &

status=0
for v in $versions; do
	from=/; [ \$v = 3 ] && from=/run/server
	for at in a b user; do
		mount -t nfs -o vers=\$v,port=2050,nosharecache,nolock,hard,proto=tcp 127.0.0.1:\$from /run/\$at || { echo "no mount of version \$v"; status=1; }
	done
	echo "NFS version \$v"; : >/run/lost; echo 0 >/run/restarts
	(n=0; while sleep $every; do rpc.nfsd 0; sleep 1; rpc.nfsd -G 10 -L 10 4; n=\$((n+1)); echo \$n >/run/restarts; done) & restarts=\$!
	TMPDIR=/tmp /lab/daemon.test -test.run 'TestChaos\$' -test.v -test.timeout 40m -chaos.lease 20s \
		-chaos.jobs $jobs -chaos.faults $faults -chaos.mounts /run/a,/run/b -chaos.reader /run/user -chaos.server /run/server || status=1
	kill \$restarts
	echo "server restarts: \$(cat /run/restarts), lost replies: \$(wc -l </run/lost)"
	umount -f /run/a /run/b /run/user; rm -rf /run/server/*
done
echo "lab: status \$status"; sync; echo o >/proc/sysrq-trigger; sleep 5
EOF
}

[ -e "$dir/built" ] || build
mkdir -p "$dir/root/lab"
cp "$dir/daemon.test" "$dir/lostreply" "$dir/root/lab/"
guest >"$dir/root/lab/init"; chmod +x "$dir/root/lab/init"
"$dir"/kernel/usr/bin/linux.uml mem=1G rootfstype=hostfs rootflags="$dir/root" rw init=/lab/init \
	con=null con0=null,fd:1 quiet 2>&1 </dev/null | tee "$dir/log"
exit "$(sed -n 's/.*lab: status \([0-9]*\).*/\1/p' "$dir/log" | tail -1 | grep . || echo 99)"
