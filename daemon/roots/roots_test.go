package roots_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// tree is a root "in", a directory "out" beside it that no path may reach, and
// the links between them.
func tree(t testing.TB) (dir string, set *roots.Set) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"in/a/b", "in/spool/inbox", "out"} {
		must(t, os.MkdirAll(filepath.Join(dir, sub), 0o777))
	}
	for _, name := range []string{"in/v.mp4", "in/a/b/v.mp4", "out/secret"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666))
	}
	for link, target := range map[string]string{
		"in/near":         "a/b",               // relative, inside
		"in/a/up":         "../v.mp4",          // relative, inside
		"in/absolute":     dir + "/in/a",       // absolute, inside
		"in/escape":       "../out/secret",     // relative, outside
		"in/hop":          "a/far",             // by another link to the outside
		"in/a/far":        dir + "/out/secret", // absolute, outside
		"in/a/outdir":     "../../out",         // a directory outside
		"in/dangling":     "nowhere",
		"in/loop":         "loop",
		"in/a/tospool":    "../spool/inbox",
		"in/absolutefile": dir + "/in/v.mp4",
		"alias":           dir + "/in", // another name of the root
	} {
		must(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	must(t, syscall.Mkfifo(filepath.Join(dir, "in/fifo"), 0o666))
	set, err = roots.Open([]string{dir + "/in"}, dir+"/in/spool/inbox", dir+"/in/spool/queue")
	must(t, err)
	return dir, set
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want compares an error's code and its sentence, in which DIR is the tree.
func want(t *testing.T, dir string, err error, code, sentence string) {
	t.Helper()
	e, ok := errors.AsType[*job.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *job.Error with %s", err, code)
	}
	got := strings.ReplaceAll(err.Error(), dir, "DIR")
	if e.Code != code || got != sentence {
		t.Errorf("got  %s: %s\nwant %s: %s", e.Code, got, code, sentence)
	}
}

func TestOpenInput(t *testing.T) {
	dir, set := tree(t)
	for path, holds := range map[string]string{
		"in/v.mp4":            "in/v.mp4",
		"in//a/./b/v.mp4":     "in/a/b/v.mp4",
		"in/a/../v.mp4":       "in/v.mp4",
		"in/near/v.mp4":       "in/a/b/v.mp4",
		"in/a/up":             "in/v.mp4",
		"in/near/../v.mp4":    "in/v.mp4", // cleaned by its text
		"out/../in/v.mp4":     "in/v.mp4",
		"in/a/b/../../v.mp4/": "in/v.mp4",
	} {
		f, err := set.OpenInput(dir + "/" + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if data, err := io.ReadAll(f); err != nil || string(data) != holds {
			t.Errorf("%s holds %q, error %v", path, data, err)
		}
		must(t, f.Close())
	}
}

func TestOpenInputFaults(t *testing.T) {
	dir, set := tree(t)
	listener, err := net.Listen("unix", dir+"/in/socket")
	must(t, err)
	defer listener.Close()
	const allowed = " (hint: allowed are DIR/in and what is beneath; the daemon's configuration lists them as roots)"
	const moved = " (hint: copy the file beneath an allowed directory, or have its place added to the daemon's roots)"
	tests := []struct{ path, code, sentence string }{
		{"out/secret", job.CodePathOutside, "DIR/out/secret lies outside the allowed directories" + allowed},
		{"in/../out/secret", job.CodePathOutside, "DIR/in/../out/secret lies outside the allowed directories" + allowed},
		{"inside.mp4", job.CodePathOutside, "DIR/inside.mp4 lies outside the allowed directories" + allowed},
		{"in/escape", job.CodePathOutside, "DIR/in/escape: DIR/in/escape is a symbolic link to ../out/secret, outside the allowed directories" + moved},
		{"in/hop", job.CodePathOutside, "DIR/in/hop: DIR/in/a/far is a symbolic link to DIR/out/secret, outside the allowed directories" + moved},
		{"in/a/outdir/secret", job.CodePathOutside, "DIR/in/a/outdir/secret: DIR/in/a/outdir is a symbolic link to ../../out, outside the allowed directories" + moved},
		{"in/absolute/b/v.mp4", job.CodePathOutside, "DIR/in/absolute/b/v.mp4: DIR/in/absolute is a symbolic link with the absolute target DIR/in/a, which is not followed" +
			" (hint: write DIR/in/a/b/v.mp4 instead, or make the link relative: ln -sfnr DIR/in/a DIR/in/absolute)"},
		{"in/loop", job.CodePathOutside, "DIR/in/loop: symbolic links lead in a circle (hint: name the file itself)"},
		{"in/missing.mp4", job.CodeInputMissing, "DIR/in/missing.mp4 does not exist (hint: check the path, as the daemon's host sees it)"},
		{"in/dangling", job.CodeInputMissing, "DIR/in/dangling does not exist (hint: check the path, as the daemon's host sees it)"},
		{"in/v.mp4/x", job.CodeInputMissing, "DIR/in/v.mp4/x does not exist (hint: check the path, as the daemon's host sees it)"},
		{"in/a", job.CodeInputUnreadable, "DIR/in/a is a directory, not a file (hint: name the video file itself)"},
		{"in", job.CodeInputUnreadable, "DIR/in is a directory, not a file (hint: name the video file itself)"},
		{"in/fifo", job.CodeInputUnreadable, "DIR/in/fifo is a named pipe, not a file (hint: name the video file itself)"},
		{"in/socket", job.CodeInputUnreadable, "DIR/in/socket is a socket, not a file (hint: name the video file itself)"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			f, err := set.OpenInput(dir + "/" + test.path)
			if err == nil {
				t.Fatalf("opened %s", f.Name())
			}
			want(t, dir, err, test.code, "input_video_path: "+test.sentence)
		})
	}
	_, err = set.OpenInput("in/v.mp4")
	want(t, dir, err, job.CodePathOutside, "input_video_path: in/v.mp4 lies outside the allowed directories"+allowed)
	dev, err := roots.Open([]string{"/dev"})
	must(t, err)
	_, err = dev.OpenInput("/dev/null")
	want(t, dir, err, job.CodeInputUnreadable, "input_video_path: /dev/null is a device, not a file (hint: name the video file itself)")
}

func TestRootIsALink(t *testing.T) {
	dir, _ := tree(t)
	set, err := roots.Open([]string{dir + "/alias"})
	must(t, err)
	for _, path := range []string{"/alias/v.mp4", "/in/v.mp4"} {
		f, err := set.OpenInput(dir + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		must(t, f.Close())
	}
	if got := set.Dirs(); !slices.Equal(got, []string{dir + "/alias"}) {
		t.Errorf("roots are %q", got)
	}
}

func TestRootMissing(t *testing.T) {
	dir, set := tree(t)
	later, err := roots.Open([]string{dir + "/later"})
	must(t, err)
	_, err = later.OpenInput(dir + "/later/v.mp4")
	want(t, dir, err, job.CodeRootMissing, "root DIR/later: no such file or directory (hint: is the share mounted, and may the daemon enter it?)")
	must(t, os.Mkdir(dir+"/later", 0o755))
	if _, err := later.MakeDir(dir + "/later/x"); err != nil {
		t.Errorf("a root that came later is not used: %v", err)
	}
	if _, err := roots.Open([]string{"relative"}); err == nil {
		t.Error("a relative root is taken")
	}
	if _, err := roots.Open([]string{dir + "/in/v.mp4"}); err == nil {
		t.Error("a file is taken as a root")
	}
	must(t, os.Rename(dir+"/in", dir+"/gone"))
	_, err = set.OpenInput(dir + "/in/v.mp4")
	want(t, dir, err, job.CodeRootMissing, "root DIR/in: no such file or directory (hint: is the share mounted, and may the daemon enter it?)")
	if e, _ := errors.AsType[*job.Error](err); !e.Retryable {
		t.Error("a share that is gone for now is not retryable")
	}
	if _, err := set.MakeDir(dir + "/in/x"); err == nil {
		t.Error("a root was made")
	}
	if _, err := os.Stat(dir + "/in"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root is there again: %v", err)
	}
}

func TestMakeDir(t *testing.T) {
	dir, set := tree(t)
	_, err := set.OpenDir(dir + "/in/new/deep")
	want(t, dir, err, job.CodeOutputMissing, "output_dir: DIR/in/new/deep does not exist (hint: make the directory first)")
	for range 2 {
		d, err := set.MakeDir(dir + "/in/new//deep/")
		must(t, err)
		must(t, d.WriteFile("x", nil, 0o666))
		if d.Path != dir+"/in/new/deep" {
			t.Errorf("the path is %s", d.Path)
		}
		must(t, d.Close())
	}
	for _, made := range []string{"new", "new/deep"} {
		info, err := os.Stat(dir + "/in/" + made)
		must(t, err)
		if info.Mode() != fs.ModeDir|fs.ModeSetgid|0o775 {
			t.Errorf("%s has mode %v", made, info.Mode())
		}
	}
	if info, err := os.Stat(dir + "/in/a"); err != nil || info.Mode()&fs.ModeSetgid != 0 {
		t.Errorf("a directory that was there has mode %v, error %v", info.Mode(), err)
	}
	d, err := set.MakeDir(dir + "/in/near/made")
	must(t, err)
	must(t, d.Close())
	if _, err := os.Stat(dir + "/in/a/b/made"); err != nil {
		t.Error(err)
	}
	d, err = set.OpenDir(dir + "/in")
	must(t, err)
	must(t, d.Close())
}

func TestOutputFaults(t *testing.T) {
	dir, set := tree(t)
	const own = " (hint: name a directory of your own)"
	tests := []struct{ path, code, sentence string }{
		{"out", job.CodePathOutside, "DIR/out lies outside the allowed directories (hint: allowed are DIR/in and what is beneath; the daemon's configuration lists them as roots)"},
		{"in/a/outdir", job.CodePathOutside, "DIR/in/a/outdir: DIR/in/a/outdir is a symbolic link to ../../out, outside the allowed directories (hint: copy the file beneath an allowed directory, or have its place added to the daemon's roots)"},
		{"in/v.mp4", job.CodeUnwritable, "DIR/in/v.mp4 is not a directory (hint: name another output_dir)"},
		{"in/v.mp4/x", job.CodeUnwritable, "DIR/in/v.mp4/x is not a directory (hint: name another output_dir)"},
		{"in/fifo", job.CodeUnwritable, "DIR/in/fifo is not a directory (hint: name another output_dir)"},
		{"in/spool/inbox", job.CodePathOutside, "DIR/in/spool/inbox takes no results: DIR/in/spool/inbox belongs to the daemon" + own},
		{"in/spool/inbox/x", job.CodePathOutside, "DIR/in/spool/inbox/x takes no results: DIR/in/spool/inbox belongs to the daemon" + own},
		{"in/spool/queue/x", job.CodePathOutside, "DIR/in/spool/queue/x takes no results: DIR/in/spool/queue belongs to the daemon" + own},
		{"in/spool", job.CodePathOutside, "DIR/in/spool takes no results: DIR/in/spool/inbox belongs to the daemon" + own},
		{"in/a/tospool", job.CodePathOutside, "DIR/in/a/tospool takes no results: DIR/in/spool/inbox belongs to the daemon" + own},
		{"in/a/tospool/x", job.CodePathOutside, "DIR/in/a/tospool/x takes no results: DIR/in/spool/inbox belongs to the daemon" + own},
		{"in/dangling", job.CodeOutputMissing, "DIR/in/dangling does not exist (hint: make the directory first)"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			_, err := set.MakeDir(dir + "/" + test.path)
			want(t, dir, err, test.code, "output_dir: "+test.sentence)
		})
	}
	for _, path := range []string{"/in/spool/inbox/x", "/in/spool/queue", "/in/nowhere", "/out/x"} {
		if _, err := os.Stat(dir + path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was made: %v", path, err)
		}
	}
}

// TestSwappedDir opens an output directory and puts a link to the outside in
// its place: what follows still goes where the path led at first.
func TestSwappedDir(t *testing.T) {
	dir, set := tree(t)
	d, err := set.MakeDir(dir + "/in/result")
	must(t, err)
	defer d.Close()
	must(t, os.Rename(dir+"/in/result", dir+"/in/moved"))
	must(t, os.Symlink("../out", dir+"/in/result"))
	must(t, d.WriteFile("tmp", []byte("x"), 0o666))
	must(t, d.Rename("tmp", "secret"))
	if data, err := os.ReadFile(dir + "/out/secret"); err != nil || string(data) != "out/secret" {
		t.Errorf("the file outside holds %q, error %v", data, err)
	}
	if data, err := os.ReadFile(dir + "/in/moved/secret"); err != nil || string(data) != "x" {
		t.Errorf("the output holds %q, error %v", data, err)
	}
}

// TestSwapRace lets a path change between a directory and a link to the
// outside while it is opened and made: nothing ever appears outside.
func TestSwapRace(t *testing.T) {
	dir, set := tree(t)
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			os.RemoveAll(dir + "/in/race")
			if i%2 == 0 {
				os.Symlink("../out", dir+"/in/race")
			} else {
				os.Mkdir(dir+"/in/race", 0o777)
			}
		}
	})
	for range 500 {
		d, err := set.MakeDir(dir + "/in/race/deep")
		if err != nil {
			continue
		}
		// The directory may be removed by now: only where it goes counts.
		_ = d.WriteFile("x", nil, 0o666)
		must(t, d.Close())
	}
	close(done)
	swapping.Wait()
	entries, err := os.ReadDir(dir + "/out")
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("outside are %v", entries)
	}
}

