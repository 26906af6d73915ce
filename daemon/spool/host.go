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

// HeartbeatInterval is how often a daemon should call Beat.
const HeartbeatInterval = 10 * time.Second

// lockHost locks this host's file for one spool and returns it with the
// host's random id, which is made at the first use. A host of another name has
// another file: the disk may be a copy, the directory a home that hosts share.
func lockHost(dir, spoolID, host string) (lock *os.File, hostID string, err error) {
	if dir == "" {
		return nil, "", errors.New("no directory of this host is given (state_dir)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", err
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

// heartbeat is one file of 256 bytes that is written in place: readers on other
// hosts that open it afresh see each write at once. Its line ends in the CRC-32
// of the text before the padding.
type heartbeat struct {
	mu   sync.Mutex
	name string
	file *os.File
	seq  uint64
}

const beatSuffix = ".hb"

func beatFile(i Instance) string { return path.Join(HostsDir, i.String()+beatSuffix) }

func startHeartbeat(root *os.Root, i Instance) (*heartbeat, error) {
	h := &heartbeat{name: beatFile(i)}
	f, err := root.OpenFile(h.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_DSYNC, 0o644)
	if err != nil {
		return nil, err
	}
	h.file = f
	return h, h.write("run")
}

func (h *heartbeat) write(state string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	line := fmt.Sprintf("UHB1 seq=%020d wall=%s state=%s", h.seq, time.Now().UTC().Format(time.RFC3339), state)
	line = fmt.Sprintf("%-242s crc=%08x\n", line, crc32.ChecksumIEEE([]byte(line)))
	_, err := h.file.WriteAt([]byte(line), 0)
	return err
}

func (h *heartbeat) close(root *os.Root) error {
	err := h.file.Close()
	if rm := root.Remove(h.name); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

// Beat writes this daemon's heartbeat, whose counter shows other hosts and
// waiting clients that it lives. State is a word: "run" or "drain".
func (s *Spool) Beat(state string) error {
	if err := s.beat.write(state); err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	return nil
}
