package daemon

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syncMutants are daemons that do not sync what the protocol wants synced: the
// kind of file (unix.S_IFMT) whose fsync does nothing and says it did.
var syncMutants = map[string]uint32{
	"no file sync":      unix.S_IFREG,
	"no directory sync": unix.S_IFDIR,
}

// From linux/seccomp.h.
type (
	seccompNotif struct {
		id          uint64
		pid, flags  uint32
		nr          int32
		arch        uint32
		instruction uint64
		args        [6]uint64
	}
	seccompAnswer struct {
		id           uint64
		value        int64
		errno, flags int32
	}
)

// muteSync makes fsync of files of the given kind do nothing in this process from
// now on: a filter asks a goroutine about each. It needs no place for a mistake in
// the code under test, and misses no call.
func muteSync(kind uint32) error {
	const (
		load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the number of the system call
		{Code: equal, K: unix.SYS_FSYNC, Jt: 1},
		{Code: equal, K: unix.SYS_FDATASYNC, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("filter fsync: %w", errno)
	}
	go answerSyncs(fd, kind)
	return nil
}

// answerSyncs decides over each fsync as long as the process lives.
func answerSyncs(fd uintptr, kind uint32) {
	const (
		send    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
		proceed = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE: the call is made
	)
	for {
		var asked seccompNotif
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&asked))); errno != 0 {
			if errno == unix.EINTR || errno == unix.ENOENT { // nobody waits any more
				continue
			}
			fmt.Fprintln(os.Stderr, "receive an fsync:", errno)
			os.Exit(1)
		}
		answer := seccompAnswer{id: asked.id}
		var st unix.Stat_t
		if err := unix.Fstat(int(asked.args[0]), &st); err != nil || st.Mode&unix.S_IFMT != kind {
			answer.flags = proceed
		}
		// The asker may be gone: that is no error.
		unix.Syscall(unix.SYS_IOCTL, fd, send, uintptr(unsafe.Pointer(&answer)))
	}
}
