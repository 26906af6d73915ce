package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uredit/daemon/job"
)

// A pipe where the daemon expects a file or a directory of its own would be
// waited for, for ever, by everybody's daemon.
func TestPipesInOutputDir(t *testing.T) {
	for _, name := range []string{job.RecordName, job.StatusName, ".uredit"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			out := s.path("data", "trap")
			if err := os.MkdirAll(out, 0o775); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(filepath.Join(out, name), 0o666); err != nil {
				t.Fatal(err)
			}
			s.start(t, 1)
			s.drop(t, "trap.yaml", s.request("trap", "trap", "blue"))
			s.drop(t, "after.yaml", s.request("after", "after", "blue"))
			if st := s.finish(t, "after"); st.Status != job.Finished {
				t.Errorf("the next job ended as %+v", st)
			}
		})
	}
}

// A path that no file system takes is refused, not tried for ever.
func TestPathTooLong(t *testing.T) {
	s := newSite(t)
	s.start(t, 1)
	s.drop(t, "long.yaml", s.request("long", strings.Repeat("x", 300), "blue"))
	eventually(t, "the rejection", func() bool {
		found, err := filepath.Glob(s.path("spool", "rejected", "*-long", "reason.txt"))
		return err == nil && len(found) == 1
	})
}
