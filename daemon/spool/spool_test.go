package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// open opens the spool at root as a host of its own.
func open(t *testing.T, root, hostDir string) *Spool {
	t.Helper()
	s, err := Open(root, Options{HostDir: hostDir, Host: "gpu-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newSpool(t *testing.T) *Spool {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "spool"), t.TempDir())
}

// renamer is a file system with another rename.
type renamer struct {
	fileSystem
	rename func(oldName, newName string) error
}

func (r renamer) Rename(oldName, newName string) error { return r.rename(oldName, newName) }

// unsyncable is a file system whose directories cannot be synced, but for those
// that are synced before a rename.
type unsyncable struct{ fileSystem }

func (u unsyncable) Open(name string) (file, error) {
	f, err := u.fileSystem.Open(name)
	if err != nil || name == RequestsDir+"/." || name == DoneDir+"/." {
		return f, err
	}
	return unsyncableFile{f}, nil
}

type unsyncableFile struct{ file }

func (unsyncableFile) Sync() error { return syscall.EIO }

func drop(t *testing.T, s *Spool, name, content string) {
	t.Helper()
	file := filepath.Join(s.path, InboxDir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o775); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// claimed drops a request and claims it.
func claimed(t *testing.T, s *Spool, name, content string) *Claim {
	t.Helper()
	drop(t, s, name, content)
	entries, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		t.Fatalf("%s is not among %v", name, entries)
	}
	c, err := s.Claim(entries[i])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files lists every file below the spool's root, sorted, without FORMAT and
// heartbeats.
func files(t *testing.T, s *Spool) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(s.path, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(s.path, p)
		if err == nil && !d.IsDir() && rel != "FORMAT" && !strings.HasSuffix(rel, ".hb") {
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func wantFiles(t *testing.T, s *Spool, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := files(t, s); !slices.Equal(got, want) {
		t.Errorf("files\n got %q\nwant %q", got, want)
	}
}

func TestOpenMakesTheTree(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	s := newSpool(t)
	for dir, want := range map[string]fs.FileMode{
		".":        0o700, // the umask's: only what is made below is for others
		InboxDir:   0o775 | fs.ModeSetgid | fs.ModeSticky,
		ControlDir: 0o775 | fs.ModeSetgid | fs.ModeSticky,
		QueueDir:   0o755, ActiveDir: 0o755, RejectedDir: 0o755,
	} {
		info, err := os.Stat(filepath.Join(s.path, dir))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() &^ fs.ModeDir; got != want {
			t.Errorf("%s has mode %v, want %v", dir, got, want)
		}
	}
	wantFiles(t, s)
}

func TestOpenRefuses(t *testing.T) {
	format := func(version, uid int) []byte {
		return Format{Version: version, ID: strings.Repeat("a", 16), UID: uid, GID: os.Getegid(), Lease: DefaultLease}.Bytes()
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, root, host string)
		want    string
	}{
		{"another user's spool", func(t *testing.T, root, _ string) {
			os.Mkdir(root, 0o755)
			os.WriteFile(filepath.Join(root, "FORMAT"), format(1, 4711), 0o644)
		}, "belongs to uid 4711"},
		{"a newer layout", func(t *testing.T, root, _ string) {
			os.Mkdir(root, 0o755)
			os.WriteFile(filepath.Join(root, "FORMAT"), format(2, os.Geteuid()), 0o644)
		}, "version 2 is newer"},
		{"a FORMAT of something else", func(t *testing.T, root, _ string) {
			os.Mkdir(root, 0o755)
			os.WriteFile(filepath.Join(root, "FORMAT"), []byte("NTFS\n"), 0o644)
		}, "not the FORMAT file"},
		{"a second daemon on the host", func(t *testing.T, root, host string) { open(t, root, host) },
			"another daemon of this host"},
		{"a share that is not there", func(t *testing.T, root, _ string) { os.Remove(filepath.Dir(root)) },
			"no such file"},
		{"parts on two file systems", func(t *testing.T, root, _ string) {
			if os.Geteuid() != 0 {
				t.Skip("needs root to mount")
			}
			inbox := filepath.Join(root, InboxDir)
			os.MkdirAll(inbox, 0o755)
			if err := syscall.Mount("tmpfs", inbox, "tmpfs", 0, "size=64k"); err != nil {
				t.Skipf("cannot mount here: %v", err)
			}
			t.Cleanup(func() { syscall.Unmount(inbox, syscall.MNT_DETACH) })
		}, "one spool is one file system"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent := filepath.Join(t.TempDir(), "share")
			os.Mkdir(parent, 0o755)
			root, host := filepath.Join(parent, "spool"), t.TempDir()
			tt.prepare(t, root, host)
			s, err := Open(root, Options{HostDir: host, Host: "gpu-1"})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestHostIDFollowsTheName(t *testing.T) {
	root, host := filepath.Join(t.TempDir(), "spool"), t.TempDir()
	id := func(name string) string {
		s, err := Open(root, Options{HostDir: host, Host: name})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Instance().HostID
	}
	first := id("gpu-1")
	if again := id("gpu-1"); again != first {
		t.Errorf("the host id changed from %s to %s", first, again)
	}
	if copied := id("gpu-2"); copied == first {
		t.Error("a copied disk kept the host id")
	}
}

func TestCheckSeesAReplacedSpool(t *testing.T) {
	s := newSpool(t)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	os.Rename(s.path, s.path+".old")
	os.Mkdir(s.path, 0o755)
	if _, err := s.Scan(); err == nil || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("Scan = %v, want an error about another directory", err)
	}
}

func TestLifeOfAJob(t *testing.T) {
	s := newSpool(t)
	c := claimed(t, s, "x.yaml", "the request")
	data, err := s.Read(c, 100)
	if err != nil || string(data) != "the request" {
		t.Fatalf("Read = %q, %v", data, err)
	}
	q, err := s.Enqueue(c, data, 4)
	if err != nil {
		t.Fatal(err)
	}
	j := q.Job
	wantFiles(t, s, QueueDir+"/"+q.String(), RequestsDir+"/"+j+".yaml")

	c, err = s.Take(q)
	if err != nil {
		t.Fatal(err)
	}
	if c.Epoch != 2 {
		t.Errorf("epoch %d after one take, want 2", c.Epoch)
	}
	if _, err := s.Take(q); !errors.Is(err, ErrLost) {
		t.Errorf("a second Take = %v, want ErrLost", err)
	}
	if q, err = s.Requeue(c, 4, Unmarked); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Take(q); err != nil {
		t.Fatal(err)
	}
	if truth, err := s.Request(j); err != nil || string(truth) != "the request" {
		t.Errorf("Request = %q, %v", truth, err)
	}
	if err := s.Done(c); err != nil {
		t.Fatal(err)
	}
	r, err := s.Recover()
	if err != nil || !slices.Equal(r.Ended, []string{j}) {
		t.Errorf("Recover finds the ended %q, %v, want %s", r.Ended, err, j)
	}
	if err := s.Forget(j); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, fmt.Sprintf("done/%s/%s.e0003.yaml", time.Now().UTC().Format(time.DateOnly), j))
}

func TestRejectAndFail(t *testing.T) {
	s := newSpool(t)
	bad := claimed(t, s, "bad name.json", "{")
	dir, err := s.Reject(bad, Reason{JSON: []byte("{}"), Text: []byte("no")})
	if err != nil {
		t.Fatal(err)
	}
	if want := "rejected/" + bad.Job + "-bad name"; dir != want {
		t.Errorf("rejected to %s, want %s", dir, want)
	}
	nested := claimed(t, s, "mine/request.yaml", "{")
	nestedDir, err := s.Reject(nested, Reason{JSON: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	c := claimed(t, s, "x.yaml", "r")
	q, err := s.Enqueue(c, []byte("r"), 4)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Take(q); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Fail(c, Reason{JSON: []byte("{}")}), s.Forget(c.Job)); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, dir+"/reason.json", dir+"/reason.txt", dir+"/request.json",
		nestedDir+"/reason.json", nestedDir+"/request.yaml",
		"failed/"+c.Job+"/reason.json", "failed/"+c.Job+"/request.yaml")
}

func TestQueueOrder(t *testing.T) {
	s := newSpool(t)
	var want []string
	for i, rank := range []int{4, 0, 9, 4} {
		c := claimed(t, s, "x.yaml", "r")
		c.Job = fmt.Sprintf("260101T00000%d-aaaaaa", i)
		q := QueueName{JobName: c.JobName, Rank: rank, Enqueued: time.UnixMilli(int64(1000 - i))}
		os.WriteFile(filepath.Join(s.path, QueueDir, q.String()), nil, 0o644)
	}
	os.WriteFile(filepath.Join(s.path, QueueDir, "somebody's notes"), nil, 0o644)
	queue, err := s.Queue()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queue {
		want = append(want, q.Job[12:13])
	}
	if got := strings.Join(want, ""); got != "1302" {
		t.Errorf("order %s, want 1302: rank, then age", got)
	}
}

// Two hosts race for the same requests: each request has one owner.
func TestClaimsAreExclusive(t *testing.T) {
	root := filepath.Join(t.TempDir(), "spool")
	hosts := []*Spool{open(t, root, t.TempDir()), open(t, root, t.TempDir())}
	const n = 100
	for i := range n {
		drop(t, hosts[0], fmt.Sprintf("%d.yaml", i), "r")
	}
	entries, err := hosts[0].Scan()
	if err != nil || len(entries) != n {
		t.Fatalf("Scan = %d entries, %v", len(entries), err)
	}
	won := make([]int, len(hosts))
	var wg sync.WaitGroup
	for i, s := range hosts {
		wg.Go(func() {
			for _, e := range entries {
				switch _, err := s.Claim(e); {
				case err == nil:
					won[i]++
				case !errors.Is(err, ErrLost):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if won[0]+won[1] != n || len(files(t, hosts[0])) != n {
		t.Errorf("%d and %d claims of %d, %d files", won[0], won[1], n, len(files(t, hosts[0])))
	}
}

// The rename decides: what goes wrong after it makes no job nobody's.
func TestErrorsAfterTheRename(t *testing.T) {
	s := newSpool(t)
	s.root = unsyncable{s.root}
	c := claimed(t, s, "x.yaml", "r")
	q, err := s.Enqueue(c, []byte("r"), 4)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Take(q); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(c.Job); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s); len(got) != 1 || !strings.HasPrefix(got[0], DoneDir) {
		t.Errorf("the spool holds %q", got)
	}
}

// A rename that failed is tried again; one that nobody could tell about is found
// to have happened.
func TestTakeAgain(t *testing.T) {
	for _, happens := range []bool{false, true} {
		s := newSpool(t)
		q, err := s.Enqueue(claimed(t, s, "x.yaml", "r"), []byte("r"), 4)
		if err != nil {
			t.Fatal(err)
		}
		active := filepath.Join(s.path, ActiveDir)
		disk := s.root
		s.root = renamer{disk, func(oldName, newName string) error {
			if happens {
				if err := disk.Rename(oldName, newName); err != nil {
					return err
				}
			}
			if err := os.Rename(active, active+".away"); err != nil { // it cannot be listed
				return err
			}
			return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: syscall.EIO}
		}}
		if _, err := s.Take(q); err == nil || errors.Is(err, ErrLost) {
			t.Fatalf("Take = %v", err)
		}
		s.root = disk
		if err := os.Rename(active+".away", active); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Take(q); err != nil || c.Job != q.Job {
			t.Errorf("happened %t: taken again: %v", happens, err)
		}
		if _, err := s.Take(q); !errors.Is(err, ErrLost) {
			t.Errorf("happened %t: taken twice: %v", happens, err)
		}
	}
}

// A claim whose file is not in active is somebody else's.
func TestReadOfALostClaim(t *testing.T) {
	s := newSpool(t)
	c := claimed(t, s, "x.yaml", "r")
	if err := s.giveBack(c.file(), c.Source); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(c, 100); !errors.Is(err, ErrLost) {
		t.Errorf("Read = %v", err)
	}
}

// A file server may answer "no such file" to a rename that it has done.
func TestLostAnswers(t *testing.T) {
	s := newSpool(t)
	disk := s.root
	s.root = renamer{disk, func(oldName, newName string) error {
		if err := disk.Rename(oldName, newName); err != nil {
			return err
		}
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: syscall.ENOENT}
	}}
	c := claimed(t, s, "x.yaml", "r")
	q, err := s.Enqueue(c, []byte("r"), 4)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Take(q); err != nil {
		t.Fatal(err)
	}
	if q, err = s.Requeue(c, 4, Unmarked); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Take(q); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(c); err != nil {
		t.Fatal(err)
	}
	c = claimed(t, s, "y.yaml", "r")
	if _, err := s.Reject(c, Reason{JSON: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
}

func TestClaimKeepsANewcomer(t *testing.T) {
	s := newSpool(t)
	drop(t, s, "x.yaml", "first")
	entries, err := s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	// Between the look and the rename the user replaces the file.
	fresh := filepath.Join(s.path, InboxDir, ".x.tmp")
	os.WriteFile(fresh, []byte("the newcomer"), 0o644)
	os.Rename(fresh, filepath.Join(s.path, InboxDir, "x.yaml"))
	if _, err := s.Claim(entries[0]); !errors.Is(err, ErrLost) {
		t.Fatalf("Claim = %v, want ErrLost", err)
	}
	wantFiles(t, s, "inbox/x.yaml")
}

// A rename that is repeated late moves a second x.yaml onto the active name.
func TestEnqueueKeepsANewcomer(t *testing.T) {
	s := newSpool(t)
	c := claimed(t, s, "x.yaml", "first")
	drop(t, s, "x.yaml", "second")
	os.Rename(filepath.Join(s.path, InboxDir, "x.yaml"), filepath.Join(s.path, c.file()))
	q, err := s.Enqueue(c, []byte("first"), 4)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, "inbox/x.yaml", QueueDir+"/"+q.String(), RequestsDir+"/"+q.Job+".yaml")
	if data, _ := os.ReadFile(filepath.Join(s.path, "inbox/x.yaml")); string(data) != "second" {
		t.Errorf("the newcomer became %q", data)
	}
}
