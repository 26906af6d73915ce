package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/pipeline/fault"
)

// canary makes a pipe outside of the roots. Whoever opens it to read is seen:
// until then it cannot be opened to write.
func (s *site) canary(name string) (path string, opened func() bool) {
	s.t.Helper()
	path = filepath.Join(s.mkdir(s.path("outside")), name)
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		s.t.Fatal(err)
	}
	return path, func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			f.Close()
		} else if !errors.Is(err, syscall.ENXIO) {
			s.t.Fatal(err)
		}
		return err == nil
	}
}

// A file that calls itself a video and names other files has none of them
// opened.
func TestPlaylistsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	pipe, opened := s.canary("secret.ts")
	above := "../outside/secret.ts"
	for name, text := range map[string]string{
		"concat":          "ffconcat version 1.0\nfile '" + pipe + "'\n",
		"concat_relative": "ffconcat version 1.0\nfile " + above + "\n",
		"concat_url":      "ffconcat version 1.0\nfile file:" + pipe + "\n",
		"hls":             "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n" + pipe + "\n#EXT-X-ENDLIST\n",
		"hls_relative":    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n" + above + "\n#EXT-X-ENDLIST\n",
		"hls_master":      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:" + pipe + "\n",
		"sdp":             "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
		"dash": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp2t"><Representation id="v" bandwidth="1"><BaseURL>file:` +
			pipe + `</BaseURL></Representation></AdaptationSet></Period></MPD>`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{t: t, dir: s.dir}
			input := s.path("data", name+".mp4")
			s.put(input, text)
			s.drop(name+".yaml", s.request(name, "input_video_path: "+input))
			eventually(t, "the end of "+name, func() bool {
				if opened() {
					t.Fatalf("%s was opened", pipe)
				}
				st, ok := s.status(name)
				return ok && st.Status.Terminal()
			})
			s.wantFailure(name, fault.InputUnreadable, job.Extracting)
		})
	}
	s.settled()
}

// wantFailure checks that a job failed with a code in a stage, and that its
// record says so with a hint and its log in detail.
func (s *site) wantFailure(jobID, code string, stage job.State) {
	s.t.Helper()
	if st := s.end(jobID); st.Status != job.Failed || st.Error == nil {
		s.t.Fatalf("%s ended as %s", jobID, st.JSON())
	}
	f := s.record(jobID).Failure
	if f == nil {
		s.t.Fatalf("job.json of %s has no error", jobID)
	}
	if f.Code != code || f.Stage != stage || f.Hint == "" {
		s.t.Errorf("job.json of %s has code %q and stage %q, want %q and %q, and a hint: %v", jobID, f.Code, f.Stage, code, stage, f)
		return
	}
	log := s.read(filepath.Join(s.out(jobID), jobID+"_log.txt"))
	if !strings.Contains(log, f.Message) || !strings.Contains(log, f.Hint) {
		s.t.Errorf("the log of %s does not say %q and %q:\n%s", jobID, f.Message, f.Hint, log)
	}
	s.t.Logf("%s: %s", jobID, f.Error())
	if left := glob(filepath.Join(s.out(jobID), ".uredit")); len(left) > 0 {
		s.t.Errorf("%q is left", left)
	}
}

