package spool

import (
	"path/filepath"
	"testing"
)

func TestRecordRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "spool")
	s := open(t, root, t.TempDir())
	for _, dir := range []string{"/mnt/a", "/mnt/with a space"} {
		for _, id := range []string{"0123456789abcdef", "another"} { // the first one counts
			if got, err := s.RecordRoot(dir, id); err != nil || got != "0123456789abcdef" {
				t.Errorf("RecordRoot(%s, %s) = %s, %v", dir, id, got, err)
			}
		}
	}
	if got, err := s.RecordRoot("/mnt/two\nlines", "x"); err != nil || got != "x" {
		t.Errorf("RecordRoot of a path that no line holds = %s, %v", got, err)
	}
	other := open(t, root, t.TempDir()) // FORMAT is as good as before
	if ids, err := other.Roots(); err != nil || len(ids) != 2 || ids["/mnt/with a space"] != "0123456789abcdef" {
		t.Errorf("Roots = %v, %v", ids, err)
	}
	if other.ID() != s.ID() || other.Lease() != s.Lease() {
		t.Error("FORMAT changed in its other lines")
	}
}

// A job that this host could not go on with is left for others; a claim that
// nobody has accepted needs nothing yet.
func TestTakeOverWhatCanBeContinued(t *testing.T) {
	s := newSpool(t)
	const dead = "h_zzzzzzzz_00000000_000000001_aaaa"
	death(t, s, true, "260101T000000-aaaaaa.e0002.a0c0."+dead+".yaml")
	death(t, s, false, "260101T000001-bbbbbb.e0001.a0c0."+dead+".yaml")
	i, err := ParseInstance(dead)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.TakeOver([]Instance{i}, func(string) bool { return false })
	if err != nil || len(r.Jobs) != 0 || len(r.Claims) != 1 || len(r.Unknown) != 1 {
		t.Errorf("TakeOver without the roots = %+v, %v", r, err)
	}
	if r, err = s.TakeOver([]Instance{i}, anyJob); err != nil || len(r.Jobs) != 1 {
		t.Errorf("TakeOver with the roots = %+v, %v", r, err)
	}
}
