package job_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"uredit/daemon/job"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "0", "test_001", "a.b-c_d", "видео-7", "任务1", "Ⅷ", strings.Repeat("x", job.MaxIDBytes)} {
		if err := job.CheckID(id); err != nil {
			t.Errorf("CheckID(%q): %v", id, err)
		}
	}
	tests := []struct{ id, want string }{
		{"", "the name is empty"},
		{".", "the name begins with '.'"},
		{"..", "the name begins with '.'"},
		{".hidden", "the name begins with '.'"},
		{"-rf", "the name begins with '-'"},
		{"_a", "the name begins with '_'"},
		{"a/b", "the name contains '/'"},
		{`a\b`, `the name contains '\\'`},
		{"a b", "the name contains ' '"},
		{"a\n", `the name contains '\n'`},
		{"a\x00", `the name contains '\x00'`},
		{"a\u200b", `the name contains '\u200b'`},
		{"a\u202etxt", `the name contains '\u202e'`},
		{"a%2f", "the name contains '%'"},
		{"🔴", "the name contains '🔴'"},
		{"a\xff", "the name is not UTF-8"},
		{strings.Repeat("я", 51), "the name has 102 bytes, more than 100"},
	}
	for _, test := range tests {
		if err := job.CheckID(test.id); fmt.Sprint(err) != test.want {
			t.Errorf("CheckID(%q): got %v, want %s", test.id, err, test.want)
		}
	}
}

// FuzzCheckID: what is a job_id is a plain name of one file, in any directory.
func FuzzCheckID(f *testing.F) {
	f.Add("test_001")
	f.Fuzz(func(t *testing.T, id string) {
		if job.CheckID(id) != nil {
			return
		}
		if id == "" || len(id) > job.MaxIDBytes || !utf8.ValidString(id) || !filepath.IsLocal(id) ||
			filepath.Base(id) != id || filepath.Join("/d", id) != "/d/"+id || !fs.ValidPath(id) ||
			strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) ||
			strings.HasPrefix(id, ".") || strings.HasPrefix(id, "-") {
			t.Errorf("%q is taken as a job_id", id)
		}
	})
}

func TestStates(t *testing.T) {
	last := -1.0
	for i, s := range job.States() {
		if s.Rank() != i || !s.Valid() {
			t.Errorf("%s has rank %d, want %d", s, s.Rank(), i)
		}
		if s.Terminal() != (s == "finished" || s == "failed") {
			t.Errorf("%s: terminal is %v", s, s.Terminal())
		}
		if s == job.Failed {
			continue
		}
		if s.Mark() < last {
			t.Errorf("the mark %v of %s falls", s.Mark(), s)
		}
		last = s.Mark()
	}
	if s := job.State("paused"); s.Valid() || s.Rank() != -1 {
		t.Errorf("%s is a state", s)
	}
}

const statusFile = `{
  "job_id": "test_001",
  "status": "editing",
  "progress": 0.5,
  "current_frame": 3,
  "total_frames": null,
  "message": "a < b & \"c\" – 红",
  "error": null,
  "output_video_path": null,
  "mask_preview_path": null,
  "logs_path": "/out/test_001_log.txt"
}
`

