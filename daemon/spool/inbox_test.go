package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestScan(t *testing.T) {
	s := newSpool(t)
	inbox := filepath.Join(s.path, InboxDir)
	for _, name := range []string{
		"a.yaml", "b.yml", "c.json", "ä b.yaml", "dir/request.yaml", // requests
		"d.txt", ".hidden.yaml", "._a.yaml", "a.yaml~", "a.yaml.tmp", "a.yaml.part", "a.yaml.swp", "noext",
		"Thumbs.db", "@eaDir/request.yaml", ".git/request.yaml", "other/x.yaml", "dir/request.yml",
	} {
		drop(t, s, name, "x")
	}
	os.Symlink("/etc/passwd", filepath.Join(inbox, "link.yaml"))
	os.Symlink(t.TempDir(), filepath.Join(inbox, "linkdir"))
	os.Mkdir(filepath.Join(inbox, "isdir.yaml"), 0o755)
	os.MkdirAll(filepath.Join(inbox, "deep", "request.yaml"), 0o755)
	if err := syscall.Mkfifo(filepath.Join(inbox, "fifo.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name)
	}
	slices.Sort(got)
	want := []string{"a.yaml", "b.yml", "c.json", "dir/request.yaml", "ä b.yaml"}
	if !slices.Equal(got, want) {
		t.Errorf("Scan found %q, want %q", got, want)
	}
}

// A directory of the inbox becomes a link after the look: nothing outside is
// moved.
func TestClaimDoesNotFollowALink(t *testing.T) {
	s := newSpool(t)
	drop(t, s, "d/request.yaml", "x")
	entries, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(s.path, FailedDir, "victim")
	os.Mkdir(victim, 0o755)
	os.WriteFile(filepath.Join(victim, "request.yaml"), []byte("x"), 0o644)
	dir := filepath.Join(s.path, InboxDir, "d")
	os.RemoveAll(dir)
	os.Symlink("../failed/victim", dir)
	if c, err := s.Claim(entries[0]); err == nil {
		t.Errorf("claimed %v through a link", c.ActiveName)
	}
	wantFiles(t, s, "failed/victim/request.yaml", "inbox/d")
}

func TestIntake(t *testing.T) {
	const settle = time.Second
	type step struct {
		at      time.Duration
		content string // what the file holds at that look
		again   time.Duration
		ready   bool
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"an end mark is complete at once", []step{{0, "ok\n...\n", 0, true}}},
		{"a request waits until it settled", []step{
			{0, "ok", settle, false}, {settle / 2, "ok", settle / 2, false}, {settle, "ok", 0, true}}},
		{"a growing file waits again", []step{
			{0, "o", settle, false}, {settle, "ok", settle, false}, {2 * settle, "ok", 0, true}}},
		{"what is no request waits three times as long", []step{
			{0, "bad", settle, false}, {settle, "bad", 2 * settle, false},
			{3*settle - 1, "bad", 1, false}, {3 * settle, "bad", 0, true}}},
		{"half a request becomes a whole one", []step{
			{0, "o", settle, false}, {settle, "o", 2 * settle, false}, {2 * settle, "ok", settle, false}, {3 * settle, "ok", 0, true}}},
		{"a file that is too large is not read", []step{
			{0, strings.Repeat("ok", 300), settle, false}, {settle, strings.Repeat("ok", 300), 2 * settle, false},
			{3 * settle, strings.Repeat("ok", 300), 0, true}}},
		{"an unreadable file waits like a bad one", []step{
			{0, "unreadable", settle, false}, {settle, "unreadable", 2 * settle, false}, {3 * settle, "unreadable", 0, true}}},
		{"a file that changes under the look waits", []step{{0, "lost", settle, false}, {settle, "ok", settle, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Intake{
				Settle:   settle,
				Limit:    100,
				Complete: func(tail []byte) bool { return strings.HasSuffix(string(tail), "\n...\n") },
				Valid:    func(data []byte) bool { return strings.HasPrefix(string(data), "ok") },
			}
			start := time.Now()
			for _, s := range tt.steps {
				peek := func(e Entry, limit int64) ([]byte, error) {
					switch s.content {
					case "unreadable":
						return nil, os.ErrPermission
					case "lost":
						return nil, ErrLost
					}
					if limit > tailBytes && e.Size > limit {
						t.Error("a file over the limit is read")
					}
					return []byte(s.content), nil
				}
				e := Entry{Name: "x.yaml", Size: int64(len(s.content)), Inode: 1}
				ready, again := in.Ready(start.Add(s.at), []Entry{e}, peek)
				if (len(ready) == 1) != s.ready || again != s.again {
					t.Fatalf("after %v: ready %v, again in %v; want %v, %v", s.at, ready, again, s.ready, s.again)
				}
			}
		})
	}
}

func TestPeek(t *testing.T) {
	s := newSpool(t)
	drop(t, s, "x.yaml", "0123456789")
	entries, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{3: "789", 10: "0123456789", 99: "0123456789"} {
		if got, err := s.Peek(entries[0], limit); err != nil || string(got) != want {
			t.Errorf("Peek(%d) = %q, %v, want %q", limit, got, err, want)
		}
	}
	drop(t, s, "x.yaml", "changed")
	if _, err := s.Peek(entries[0], 9); !errors.Is(err, ErrLost) {
		t.Errorf("Peek of a changed file = %v, want ErrLost", err)
	}
}

func TestMarkers(t *testing.T) {
	s := newSpool(t)
	control := filepath.Join(s.path, ControlDir)
	for _, name := range []string{"test_001.cancel", "PAUSE", ".x.cancel", "notes.txt", "x.unknown"} {
		os.WriteFile(filepath.Join(control, name), nil, 0o644)
	}
	os.Mkdir(filepath.Join(control, "dir.cancel"), 0o755)
	markers, err := s.Markers()
	if err != nil {
		t.Fatal(err)
	}
	if len(markers) != 2 || markers[0].Verb != "PAUSE" || markers[1].Subject != "test_001" || markers[1].UID != os.Geteuid() {
		t.Fatalf("Markers = %+v", markers)
	}
	for range 2 { // the second time it is gone already
		if err := s.Unmark(markers[1]); err != nil {
			t.Error(err)
		}
	}
}
