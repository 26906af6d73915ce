package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/daemon/config"
)

// What print writes is a file that says the same.
func TestConfigPrint(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "uredit.yaml")
	text := "root: /s\ndevices: [cuda:0, cpu]\nmodel_aliases: {/old: /new}\nadmins: [ada]\nlog: {level: debug, file: /l}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UREDIT_SETTLE", "90s")
	var out bytes.Buffer
	if code := run(context.Background(), console{&out, io.Discard}, []string{"config", "print", "--config", file, "--origin"}); code != exitDone {
		t.Fatalf("exit status %d", code)
	}
	for _, want := range []string{"# " + file + ":1\nroot: /s\n", "# UREDIT_SETTLE\nsettle: 1m30s\n", "# default\nmarkers: owner\n", "  # " + file + ":5\n  level: debug\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	printed := filepath.Join(dir, "printed.yaml")
	if err := os.WriteFile(printed, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := config.Load(printed)
	if err != nil {
		t.Fatal(err)
	}
	if live, restart := first.Changes(&second); len(live)+len(restart) > 0 {
		t.Errorf("printed and read again, %q %q differ:\n%s", live, restart, out.String())
	}
}

func TestConfigCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "uredit.yaml")
	if err := os.WriteFile(file, []byte("rot: /s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"config", "check"}, {"serve"}} {
		var out bytes.Buffer
		code := run(context.Background(), console{&out, &out}, append(command, "--config", file))
		if code != exitConfig || !strings.Contains(out.String(), file+":1: rot: no such key (hint: did you mean root?)") {
			t.Errorf("%v: exit status %d\n%s", command, code, out.String())
		}
	}
	for _, args := range [][]string{{"config"}, {"config", "show"}, {"config", "check", "x"}} {
		if code := run(context.Background(), console{io.Discard, io.Discard}, args); code != exitUsage {
			t.Errorf("%v: exit status %d", args, code)
		}
	}
}
