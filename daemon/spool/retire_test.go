package spool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Old records go, young ones and everything that is not a record stay.
func TestRetire(t *testing.T) {
	root := t.TempDir()
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	old, young := now.AddDate(0, 0, -40), now.AddDate(0, 0, -3)
	write := func(at time.Time, name string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{file, filepath.Dir(file)} {
			if err := os.Chtimes(p, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	job := func(at time.Time, rest string) string { return at.Format(stampLayout) + "-abc123" + rest }
	oldDay, youngDay := "done/"+old.Format(time.DateOnly), "done/"+young.Format(time.DateOnly)
	gone := []string{
		oldDay + "/" + job(old, ".e0001.yaml"),
		"failed/" + job(old, "") + "/request.yaml", "failed/" + job(old, "") + "/reason.json", "failed/" + job(old, "") + "/reason.txt",
		"rejected/" + job(old, "-a name") + "/request.json",
	}
	stay := []string{
		"FORMAT", youngDay + "/" + job(young, ".e0001.yaml"), oldDay + "/notes.txt", "done/old/x", "done/README",
		"failed/" + job(young, "") + "/request.yaml", "failed/mine/request.yaml",
		"rejected/" + job(old, "-with more") + "/request.yaml", "rejected/" + job(old, "-with more") + "/holiday.mp4",
		"spool/queue/" + job(old, ".yaml"), "spool/requests/" + job(old, ".yaml"), "inbox/old.yaml", "results/" + job(old, "") + "/request.yaml",
	}
	for i, name := range append(slices.Clone(gone), stay...) {
		at := old
		if i >= len(gone) && (name == stay[1] || name == stay[5]) {
			at = young
		}
		write(at, name)
	}
	// A link is not followed, wherever it leads.
	if err := os.Symlink(filepath.Join(root, "results", job(old, "")), filepath.Join(root, "failed", old.Format(stampLayout)+"-linked")); err != nil {
		t.Fatal(err)
	}
	before := now.AddDate(0, 0, -30)
	want := []string{oldDay + "/" + job(old, ".e0001.yaml"), "failed/" + job(old, ""), "rejected/" + job(old, "-a name")}
	for _, dry := range []bool{true, false} {
		got, err := Retire(root, before, dry)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("dry %v: removed %q (%v), want %q", dry, got, err, want)
		}
		for _, name := range gone {
			if _, err := os.Stat(filepath.Join(root, name)); os.IsNotExist(err) == dry {
				t.Errorf("dry %v: %s: %v", dry, name, err)
			}
		}
	}
	for _, name := range stay {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("it removed %v", err)
		}
	}
	if got, err := Retire(root, before, false); err != nil || len(got) > 0 {
		t.Errorf("a second time: %q, %v", got, err)
	}
	if _, err := Retire(t.TempDir(), before, false); err == nil {
		t.Error("what is no spool was accepted")
	}
}
