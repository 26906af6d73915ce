package daemon

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

func TestRejections(t *testing.T) {
	big := "notes: " + strings.Repeat("x", job.MaxRequestBytes)
	tests := []struct {
		name    string
		prepare func(t *testing.T, s site)
		text    func(s site) string
		code    string
		text1   string // in reason.txt
		told    bool   // status.json says failed
	}{
		{"no YAML", nil, func(s site) string { return "job_id: [\n" }, job.CodeInvalidRequest, "x.yaml:", false},
		{"empty", nil, func(s site) string { return "...\n" }, job.CodeInvalidRequest, "x.yaml", false},
		{"over 256 KiB", nil, func(s site) string { return big }, job.CodeTooLarge, "x.yaml", false},
		{"unknown key", mkdirOut, func(s site) string { return s.request("j", "out", "blue", "stepz: 3") }, job.CodeInvalidRequest, "stepz", true},
		{"3.5 for an integer", mkdirOut, func(s site) string { return s.request("j", "out", "blue", "num_inference_steps: 3.5") }, job.CodeInvalidRequest, "x.yaml:6: num_inference_steps", true},
		{"a job_id that is a path", mkdirOut, func(s site) string { return s.request("../j", "out", "blue") }, job.CodeInvalidRequest, "job_id", false},
		{"input outside the roots", mkdirOut, func(s site) string {
			return strings.Replace(s.request("j", "out", "blue"), s.path("data", "in.mp4"), "/etc/passwd", 1)
		}, job.CodePathOutside, "x.yaml:2: input_video_path: /etc/passwd", true},
		{"output outside the roots", nil, func(s site) string {
			return strings.Replace(s.request("j", "out", "blue"), s.out("out"), s.path("elsewhere"), 1)
		}, job.CodePathOutside, "x.yaml:3: output_dir: ", false},
		{"no input", mkdirOut, func(s site) string {
			return strings.Replace(s.request("j", "out", "blue"), "in.mp4", "none.mp4", 1)
		}, job.CodeInputMissing, "none.mp4", true},
		{"the output is the input", func(t *testing.T, s site) {
			mkdirOut(t, s)
			if err := os.Link(s.path("data", "in.mp4"), s.path("data", "out", "j_output.mp4")); err != nil {
				t.Fatal(err)
			}
		}, func(s site) string { return s.request("j", "out", "blue", "overwrite: true") }, job.CodeOutputIsInput, "j_output.mp4", true},
		{"a foreign file at the output", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "j_output.mp4"), []byte("mine"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeOutputExists, "j_output.mp4", true},
		{"a link in the place of the log", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.Symlink("elsewhere", s.path("data", "out", "j_log.txt"))
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeOutputExists, "j_log.txt", true},
		{"foreign events", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "events.ndjson"), []byte("mine"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeOutputExists, "events.ndjson", true},
		{"a foreign job.json", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "job.json"), []byte("{}"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeOutputExists, "job.json", true},
		{"a file for the daemon's directory", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", ".uredit"), []byte("mine"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeUnwritable, "out/.uredit is not a directory that the daemon can use (hint: remove it)", false},
		{"a link for the daemon's directory", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.Symlink("nowhere", s.path("data", "out", ".uredit"))
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeUnwritable, "out/.uredit is not a directory that the daemon can use (hint: remove it)", false},
		{"no reservation in the place of one", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.Mkdir(s.path("data", "out", ".uredit"), 0o755)
			os.WriteFile(s.path("data", "out", ".uredit", "owner"), []byte("mine"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeUnwritable, "out/.uredit/owner says of no job that it writes here (hint: remove that file)", false},
		{"a reservation of another spool", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.Mkdir(s.path("data", "out", ".uredit"), 0o755)
			os.WriteFile(s.path("data", "out", ".uredit", "owner"), []byte("260101T000000-aaaaaa elsewhere\n"), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue") }, job.CodeOutputDirInUse, "where that spool is gone, remove ", false},
		{"over the status of another job", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "status.json"), job.Status{JobID: "other", Status: job.Queued}.JSON(), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue", "stepz: 3") }, job.CodeInvalidRequest, "stepz", false},
		{"over the status of a finished job of the same id", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "status.json"), job.Status{JobID: "j", Status: job.Finished, Progress: 1}.JSON(), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue", "stepz: 3") }, job.CodeInvalidRequest, "stepz", false},
		{"over its own queued status", func(t *testing.T, s site) {
			mkdirOut(t, s)
			os.WriteFile(s.path("data", "out", "status.json"), job.Status{JobID: "j", Status: job.Queued}.JSON(), 0o644)
		}, func(s site) string { return s.request("j", "out", "blue", "stepz: 3") }, job.CodeInvalidRequest, "stepz", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			if tt.prepare != nil {
				tt.prepare(t, s)
			}
			before := tree(t, s.data())
			s.start(t, 1)
			text := tt.text(s)
			s.drop(t, "x.yaml", text)
			var dir string
			eventually(t, "the rejection", func() bool {
				found, _ := filepath.Glob(s.path("spool", "rejected", "*-x", "request.yaml"))
				if len(found) == 1 {
					dir = filepath.Dir(found[0])
				}
				return dir != ""
			})
			if data, _ := os.ReadFile(filepath.Join(dir, "request.yaml")); string(data) != text {
				t.Error("the request is not as it was")
			}
			var r reason
			data, err := os.ReadFile(filepath.Join(dir, "reason.json"))
			if err == nil {
				err = json.Unmarshal(data, &r)
			}
			if err != nil || len(r.Errors) == 0 || r.Errors[0].Code != tt.code {
				t.Errorf("reason.json: %v, want the code %s\n%s", err, tt.code, data)
			}
			if data, _ := os.ReadFile(filepath.Join(dir, "reason.txt")); !strings.Contains(string(data), tt.text1) {
				t.Errorf("reason.txt is %q, want %q in it", data, tt.text1)
			}
			s.settled(t)
			after := tree(t, s.data())
			if st, ok := s.status(t, "out"); tt.told {
				if !ok || st.Status != job.Failed || st.JobID != "j" || st.Error == nil || !strings.Contains(*st.Error, tt.text1) {
					t.Errorf("status.json is %+v", st)
				}
				before = append(before, "out/status.json")
				slices.Sort(before)
				before = slices.Compact(before)
			} else if ok && st.Status == job.Failed {
				t.Error("the rejection wrote over another's status")
			}
			if !slices.Equal(before, after) {
				t.Errorf("files before %q, after %q", before, after)
			}
		})
	}
}

// An output directory in which an older system left a log is as good as an empty
// one. The log goes on; that of an earlier job of this system does not.
func TestAnOlderSystemsLog(t *testing.T) {
	s := newSite(t)
	mkdirOut(t, s)
	log := filepath.Join(s.out("out"), "j_log.txt")
	if err := os.WriteFile(log, []byte("Loading the model\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t, 1)
	for i, want := range []bool{true, false} {
		s.drop(t, "x.yaml", s.request("j", "out", "blue"))
		eventually(t, "the job's end", func() bool { return len(tree(t, s.path("spool", "done"))) == i+1 })
		s.settled(t)
		s.wantResult(t, "j", "out", "blue")
		data, err := os.ReadFile(log)
		if got := strings.HasPrefix(string(data), "Loading the model\n"); got != want || err != nil || !strings.Contains(string(data), "finished") {
			t.Errorf("job %d: the log is %q, %v", i+1, data, err)
		}
	}
}

// A rejection by an output directory that cannot be written in is logged once.
func TestUnwritableIsSaidOnce(t *testing.T) {
	s := newSite(t)
	mkdirOut(t, s)
	if err := os.WriteFile(filepath.Join(s.out("out"), spool.WorkDir), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d := s.idle(t)
	var lines bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&lines, nil))
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	if _, err := d.look(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(lines.String(), ".uredit is not a directory"); n != 1 || strings.Contains(lines.String(), "WARN") {
		t.Errorf("the reason is logged %d times:\n%s", n, &lines)
	}
}

// A rejection's status goes on naming the log that was announced, and names one
// that is there.
func TestRejectionNamesTheLog(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, s site, log string)
		want    bool
	}{
		{"none", func(*testing.T, site, string) {}, false},
		{"announced", func(t *testing.T, s site, log string) {
			st := job.Status{JobID: "j", Status: job.Queued, LogsPath: &log}
			os.WriteFile(filepath.Join(s.out("out"), job.StatusName), st.JSON(), 0o644)
		}, true},
		{"of an earlier job", func(t *testing.T, s site, log string) { os.WriteFile(log, []byte("lines\n"), 0o644) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			mkdirOut(t, s)
			log := filepath.Join(s.out("out"), "j_log.txt")
			tt.prepare(t, s, log)
			s.start(t, 1)
			s.drop(t, "x.yaml", s.request("j", "out", "blue", "stepz: 3"))
			st := s.finish(t, "out")
			if got := st.LogsPath != nil && *st.LogsPath == log; got != tt.want || st.Status != job.Failed {
				t.Errorf("status.json: %s", st.JSON())
			}
		})
	}
}

func mkdirOut(t *testing.T, s site) {
	t.Helper()
	if err := os.Mkdir(s.out("out"), 0o775); err != nil {
		t.Fatal(err)
	}
}
