package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// list, show and top say why a job does not get on, and what keeps a host from
// what it should do.
func TestWhatDoesNotGetOn(t *testing.T) {
	dir := t.TempDir()
	s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{HostDir: t.TempDir(), Host: "gpu1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const remark = "root /data is another directory than before"
	s.Remark(remark)
	if _, err := s.Round("run"); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	request := fmt.Sprintf("job_id: j\ninput_video_path: %s\noutput_dir: %s\nmask_prompt: a\nedit_prompt: b\n...\n", filepath.Join(dir, "in.mp4"), out)
	if err := os.WriteFile(filepath.Join(dir, "spool", spool.InboxDir, "j.yaml"), []byte(request), 0o644); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Scan()
	if err != nil || len(entries) != 1 {
		t.Fatalf("the inbox holds %v, %v", entries, err)
	}
	c, err := s.Claim(entries[0])
	if err == nil {
		_, err = s.Enqueue(c, []byte(request), 4)
	}
	if err != nil {
		t.Fatal(err)
	}
	message := job.CannotBegin + "gpu1: the disk is nearly full"
	r := job.Record{SchemaVersion: job.SchemaVersion, Token: c.Job, Attempt: 1, QueuedAt: time.Now(),
		Status: job.Status{JobID: "j", Status: job.Queued, Message: &message}}
	for name, data := range map[string][]byte{job.RecordName: r.JSON(), job.StatusName: r.Status.JSON()} {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"list"}, []string{message + "\n", "gpu1: " + remark + "\n"}},
		{[]string{"list", "-o", "json"}, []string{`"reason": "` + message + `"`}},
		{[]string{"show", "j"}, []string{"queued  0 %  " + message}},
		{[]string{"top", "--once"}, []string{"ago  " + remark + "\n"}},
		{[]string{"top", "-o", "json"}, []string{`"remark": "` + remark + `"`}},
	} {
		var printed bytes.Buffer
		io := stdio{out: &printed, err: &printed, dir: dir, getenv: func(string) string { return "" }}
		if code := run(t.Context(), append([]string{"--spool", filepath.Join(dir, "spool")}, tt.args...), io); code != 0 {
			t.Errorf("%v: exit status %d", tt.args, code)
		}
		for _, want := range tt.want {
			if !strings.Contains(printed.String(), want) {
				t.Errorf("%v prints no %q:\n%s", tt.args, want, &printed)
			}
		}
	}
}