func TestSameFile(t *testing.T) {
	dir, set := tree(t)
	f, err := set.OpenInput(dir + "/in/v.mp4")
	must(t, err)
	defer f.Close()
	d, err := set.OpenDir(dir + "/in")
	must(t, err)
	defer d.Close()
	must(t, os.Link(dir+"/in/v.mp4", dir+"/in/hard.mp4"))
	for name, same := range map[string]bool{"v.mp4": true, "hard.mp4": true, "a/b/v.mp4": false, "none": false, "absolutefile": false} {
		if got, err := d.SameFile(name, f); err != nil || got != same {
			t.Errorf("SameFile(%s) is %v, error %v", name, got, err)
		}
	}
}

// as runs f with another user's access to files.
func as(t *testing.T, uid int, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, syscall.Setfsgid(uid))
	must(t, syscall.Setfsuid(uid))
	defer func() {
		must(t, syscall.Setfsuid(0))
		must(t, syscall.Setfsgid(0))
	}()
	f()
}

func TestDenied(t *testing.T) {
	dir, set := tree(t)
	for at := dir; at != "/tmp" && at != "/"; at = filepath.Dir(at) {
		must(t, os.Chmod(at, 0o755))
	}
	must(t, os.Chmod(dir+"/in/v.mp4", 0o600))
	must(t, os.Chmod(dir+"/in/a/b", 0o700))
	must(t, os.Chmod(dir+"/in", 0o755))
	user := fmt.Sprint(os.Geteuid())
	as(t, 65534, func() {
		_, err := set.OpenInput(dir + "/in/v.mp4")
		want(t, dir, err, job.CodeInputUnreadable, "input_video_path: user "+user+" may not read DIR/in/v.mp4 (hint: chmod a+r DIR/in/v.mp4)")
		_, err = set.OpenInput(dir + "/in/a/b/v.mp4")
		want(t, dir, err, job.CodeInputUnreadable, "input_video_path: user "+user+" may not enter DIR/in/a/b (hint: chmod a+rx DIR/in/a/b)")
		_, err = set.MakeDir(dir + "/in/made/x")
		want(t, dir, err, job.CodeUnwritable, "output_dir: user "+user+" may not write in DIR/in (hint: chmod g+rwx DIR/in)")
	})
}

