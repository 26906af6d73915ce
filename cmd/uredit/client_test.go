package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Where the spool is: what is nearer to the user wins.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	write := func(name, root string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("root: "+root+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	own, system := write("own.yaml", "/own"), write("uredit.yaml", "/system")
	for _, c := range []struct {
		flag, config, want string
		env                map[string]string
	}{
		{"/flag", system, "/flag", map[string]string{"UREDIT_SPOOL": "/spool", "UREDIT_CONFIG": own}},
		{"", system, "/spool", map[string]string{"UREDIT_SPOOL": "/spool", "UREDIT_CONFIG": own}},
		{"", system, "/own", map[string]string{"UREDIT_CONFIG": own}},
		{"", system, "/system", nil},
		{"", filepath.Join(dir, "none"), defaultSpool, nil},
		{"", "", defaultSpool, nil},
	} {
		cl := &client{spoolDir: c.flag, stdio: stdio{dir: dir, config: c.config, getenv: func(name string) string { return c.env[name] }}}
		if got, err := cl.root(); err != nil || got != c.want {
			t.Errorf("flag %q, %v, %s: %q (%v), want %q", c.flag, c.env, c.config, got, err, c.want)
		}
	}
}
