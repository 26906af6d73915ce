package daemon

import (
	"errors"
	"os"
	"testing"

	"uredit/daemon/spool"
)

// Who lost a job to another host leaves nothing in its output directory.
func TestFencedOfALostClaim(t *testing.T) {
	s := newSite(t)
	d := decided(t, s)
	w, _, ok, err := d.source.Take(t.Context(), true)
	if !ok || err != nil {
		t.Fatalf("took %+v, %v", w, err)
	}
	if err := d.recordDone(w); err != nil { // as another host did
		t.Fatal(err)
	}
	before := tree(t, s.out("out"))
	out, err := d.roots.OpenDir(s.out("out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	err = d.fenced(out, w.claim, func(string) error {
		t.Error("a lost claim wrote")
		return nil
	})
	if !errors.Is(err, spool.ErrLost) {
		t.Errorf("fenced = %v", err)
	}
	if after := tree(t, s.out("out")); len(after) != len(before) {
		t.Errorf("before there was %q, now %q", before, after)
	}
	if _, err := os.Lstat(s.path("data", "out", spool.WorkDir)); err == nil {
		t.Error("the work directory is left")
	}
}

// Who examines a request that another host took over, and whose job is over by
// then, leaves no reservation.
func TestAcceptOfAJobThatIsOver(t *testing.T) {
	s := newSite(t)
	d := decided(t, s)
	w, _, ok, err := d.source.Take(t.Context(), true)
	if !ok || err != nil {
		t.Fatalf("took %+v, %v", w, err)
	}
	if err := d.recordDone(w); err != nil { // as another host did
		t.Fatal(err)
	}
	if err := d.accept(w.claim, &w.request); !errors.Is(err, spool.ErrLost) {
		t.Errorf("accept = %v", err)
	}
	if left, err := os.ReadDir(s.path("spool", spool.IDsDir)); err != nil || len(left) != 0 {
		t.Errorf("reserved for ever: %v, %v", left, err)
	}
	if _, err := os.Lstat(s.path("data", "out", spool.WorkDir)); err == nil {
		t.Error("the work directory is left")
	}
}
