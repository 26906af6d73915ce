package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uredit/daemon/job"
)

// Users of the tests. The daemon and the submitter share a group; neither is
// root.
const (
	daemonUID   = 4101
	userUID     = 4102
	strangerUID = 4103
	testGroup   = 4200
)

// newSharedSite makes a site that belongs to the daemon's user, with copies of
// what that user may not reach where it lies.
func newSharedSite(t *testing.T) (s *site, serve func()) {
	t.Helper()
	needsRoot(t)
	dir, err := os.MkdirTemp(shared.dir, "users-")
	if err != nil {
		t.Fatal(err)
	}
	s = &site{t: t, dir: dir}
	for from, to := range map[string]string{os.Args[0]: "ureditd", library(t): "libonnxruntime.so"} {
		s.put(s.path(to), s.read(from))
		if err := os.Chmod(s.path(to), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.build("ort_library: " + s.path("libonnxruntime.so"))
	for name, mode := range map[string]os.FileMode{dir: 0o755, s.path("data"): 0o775 | os.ModeSetgid, s.path("run"): 0o755} {
		if err := os.Chown(name, daemonUID, testGroup); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return s, func() {
		s.serve(func(cmd *exec.Cmd) {
			cmd.Path = s.path("ureditd")
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: daemonUID, Gid: testGroup}
		})
	}
}

// submit copies a request into the inbox as a user does by hand.
func (s *site) submit(uid int, jobID, request string) {
	s.t.Helper()
	s.put(s.path(jobID+".yaml"), request)
	s.user(uid, "cp "+s.path(jobID+".yaml")+" "+s.inbox(jobID+".yaml"))
}

// Daemon and submitter are different users: the results are the submitter's to
// use and to remove.
func TestTwoUsers(t *testing.T) {
	t.Parallel()
	s, serve := newSharedSite(t)
	serve()

	// The daemon makes output_dir.
	s.submit(userUID, "made", s.request("made"))
	s.wantFinished("made", 16)
	s.user(userUID, "cat "+s.out("made")+"/* > /dev/null && rm -r "+s.out("made"))

	// The submitter makes it, for the group.
	s.user(userUID, "mkdir "+s.out("group")+" && chmod 2775 "+s.out("group"))
	s.submit(userUID, "group", s.request("group"))
	s.wantFinished("group", 16)
	s.user(userUID, "rm -r "+s.out("group"))

	// The submitter makes it, for nobody else.
	s.user(userUID, "mkdir "+s.out("private"))
	s.submit(userUID, "private", s.request("private"))
	dir := s.rejection("private")
	if got := codeOf(s, dir); got != job.CodeUnwritable || !strings.Contains(s.read(filepath.Join(dir, "reason.txt")), "chmod g+") {
		t.Errorf("a directory that is not shared: %s: %s", got, s.read(filepath.Join(dir, "reason.txt")))
	}
	if got := names(t, s.out("private")); len(got) > 0 {
		t.Errorf("the private directory holds %q", got)
	}

	// An input that only its owner reads.
	s.user(userUID, "cp "+s.path("data", "in.mp4")+" "+s.path("data", "mine.mp4")+" && chmod 600 "+s.path("data", "mine.mp4"))
	s.submit(userUID, "unreadable", s.request("unreadable", "input_video_path: "+s.path("data", "mine.mp4")))
	dir = s.rejection("unreadable")
	if got := codeOf(s, dir); got != job.CodeInputUnreadable || !strings.Contains(s.read(filepath.Join(dir, "reason.txt")), "chmod a+r") {
		t.Errorf("an input that is not shared: %s: %s", got, s.read(filepath.Join(dir, "reason.txt")))
	}
}

// A marker counts when its writer may: the job's owner, and nobody else who can
// write in the directory.
func TestMarkersOfStrangers(t *testing.T) {
	t.Parallel()
	s, serve := newSharedSite(t)
	serve()
	s.submit(userUID, "live", s.request("live", slow()...))
	s.reach("live", job.Editing)
	marker := s.path("spool", "control", "live.cancel")
	gone := func() bool { _, err := os.Lstat(marker); return os.IsNotExist(err) }
	s.user(strangerUID, "touch "+marker)
	eventually(t, "a stranger's marker removed", gone)
	pause := s.path("spool", "control", "PAUSE")
	s.user(strangerUID, "touch "+pause)
	s.submit(strangerUID, "other", s.request("other", "mask_prompt: red ball"))
	s.reach("other", job.Queued) // claimed, in spite of the stranger's PAUSE
	if st, _ := s.status("live"); st.Status != job.Editing {
		t.Errorf("a stranger's marker made the job %s", st.Status)
	}
	// Nor may the stranger take the owner's file away: the directory is sticky.
	s.user(strangerUID, "! rm -f "+s.path("spool", "FORMAT")+" 2>/dev/null")
	s.user(userUID, "touch "+marker)
	if st := s.end("live"); st.Error == nil || !strings.HasPrefix(*st.Error, "cancelled") {
		t.Errorf("live ended as %s", st.JSON())
	}
	s.wantFinished("other", 16)
	if !gone() {
		t.Error("the owner's marker is left")
	}
}
