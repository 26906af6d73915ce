// Package systemd holds what a host gets beside the programs: units, users,
// directories, the package. This test keeps the units right.
package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// settings returns the lines of a unit that are not comments, under each
// section.
func settings(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}

// TestTemplate: uredit@NAME is uredit with names of its own.
func TestTemplate(t *testing.T) {
	want := strings.Join(settings(t, "uredit.service"), "\n")
	for _, r := range [][2]string{
		{"text (uredit)", "text (uredit, spool %i)"},
		{"RequiresMountsFor=/var/spool/uredit\n", ""},
		{"/etc/uredit/uredit.yaml", "/etc/uredit/%i.yaml"},
		{"/etc/default/uredit", "/etc/default/uredit-%i"},
		{"HOME=/var/lib/uredit", "HOME=/var/lib/uredit-%i"},
		{"StateDirectory=uredit", "StateDirectory=uredit-%i"},
		{"RuntimeDirectory=uredit", "RuntimeDirectory=uredit-%i"},
		{"LogsDirectory=uredit", "LogsDirectory=uredit-%i"},
		{"-/var/spool/uredit ", "-/var/spool "},
	} {
		if !strings.Contains(want, r[0]) {
			t.Errorf("uredit.service has no %q", r[0])
		}
		want = strings.Replace(want, r[0], r[1], 1)
	}
	if got := strings.Join(settings(t, "uredit@.service"), "\n"); got != want {
		t.Errorf("uredit@.service is\n%s\n\nwant\n%s", got, want)
	}
}

// staged puts a unit, and a drop-in's lines at its end, into a directory of its
// own, with a program that is there and without man pages, which need not be.
func staged(t *testing.T, unit, dropIn string) string {
	t.Helper()
	lines := settings(t, unit)
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Documentation=") })
	if dropIn != "" {
		lines = append(lines, settings(t, dropIn)...)
	}
	text := regexp.MustCompile("=/usr/bin/uredit[d ]").ReplaceAllString(strings.Join(lines, "\n")+"\n", "=/bin/true ")
	name := filepath.Join(t.TempDir(), strings.Replace(unit, "@", "@two", 1))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAnalyze: systemd finds nothing wrong, and little that is exposed.
func TestAnalyze(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze here")
	}
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, c := range []struct {
		unit, dropIn string
		most         float64
	}{
		{"uredit.service", "", 0.9}, {"uredit.service", "uredit-gpu.conf", 1.2}, {"uredit@.service", "", 0.9},
		{"uredit@.service", "uredit-gpu.conf", 1.2}, {"uredit-gc.service", "", 0.5},
	} {
		name := staged(t, c.unit, c.dropIn)
		out, err := exec.Command("systemd-analyze", "verify", name).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("verify %s %s: %v\n%s", c.unit, c.dropIn, err, out)
		}
		out, err = exec.Command("systemd-analyze", "security", "--offline=yes", name).CombinedOutput()
		m := level.FindSubmatch(out)
		if err != nil || m == nil {
			t.Errorf("security %s %s: %v\n%s", c.unit, c.dropIn, err, out)
			continue
		}
		if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || got > c.most {
			t.Errorf("%s %s: exposure %s, want at most %v", c.unit, c.dropIn, m[1], c.most)
		}
	}
}