// FuzzPaths: whatever the path, what opens lies beneath the root, and nothing
// is made outside.
func FuzzPaths(f *testing.F) {
	dir, set := tree(f)
	f.Add("/v.mp4")
	f.Fuzz(func(t *testing.T, rest string) {
		for _, path := range []string{dir + "/in" + rest, dir + rest, rest} {
			if file, err := set.OpenInput(path); err == nil {
				real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
				if err != nil || !strings.HasPrefix(real, dir+"/in/") {
					t.Errorf("%q opened %s, error %v", path, real, err)
				}
				must(t, file.Close())
			}
			if d, err := set.OpenDir(path); err == nil {
				file, err := d.Open(".")
				must(t, err)
				real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
				if err != nil || real != dir+"/in" && !strings.HasPrefix(real, dir+"/in/") {
					t.Errorf("%q opened %s, error %v", path, real, err)
				}
				if d.Path != filepath.Clean(path) {
					t.Errorf("%q is named %q", path, d.Path)
				}
				must(t, file.Close())
				must(t, d.Close())
			}
			if d, err := set.MakeDir(path); err == nil {
				must(t, d.Close())
			}
		}
		entries, err := os.ReadDir(dir)
		must(t, err)
		if len(entries) != 3 {
			t.Errorf("beside the root are %v", entries)
		}
	})
}
