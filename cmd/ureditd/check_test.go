package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uredit/daemon/check"
	"uredit/models"
)

// checkSite is a configuration in which nothing is wrong, with a bundle of its
// own.
type checkSite struct {
	t      *testing.T
	dir    string
	bundle string
	lines  map[string]string // of the configuration
}

func newCheckSite(t *testing.T) *checkSite {
	t.Helper()
	s := &checkSite{t: t, dir: t.TempDir()}
	var err error
	if s.bundle, err = models.Builtin(filepath.Join(s.dir, "models")); err != nil {
		t.Fatal(err)
	}
	s.lines = map[string]string{"root": filepath.Join(s.dir, "spool"), "bundle": s.bundle,
		"runtime_dir": filepath.Join(s.dir, "run"), "state_dir": filepath.Join(s.dir, "state"), "ort_library": library(t)}
	return s
}

// program writes a shell script.
func (s *checkSite) program(name, text string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// check runs the command and returns its findings and its exit status.
func (s *checkSite) check() (list []check.Finding, code int) {
	s.t.Helper()
	file := filepath.Join(s.dir, "uredit.yaml")
	var text strings.Builder
	for key, value := range s.lines {
		text.WriteString(key + ": " + value + "\n")
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		s.t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	code = run(context.Background(), console{&out, &stderr}, []string{"check", "--config", file, "-o", "json"})
	var report struct {
		Worst  check.Level
		Checks []check.Finding
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		s.t.Fatalf("%v in %s%s", err, out.Bytes(), stderr.Bytes())
	}
	if want := map[int]check.Level{exitDone: check.OK, exitWrong: check.Error, exitWarned: check.Warning}[code]; report.Worst != want {
		s.t.Errorf("exit status %d, and the worst is %q", code, report.Worst)
	}
	return report.Checks, code
}

// TestCheckBrokenPipeline breaks what only the pipeline knows of, one thing each;
// package check has the rest.
func TestCheckBrokenPipeline(t *testing.T) {
	const detector = "sam3/detector.onnx"
	for _, c := range []struct {
		name              string
		check, text, hint string
		code              int
		harm              func(*checkSite)
		mend              func(*checkSite) // what the hint says; nil where a site cannot
	}{
		{name: "nothing", code: exitDone, harm: func(*checkSite) {}},
		{"misspelt key", "configuration", "uredit.yaml:", "did you mean root?", exitWrong,
			func(s *checkSite) { s.lines["rot"] = "x" }, nil},
		{"wrong hash", "bundle", detector, "", exitWrong,
			func(s *checkSite) { s.append(detector, "x") }, func(s *checkSite) { os.RemoveAll(s.bundle); s.restore() }},
		{"missing model", "bundle", detector, "", exitWrong,
			func(s *checkSite) { os.Remove(filepath.Join(s.bundle, detector)) }, func(s *checkSite) { os.RemoveAll(s.bundle); s.restore() }},
		{"file that the bundle does not list", "bundle", "extra.onnx", "", exitWrong,
			func(s *checkSite) { s.append("sam3/extra.onnx", "x") }, func(s *checkSite) { os.Remove(filepath.Join(s.bundle, "sam3/extra.onnx")) }},
		{"no bundle", "bundle", "no such file", `"builtin"`, exitWrong,
			func(s *checkSite) { s.lines["bundle"] = "/nowhere" }, func(s *checkSite) { s.lines["bundle"] = "builtin" }},
		{"bundle without a manifest", "bundle", "bundle.json", "manifest", exitWarned,
			func(s *checkSite) { os.Remove(filepath.Join(s.bundle, models.ManifestName)) }, func(s *checkSite) { os.RemoveAll(s.bundle); s.restore() }},
		{"graph of another network", "sam3", "", "", exitWrong,
			func(s *checkSite) {
				s.copy("sam3/text_encoder.onnx", detector)
				os.Remove(filepath.Join(s.bundle, models.ManifestName))
			},
			func(s *checkSite) { os.RemoveAll(s.bundle); s.restore() }},
		{"no ffmpeg", "ffmpeg", "find ffmpeg", "apt-get install ffmpeg", exitWrong,
			func(s *checkSite) { s.lines["ffmpeg"] = "ffmpeg-none" }, func(s *checkSite) { delete(s.lines, "ffmpeg") }},
		{"old ffmpeg", "ffmpeg", "4.1", "5.1 or later", exitWrong,
			func(s *checkSite) { s.lines["ffmpeg"] = s.program("ffmpeg", "echo ffmpeg version 4.1") },
			func(s *checkSite) { delete(s.lines, "ffmpeg") }},
		{"no ONNX Runtime", "onnxruntime", "/nowhere.so", "", exitWrong,
			func(s *checkSite) {
				s.t.Setenv("UREDIT_ORT_LIBRARY", "") // it would win
				s.lines["ort_library"] = "/nowhere.so"
			},
			func(s *checkSite) { s.lines["ort_library"] = library(s.t) }},
		{"a UUID of no card", "cards", "visible are GPU-aaaa1111", "name one that is there", exitWrong,
			func(s *checkSite) { s.cards(); s.lines["devices"] = "[GPU-zz]" }, func(s *checkSite) { s.lines["devices"] = "[cpu]" }},
		{"a card in parts", "cards", "MIG-cccc3333", "one of its instances", exitWrong,
			func(s *checkSite) { s.cards(); s.lines["devices"] = "[GPU-bbbb2222]" }, func(s *checkSite) { s.lines["devices"] = "[cpu]" }},
		{"two instances", "cards", "nothing beside it", "a daemon for each", exitWrong,
			func(s *checkSite) { s.cards(); s.lines["devices"] = "[MIG-c, MIG-d]" }, func(s *checkSite) { s.lines["devices"] = "[cpu]" }},
		{"no CUDA for a card", "device GPU-a", "", "CUDA build", exitWrong,
			func(s *checkSite) { s.cards(); s.lines["devices"] = "[GPU-a]" }, func(s *checkSite) { s.lines["devices"] = "[cpu]" }},
		{"no GPU", "device cuda:7", "", "", exitWrong,
			func(s *checkSite) { s.lines["devices"] = "[cuda:7]" }, func(s *checkSite) { s.lines["devices"] = "[cpu]" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCheckSite(t)
			c.harm(s)
			list, code := s.check()
			found := c.code == exitDone
			for _, f := range list {
				found = found || f.Level != check.OK && f.Check == c.check && strings.Contains(f.Text, c.text) && strings.Contains(f.Hint, c.hint)
			}
			if code != c.code || !found {
				t.Errorf("exit status %d, found %+v\nwant %d, %s: %s (hint: %s)", code, list, c.code, c.check, c.text, c.hint)
			}
			for _, f := range list {
				if f.Level != check.OK && f.Hint == "" {
					t.Errorf("no hint: %s", f)
				}
			}
			if c.mend == nil {
				return
			}
			c.mend(s)
			if list, code := s.check(); code != exitDone {
				t.Errorf("after the hint was followed: %+v", list)
			}
		})
	}
}

// cards gives the site a driver that shows two cards, and no CUDA for them.
func (s *checkSite) cards() {
	s.t.Helper()
	s.t.Setenv("CUDA_VISIBLE_DEVICES", "0,1") // restored after the test
	file := filepath.Join(s.dir, "libml.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", file, "../../pipeline/onnx/nvml/testdata/driver.c").CombinedOutput(); err != nil {
		s.t.Fatalf("gcc: %v\n%s", err, out)
	}
	s.lines["nvml_library"] = file
}

// TestCheckCard: a card's line names it and says how it does.
func TestCheckCard(t *testing.T) {
	s := newCheckSite(t)
	s.cards()
	s.lines["devices"] = `["1"]`
	t.Setenv("CUDA_VISIBLE_DEVICES", "1,0")
	list, _ := s.check()
	found := map[string]string{}
	for _, f := range list {
		found[f.Check] = f.Text
	}
	for what, want := range map[string]string{
		"cards":  "driver 550.54.15, up to CUDA 12.4, 2 cards; devices: 1",
		"card 1": "GPU-aaaa1111-0000-0000-0000-000000000000 (Test Card 24GB, 24.0 GB), 41 degrees Celsius, 6.0 GB free, the models need about 0.6 GB",
	} {
		if found[what] != want {
			t.Errorf("%s: %q, want %q", what, found[what], want)
		}
	}
}

// append writes to the end of a file of the bundle.
func (s *checkSite) append(name, text string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.bundle, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// copy puts one file of the bundle in the place of another.
func (s *checkSite) copy(from, to string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.bundle, from))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.bundle, to), data, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// restore writes the bundle again.
func (s *checkSite) restore() {
	s.t.Helper()
	if _, err := models.Builtin(filepath.Join(s.dir, "models")); err != nil {
		s.t.Fatal(err)
	}
}

func TestCheckMemory(t *testing.T) {
	dir := t.TempDir()
	meminfo := filepath.Join(dir, "meminfo")
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"MemFree: 1 kB\nMemAvailable:    2048 kB\n": 1, "MemAvailable: 9999999 kB\n": 0, "": 0} {
		if err := os.WriteFile(meminfo, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := &check.Report{}
		if checkMemory(r, filepath.Join(dir, "."), meminfo); len(r.Findings) != want {
			t.Errorf("%q: %v", text, r.Findings)
		}
	}
}

func TestCheckUsage(t *testing.T) {
	for _, args := range [][]string{{"check", "x"}, {"check", "-o", "xml"}} {
		if code := run(context.Background(), console{&bytes.Buffer{}, &bytes.Buffer{}}, args); code != exitUsage {
			t.Errorf("%v: exit status %d", args, code)
		}
	}
}