// Links of users lead the daemon nowhere outside of the roots, and an output is
// never the input.
func TestPathsOfUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	outside := s.mkdir(s.path("outside"))
	secret := filepath.Join(outside, "secret.mp4")
	s.put(secret, s.read(s.path("data", "in.mp4")))
	s.mkdir(s.path("data", "inner"))
	link := func(target, name string) string {
		t.Helper()
		name = s.path("data", name)
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	refused := func(id, code, says string, lines ...string) {
		t.Helper()
		s.drop(id+".yaml", s.request(id, lines...))
		dir := s.rejection(id)
		reason := s.read(filepath.Join(dir, "reason.txt"))
		if got := codeOf(s, dir); got != code || !strings.Contains(reason, says) {
			t.Errorf("%s: %s: %q, want %s and %q", id, got, reason, code, says)
		}
	}
	refused("file", job.CodePathOutside, secret, "input_video_path: "+link(secret, "file.mp4"))
	refused("relative", job.CodePathOutside, "../outside", "input_video_path: "+link("../outside/secret.mp4", "relative.mp4"))
	refused("dir", job.CodePathOutside, outside, "input_video_path: "+link(outside, "dir")+"/secret.mp4")
	refused("climb", job.CodePathOutside, "", "input_video_path: "+s.path("data")+"/inner/../../outside/secret.mp4")
	refused("out", job.CodePathOutside, outside, "output_dir: "+link(outside, "out"))
	refused("below", job.CodePathOutside, outside, "output_dir: "+link(outside, "up")+"/deeper")

	same := s.path("data", "same")
	input := filepath.Join(s.mkdir(same), "same_output.mp4")
	s.put(input, s.read(secret))
	refused("same", job.CodeOutputIsInput, input, "input_video_path: "+input, "overwrite: true")
	if err := os.Link(input, s.path("data", "hard.mp4")); err != nil {
		t.Fatal(err)
	}
	refused("same", job.CodeOutputIsInput, input, "input_video_path: "+s.path("data", "hard.mp4"), "overwrite: true")
	refused("same", job.CodeOutputIsInput, input, "input_video_path: "+link("same/same_output.mp4", "soft.mp4"), "overwrite: true")

	// Planted where the results go, a link is replaced and not followed.
	planted := s.mkdir(s.out("planted"))
	victim := filepath.Join(outside, "victim.txt")
	s.put(victim, "keep")
	for _, name := range []string{"planted_output.mp4", "planted_mask.mp4", "planted_log.txt", "status.json", "job.json", "events.ndjson"} {
		if err := os.Symlink(victim, filepath.Join(planted, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.drop("planted.yaml", s.request("planted", "overwrite: true", "input_video_path: "+link("in.mp4", "inside.mp4")))
	eventually(t, "the end of planted", func() bool { return len(glob(s.path("spool", "done", "*", "*"))) == 1 })
	s.wantFinished("planted", 16)
	if got := names(t, outside); fmt.Sprint(got) != "[secret.mp4 victim.txt]" || s.read(victim) != "keep" {
		t.Errorf("outside of the roots are %q, and the victim says %q", got, s.read(victim))
	}
}

// While jobs run, a user swaps output_dir, or the daemon's directory in it, for
// a link: in a tight loop from the start, or for most of the time once the job
// is at work. Nothing appears outside, and the daemon serves on.
func TestSwappedDirectories(t *testing.T) {
	s := newSite(t)
	s.serve()
	victim := s.mkdir(s.path("outside"))
	for i, c := range []struct {
		sub  string
		hold bool
	}{{"", false}, {".uredit", false}, {"", true}, {".uredit", true}} {
		id := fmt.Sprintf("swap%d", i)
		out, aside := filepath.Join(s.mkdir(s.out(id)), c.sub), s.path("data", "aside")
		s.drop(id+".yaml", s.request(id, "num_inference_steps: 100"))
		if c.hold {
			s.reach(id, job.Extracting)
		}
		swaps := 0
		eventually(t, "the end of "+id, func() bool {
			for range 100 {
				// Some of these fail when the daemon is faster: that is the race.
				if os.Rename(out, aside) != nil {
					continue
				}
				_ = os.Symlink(victim, out)
				if c.hold {
					<-time.After(500 * time.Microsecond)
				}
				_ = os.Remove(out)
				_ = os.Rename(aside, out)
				swaps++
			}
			return s.ended() == i+1
		})
		t.Logf("%s: %d swaps", id, swaps)
		if got := names(t, victim); len(got) > 0 {
			t.Fatalf("outside of the roots are %q", got)
		}
		if swaps == 0 {
			t.Error("nothing was swapped")
		}
		if err := os.RemoveAll(aside); err != nil {
			t.Fatal(err)
		}
	}
	s.drop("after.yaml", s.request("after"))
	s.wantFinished("after", 16)
}

// ended counts the requests and jobs that are over, however they ended.
func (s *site) ended() int {
	n := len(glob(s.path("spool", "done", "*", "*")))
	for _, dir := range []string{"failed", "rejected"} {
		n += len(glob(s.path("spool", dir, "*", "reason.txt")))
	}
	return n
}

// user runs a script as another user of the group of the tests.
func (s *site) user(uid int, script string) {
	s.t.Helper()
	cmd := exec.Command("/bin/sh", "-ec", "umask 022\n"+script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: testGroup}}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
