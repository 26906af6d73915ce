package daemon

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
)

// wantKilled waits for a process that ends itself.
func wantKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		t.Fatalf("the daemon ended with %v, want a kill", err)
	}
}

// A daemon that is killed at any point leaves a job that its successor
// finishes: one result, no stray file.
func TestKilledAndRecovered(t *testing.T) {
	for _, point := range []string{"claimed", "accepted", "begun", "edited", "committed", "published", "told", "recorded"} {
		t.Run(point, func(t *testing.T) {
			s := newSite(t)
			first := s.spawn(t, point)
			s.drop(t, "x.yaml", s.request("j", "out", "blue"))
			wantKilled(t, first)
			told, wasTold := s.status(t, "out")
			before, _ := os.Stat(filepath.Join(s.out("out"), "j_output.mp4"))
			s.spawn(t, "")
			if st := s.finish(t, "out"); st.Status != job.Finished {
				t.Errorf("ended as %+v", st)
			}
			s.settled(t)
			s.wantResult(t, "j", "out", "blue")
			s.wantDone(t, 1)
			// What users were told is over does not run again.
			if after, err := os.Stat(filepath.Join(s.out("out"), "j_output.mp4")); wasTold && told.Status == job.Finished && (err != nil || !os.SameFile(before, after)) {
				t.Error("a finished job ran again")
			}
		})
	}
}

// A reboot empties the runtime directory. The host knows its own claims all the
// same, and no job is blamed.
func TestRecoveredWithoutRuntimeDir(t *testing.T) {
	s := newSite(t)
	first := s.spawn(t, "begun")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	wantKilled(t, first)
	if err := os.RemoveAll(s.path("run")); err != nil {
		t.Fatal(err)
	}
	s.spawn(t, "")
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}

// A container that is made anew has a disk of its own and so another host id. On
// one kernel its predecessor is known to be dead all the same, at once.
func TestRecoveredWithoutStateDir(t *testing.T) {
	s := newSite(t)
	first := s.spawn(t, "begun")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	wantKilled(t, first)
	if err := os.RemoveAll(s.path("state")); err != nil {
		t.Fatal(err)
	}
	s.spawn(t, "")
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}

// Two runtime directories are two hosts, also where their state lies together:
// neither takes over what the other, alive, holds.
func TestTwoRuntimeDirsAreTwoHosts(t *testing.T) {
	s := newSite(t)
	first := s.start(t, 1)
	c := s.config()
	c.RuntimeDir = s.path("run2")
	second, err := New(Options{Config: c, Engines: []Engine{&scripted{device: "cpu"}}, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if a, b := first.spool.Instance().HostID, second.spool.Instance().HostID; a == b {
		t.Errorf("both have the host id %s", a)
	}
	if d, err := New(Options{Config: c, Log: testLog(t)}); err == nil {
		d.Close()
		t.Error("a second daemon with the same runtime_dir opened the spool")
	}
}

// At a random moment the same holds.
func TestKilledAtRandom(t *testing.T) {
	s := newSite(t)
	const kills = 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		id := fmt.Sprintf("job_%02d", i)
		first := s.spawn(t, "")
		s.drop(t, id+".yaml", s.request(id, id, "blue"))
		after := time.Duration(random.Int64N(int64(120 * time.Millisecond)))
		<-time.After(after)
		first.Process.Kill()
		first.Wait()
		second := s.spawn(t, "")
		if st := s.finish(t, id); st.Status != job.Finished {
			t.Errorf("killed after %v, it ended as %+v", after, st)
		}
		s.settled(t)
		s.wantResult(t, id, id, "blue")
		second.Process.Kill()
		second.Wait()
	}
	s.spawn(t, "")
	s.drop(t, "last.yaml", s.request("last", "last", "blue"))
	s.finish(t, "last")
	s.settled(t)
	s.wantDone(t, kills+1)
}

// wantDone checks that the spool holds n finished jobs and nothing else.
func (s site) wantDone(t *testing.T, n int) {
	t.Helper()
	done := 0
	for _, name := range tree(t, s.path("spool")) {
		switch {
		case name == "FORMAT", strings.HasPrefix(name, "spool/hosts/"):
		case strings.HasPrefix(name, "done/"):
			done++
		default:
			t.Errorf("a stray file: %s", name)
		}
	}
	if done != n {
		t.Errorf("%d jobs are done, want %d", done, n)
	}
}

// A job that ends its daemon in the middle of the run, once, is run again.
func TestKilledByAJobOnce(t *testing.T) {
	s := newSite(t)
	first := s.spawn(t, "")
	edit := "die " + s.path("died")
	s.drop(t, "x.yaml", s.request("j", "out", edit))
	wantKilled(t, first)
	s.spawn(t, "")
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	s.settled(t)
	s.wantResult(t, "j", "out", edit)
	log, err := os.ReadFile(filepath.Join(s.out("out"), "j_log.txt"))
	if err != nil || len(log) == 0 {
		t.Errorf("log %q, %v", log, err)
	}
}

// A job that always ends its daemon is set aside after the third death, and
// another job is finished all the same.
func TestThreeDeaths(t *testing.T) {
	s := newSite(t)
	for i := range 3 {
		cmd := s.spawn(t, "")
		if i == 0 {
			s.drop(t, "x.yaml", s.request("poison", "out", "die"))
		}
		wantKilled(t, cmd)
		if st, _ := s.status(t, "out"); st.Status.Terminal() {
			t.Fatalf("after %d deaths the job is %s", i+1, st.Status)
		}
	}
	s.spawn(t, "")
	st := s.finish(t, "out")
	if st.Status != job.Failed || !strings.Contains(*st.Error, "3 times") {
		t.Errorf("ended as %+v", st)
	}
	s.drop(t, "y.yaml", s.request("good", "good", "blue"))
	if st := s.finish(t, "good"); st.Status != job.Finished {
		t.Errorf("the next job ended as %+v", st)
	}
	s.settled(t)
	if found, _ := filepath.Glob(s.path("spool", "failed", "*", "*")); len(found) != 3 {
		t.Errorf("failed holds %q", found)
	}
}

// SIGTERM gives the running job back without a mark, and the process exits 0.
func TestTermDrains(t *testing.T) {
	s := newSite(t)
	cmd := s.spawn(t, "")
	s.drop(t, "x.yaml", s.request("j", "out", "wait"))
	eventually(t, "the job under way", func() bool { st, ok := s.status(t, "out"); return ok && st.Status == job.Editing })
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	queue, _ := os.ReadDir(s.path("spool", "spool", "queue"))
	if len(queue) != 1 || !strings.Contains(queue[0].Name(), ".a0c0.") {
		t.Errorf("queue %v", queue)
	}
	if hosts, _ := os.ReadDir(s.path("spool", "spool", "hosts")); len(hosts) != 0 {
		t.Errorf("heartbeats are left: %v", hosts)
	}
}

// needsRoot skips a test that becomes other users or mounts.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it becomes other users, or mounts")
	}
}