func TestStatusFile(t *testing.T) {
	want := job.Status{JobID: "test_001", Status: job.Editing, Progress: 0.5, CurrentFrame: new(3),
		Message: new(`a < b & "c" – 红`), LogsPath: new("/out/test_001_log.txt")}
	if got := string(want.JSON()); got != statusFile {
		t.Errorf("got\n%s\nwant\n%s", got, statusFile)
	}
	got, err := job.ParseStatus([]byte(statusFile))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestParseStatusFaults(t *testing.T) {
	for change, want := range map[string]string{
		`"job_id": "test_001"`: "", // an eleventh key takes its place
		`"editing"`:            `"paused" is no status`,
		`0.5`:                  "progress 5 is not within 0..1",
		"}\n":                  "something follows the object",
	} {
		with := map[string]string{`"job_id": "test_001"`: `"eta": 3`, `"editing"`: `"paused"`, `0.5`: "5", "}\n": "}}"}[change]
		_, err := job.ParseStatus([]byte(strings.Replace(statusFile, change, with, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s in place of %s: got %v, want %s", with, change, err, want)
		}
	}
	if _, err := job.ParseStatus([]byte(statusFile[:40])); err == nil {
		t.Error("a torn file is taken")
	}
}

// TestRecordFile: job.json holds the ten keys and, in place of the sentence,
// the parts of the error.
func TestRecordFile(t *testing.T) {
	want := job.Record{SchemaVersion: job.SchemaVersion, Seq: 7, Token: "J", Attempt: 2, Host: "h",
		UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Heartbeat: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Params: job.Default(), Stages: []job.StageTime{}, Files: []string{}, Warnings: []job.Warning{}, Input: json.RawMessage("{}"),
		Status:  job.Status{JobID: "a", Status: job.Failed},
		Failure: &job.Error{Code: job.CodeDiskFull, Stage: job.Saving, Message: "no space", Retryable: true}}
	data := want.JSON()
	var keys map[string]any
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema_version", "seq", "job_id", "status", "progress", "error", "logs_path", "eta_seconds", "params", "warnings"} {
		if _, ok := keys[key]; !ok {
			t.Errorf("job.json has no %s:\n%s", key, data)
		}
	}
	if failure, ok := keys["error"].(map[string]any); !ok || failure["code"] != "disk_full" || failure["stage"] != "saving" {
		t.Errorf("error is %v", keys["error"])
	}
	got, err := job.ParseRecord(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\nerror %v", got, want, err)
	}
	old, err := job.ParseRecord([]byte(`{"schema_version": 1, "params": {"job_id": "a", "seed": 7}}`))
	if err != nil || old.Params.Instances != job.AllInstances || old.Params.Seed != 7 || old.Params.JobID != "a" {
		t.Errorf("an older record has the parameters %+v, error %v", old.Params, err)
	}
	if _, err := job.ParseRecord([]byte(`{"schema_version": 99}`)); err == nil {
		t.Error("a record of a later schema is taken")
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		err  job.Error
		want string
	}{
		{job.Error{Message: "m"}, "m"},
		{job.Error{Message: "m", Hint: "h"}, "m (hint: h)"},
		{job.Error{Key: "k", Message: "m"}, "k: m"},
		{job.Error{File: "f", Key: "k", Message: "m"}, "f: k: m"},
		{job.Error{File: "f", Line: 3, Key: "k", Message: "m", Hint: "h"}, "f:3: k: m (hint: h)"},
		{job.Error{Line: 3, Message: "m"}, "line 3: m"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	list := job.Errors{{Code: "a", Message: "m"}, {Code: "b", Message: "n", Err: fs.ErrNotExist}}
	if !errors.Is(list, fs.ErrNotExist) || list.Error() != "m\nn" {
		t.Errorf("%v does not hold its faults", list)
	}
	if e, ok := errors.AsType[*job.Error](list); !ok || e.Code != "a" {
		t.Errorf("got %v", e)
	}
}

func TestNames(t *testing.T) {
	r := job.Default()
	r.JobID = "a"
	if got := r.OutputName() + r.MaskName() + r.LogName(); got != "a_output.mp4a_mask.mp4a_log.txt" {
		t.Error(got)
	}
	r.Mode = job.SingleFrame
	if got := r.OutputName() + r.MaskName(); got != "a_output.pnga_mask.png" {
		t.Error(got)
	}
}

func TestRoundProgress(t *testing.T) {
	for _, c := range [][2]float64{{-1, 0}, {2, 1}, {0.123456, 0.1235}, {1, 1}} {
		if got := job.RoundProgress(c[0]); float64(got) != c[1] {
			t.Errorf("RoundProgress(%v) = %v", c[0], got)
		}
	}
}
