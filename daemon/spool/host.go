package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lockHost locks this host's file for one spool and returns it with the
// host's random id, which is made at the first use. A host of another name has
// another file: the disk may be a copy, the directory a home that hosts share.
func lockHost(dir, spoolID, host string) (lock *os.File, hostID string, err error) {
	if dir == "" {
		return nil, "", errors.New("no directory of this host is given (state_dir)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", fmt.Errorf("%w (hint: set state_dir to a directory of this host that the daemon may write in)", err)
	}
	name := filepath.Join(dir, spoolID+"."+url.PathEscape(host)+".host")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, "", err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, "", fmt.Errorf("another daemon of this host serves this spool (it holds %s)", name)
		}
		return nil, "", fmt.Errorf("lock %s: %w", name, err)
	}
	hostID, err = readHostID(f)
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return f, hostID, nil
}

var hostPattern = regexp.MustCompile(`^[0-9a-z]{8}$`)

func readHostID(f *os.File) (string, error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 512))
	if err != nil {
		return "", err
	}
	if id := strings.TrimSuffix(string(data), "\n"); hostPattern.MatchString(id) {
		return id, nil
	}
	id := random36(8)
	if err := f.Truncate(0); err != nil {
		return "", err
	}
	if _, err := f.WriteAt([]byte(id+"\n"), 0); err != nil {
		return "", err
	}
	return id, f.Sync()
}

// bootID returns eight characters of the id that the kernel makes at each boot.
func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return string(data[:8]), nil
}

// heartbeatBytes is the size of a heartbeat.
const heartbeatBytes = 256

// heartbeat is one file of 256 bytes that is written in place: readers on other
// hosts that open it afresh see each write at once. Its line ends in the CRC-32
// of the text before the padding.
type heartbeat struct {
	mu   sync.Mutex
	name string
	file file // nil when the next write must make or open it
	lock file // the same file, locked; nil where it is not
	seq  uint64

	remark string // what the next line says besides
}

const beatSuffix = ".hb"

func beatFile(i Instance) string { return path.Join(HostsDir, i.String()+beatSuffix) }

func startHeartbeat(root fileSystem, i Instance, lock bool) (*heartbeat, error) {
	h := &heartbeat{name: beatFile(i)}
	err := h.write(root, "run")
	if err == nil && lock {
		err = h.hold(root, "run")
	}
	return h, err
}

// write writes the next line. A file that does not take it is opened again: an
// error that passes, such as a server's restart, must not end the heartbeat.
func (h *heartbeat) write(root fileSystem, state string) (err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	line := fmt.Sprintf("UHB1 seq=%020d wall=%s state=%s", h.seq, time.Now().UTC().Format(time.RFC3339), state)
	if h.remark != "" {
		line += remarkMark + quoteWithin(h.remark, remarkBytes)
	}
	if h.lock != nil {
		line += lockedMark
	}
	line = fmt.Sprintf("%-242s crc=%08x\n", line, crc32.ChecksumIEEE([]byte(line)))
	if h.file == nil {
		const flags = os.O_WRONLY | os.O_CREATE | syscall.O_DSYNC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
		if h.file, err = root.OpenFile(h.name, flags, 0o644); err != nil {
			return err
		}
	}
	if _, err := h.file.WriteAt([]byte(line), 0); err != nil {
		h.forget()
		return err
	}
	return nil
}

func (h *heartbeat) remarks(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remark = text
}

// lose makes the next write open the file by its name again. That may be another
// file, which is not locked.
func (h *heartbeat) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	if h.lock != nil {
		_ = h.lock.Close() // it was only read
		h.lock = nil
	}
}

// forget closes the file. Its error adds nothing: the line is written already,
// or known to be lost.
func (h *heartbeat) forget() {
	if h.file != nil {
		_ = h.file.Close()
		h.file = nil
	}
}

func (h *heartbeat) close(root fileSystem) error {
	h.lose()
	_ = root.Remove(strings.TrimSuffix(h.name, beatSuffix) + vitalsSuffix) // without a heartbeat it says nothing
	if err := root.Remove(h.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