// Results are for the group of their directory, also when the user who made it
// did not have it pass its group on.
func TestResultsGetTheGroup(t *testing.T) {
	needsRoot(t)
	const group = 4200
	s := newSite(t)
	out := s.out("out")
	if err := errors.Join(os.Mkdir(out, 0o775), os.Chown(out, -1, group)); err != nil {
		t.Fatal(err)
	}
	s.start(t, 1)
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	s.finish(t, "out")
	s.settled(t)
	s.wantResult(t, "j", "out", "blue")
	for _, name := range tree(t, out) {
		info, err := os.Lstat(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Gid != group {
			t.Errorf("%s has group %d, want %d", name, st.Gid, group)
		}
	}
}

// Daemon and submitter are two users who share a group, neither of them root.
func TestTwoUsers(t *testing.T) {
	needsRoot(t)
	const daemonUID, userUID, group = 4101, 4102, 4200
	dir, err := os.MkdirTemp("", "uredit-users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := site{dir: dir}
	s.make(t)
	binary := s.path("daemon.test")
	copyFile(t, os.Args[0], binary)
	for name, mode := range map[string]os.FileMode{dir: 0o755, s.data(): 0o775 | os.ModeSetgid, s.path("run"): 0o755, binary: 0o755} {
		if err := os.Chown(name, daemonUID, group); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	daemon := exec.Command(binary)
	daemon.Env = append(os.Environ(), envDaemon+"="+dir, envKill+"=")
	daemon.Stderr = testWriter{t}
	daemon.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: daemonUID, Gid: group, NoSetGroups: false}}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Process.Kill(); daemon.Wait() })
	eventually(t, "the inbox", func() bool { _, err := os.Stat(s.path("spool", "spool", "hosts")); return err == nil })

	as := func(uid int, script string) {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", "umask 022; "+script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: group}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	text := func(name, request string) string {
		file := s.path(name)
		if err := os.WriteFile(file, []byte(request), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	inbox := s.path("spool", "inbox")

	// The daemon makes output_dir: the user, of the same group, can remove the
	// results.
	as(userUID, "cp "+text("a", s.request("a", "a", "blue"))+" "+inbox+"/.a && mv "+inbox+"/.a "+inbox+"/a.yaml")
	if st := s.finish(t, "a"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	s.settled(t)
	as(userUID, "rm "+s.out("a")+"/*")

	// The user makes output_dir, writable for the group.
	as(userUID, "mkdir "+s.out("b")+" && chmod 2775 "+s.out("b")+" && cp "+text("b", s.request("b", "b", "blue"))+" "+inbox+"/b.yaml")
	if st := s.finish(t, "b"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}

	// Not writable, not readable: a reason that says which command helps.
	as(userUID, "mkdir "+s.out("c")+" && cp "+text("c", s.request("c", "c", "blue"))+" "+inbox+"/c.yaml")
	wantReason(t, s, "c", "chmod g+")
	as(userUID, "cp "+text("d", s.request("d", "d", "blue"))+" "+inbox+"/.d && chmod 600 "+inbox+"/.d && mv "+inbox+"/.d "+inbox+"/d.yaml")
	wantReason(t, s, "d", "chmod a+r")

	// A directory that the daemon may not write in is left alone, with a note.
	nested := filepath.Join(inbox, "e")
	as(userUID, "mkdir "+nested+" && cp "+text("e", s.request("e", "e", "blue"))+" "+nested+"/request.yaml")
	eventually(t, "the note", func() bool {
		data, _ := os.ReadFile(nested + ".reason.txt")
		return strings.Contains(string(data), "chmod g+w")
	})
	as(userUID, "chmod g+w "+nested)
	if st := s.finish(t, "e"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}

	// Only the owner's marker counts.
	const strangerUID = 4103
	as(userUID, "cp "+text("f", s.request("f", "f", "wait"))+" "+inbox+"/f.yaml")
	eventually(t, "the job under way", func() bool { st, ok := s.status(t, "f"); return ok && st.Status == job.Editing })
	marker := s.path("spool", "control", "f.cancel")
	as(strangerUID, "touch "+marker)
	eventually(t, "the stranger's marker gone", func() bool { _, err := os.Stat(marker); return os.IsNotExist(err) })
	if st, _ := s.status(t, "f"); st.Status != job.Editing {
		t.Errorf("a stranger's marker made the job %s", st.Status)
	}
	as(userUID, "touch "+marker)
	if st := s.finish(t, "f"); st.Error == nil || !strings.HasPrefix(*st.Error, "cancelled") {
		t.Errorf("ended as %+v", st)
	}
}

func wantReason(t *testing.T, s site, name, want string) {
	t.Helper()
	eventually(t, "the reason for "+name, func() bool {
		found, _ := filepath.Glob(s.path("spool", "rejected", "*-"+name, "reason.txt"))
		if len(found) == 0 {
			return false
		}
		data, err := os.ReadFile(found[0])
		if err == nil && !strings.Contains(string(data), want) {
			t.Fatalf("the reason is %q, want %q in it", data, want)
		}
		return err == nil
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// A full disk fails the job with a code and a hint, and the message fits.
func TestFullDisk(t *testing.T) {
	needsRoot(t)
	s := newSite(t)
	out := s.out("small")
	if err := os.Mkdir(out, 0o775); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(out, syscall.MNT_DETACH) })
	s.start(t, 1)
	s.drop(t, "x.yaml", s.request("j", "small", "fill"))
	st := s.finish(t, "small")
	if st.Status != job.Failed || !strings.Contains(*st.Error, "no space left") {
		t.Errorf("ended as %+v", st)
	}
	s.settled(t)
	found, _ := filepath.Glob(s.path("spool", "failed", "*", "reason.json"))
	if len(found) != 1 {
		t.Fatalf("failed holds %q", found)
	}
	if data, _ := os.ReadFile(found[0]); !strings.Contains(string(data), job.CodeDiskFull) {
		t.Errorf("reason.json: %s", data)
	}
	if slices.Contains(tree(t, out), ".uredit") {
		t.Error("the attempt's files are left on the full disk")
	}
}

// A user swaps output_dir for a link in a loop while jobs run: nothing appears
// outside of the roots, and the daemon serves on.
func TestSwappedOutputDir(t *testing.T) {
	s := newSite(t)
	s.start(t, 1, func(r *running) { r.source.retry = 20 * time.Millisecond })
	victim := s.path("victim")
	if err := os.Mkdir(victim, 0o777); err != nil {
		t.Fatal(err)
	}
	out, aside := s.out("out"), s.out("aside")
	if err := os.Mkdir(out, 0o775); err != nil {
		t.Fatal(err)
	}
	stop, swapped := make(chan struct{}), make(chan int, 1)
	defer func() { // also when the test fails
		select {
		case <-stop:
		default:
			close(stop)
			<-swapped
		}
	}()
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				swapped <- n
				return
			default:
			}
			os.Rename(out, aside)
			os.Symlink(victim, out)
			os.Remove(out)
			os.Rename(aside, out)
			n++
		}
	}()
	ended := func() int {
		n := 0
		for _, pattern := range []string{"done/*/*.yaml", "failed/*/request.yaml", "rejected/*/request.yaml"} {
			found, _ := filepath.Glob(s.path("spool", pattern))
			n += len(found)
		}
		return n
	}
	for i := range 20 {
		s.drop(t, "x.yaml", s.request("j", "out", "blue", "overwrite: true"))
		eventually(t, "the job's end", func() bool { return ended() == i+1 })
	}
	close(stop)
	if n := <-swapped; n < 100 {
		t.Errorf("only %d swaps", n)
	}
	if got := tree(t, victim); len(got) > 0 {
		t.Errorf("files outside of the roots: %q", got)
	}
}
