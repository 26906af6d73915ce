package daemon

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/spool"
)

// One look claims for a limited time: between two, markers are obeyed and jobs
// begin, however many requests lie in the inbox.
func TestALookIsBounded(t *testing.T) {
	s := newSite(t)
	d := s.idle(t)
	d.lookFor = 0
	for _, id := range []string{"a", "b", "c"} {
		s.drop(t, id+".yaml", s.request(id, id, "blue"))
	}
	again, err := d.look()
	if err != nil || again > time.Second {
		t.Fatalf("looks again in %v, %v", again, err)
	}
	if queue, err := d.spool.Queue(); err != nil || len(queue) != 1 {
		t.Fatalf("after one look the queue holds %v, %v", queue, err)
	}
	mark(t, s, "c.cancel")
	for range 3 {
		if _, err := d.look(); err != nil {
			t.Fatal(err)
		}
	}
	if queue, err := d.spool.Queue(); err != nil || len(queue) != 2 {
		t.Errorf("the queue holds %v, %v; one of three is cancelled", queue, err)
	}
	if left := tree(t, s.path("spool", "inbox")); len(left) > 0 {
		t.Errorf("the inbox holds %q", left)
	}
}

// One look obeys for a limited time, and what is left in the next.
func TestObeyingIsBounded(t *testing.T) {
	s := newSite(t)
	d := s.idle(t)
	d.lookFor = 0
	for _, name := range []string{"a.cancel", "b.cancel", "PAUSE"} {
		mark(t, s, name)
	}
	for left := 3; left > 1; left-- {
		if got := len(tree(t, s.path("spool", spool.ControlDir))); got != left {
			t.Fatalf("%d markers are left, want %d", got, left)
		}
		paused, more := d.obey()
		if !paused || more != (left == 3) {
			t.Errorf("paused %v, more %v", paused, more)
		}
	}
}

// Markers that stay do not keep the others from being obeyed.
func TestObeyingGoesOn(t *testing.T) {
	s := newSite(t)
	d := s.idle(t)
	d.lookFor = 0
	d.obeyed = "b.cancel"
	for _, name := range []string{"a.cancel", "b.cancel", "c.cancel"} {
		mark(t, s, name)
	}
	d.obey()
	if left := tree(t, s.path("spool", spool.ControlDir)); !slices.Equal(left, []string{"a.cancel", "b.cancel"}) {
		t.Errorf("markers left: %q", left)
	}
}

// A host claims nothing more while it can decide about nothing.
func TestUndecidedAreBounded(t *testing.T) {
	s := newSite(t)
	d := s.idle(t)
	d.claims = make([]*spool.Claim, maxUndecided)
	s.drop(t, "a.yaml", s.request("a", "a", "blue"))
	if _, err := d.claim(); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, s.path("spool", "inbox")); len(left) != 1 {
		t.Errorf("the inbox holds %q", left)
	}
}

// Who drops one request is not behind the many of another.
func TestInTurn(t *testing.T) {
	var entries []spool.Entry
	for i, uid := range []int{1, 1, 1, 2, 1, 3} {
		entries = append(entries, spool.Entry{Name: string(rune('a' + i)), UID: uid})
	}
	var order []string
	for _, e := range inTurn(entries) {
		order = append(order, e.Name)
	}
	if got := strings.Join(order, ""); got != "adfbce" {
		t.Errorf("order %s", got)
	}
}

// A device takes job after job without listing the queue, and misses none that
// arrives.
func TestTakeListsWhatChanged(t *testing.T) {
	s := newSite(t)
	d := s.idle(t)
	dir := s.path("spool", spool.QueueDir)
	unseen := func(change func()) { // as if within the same tick of the clock
		t.Helper()
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		change()
		if err := os.Chtimes(dir, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	take := func() *work {
		t.Helper()
		w, _, ok, err := d.source.Take(t.Context(), true)
		if !ok || err != nil {
			t.Fatalf("took nothing: %v", err)
		}
		return w
	}
	s.fill(t, 3)
	if _, _, err := d.source.look(); err != nil {
		t.Fatal(err)
	}
	first := take()
	var urgent string
	unseen(func() { urgent = s.enqueue(t, 0) })
	second := take()
	if second.claim.Job == urgent {
		t.Error("the queue was listed after an own take")
	}
	s.enqueue(t, 9)
	if third := take(); third.claim.Job != urgent {
		t.Error("another process's job is not seen")
	}
	unseen(func() {
		if _, err := d.spool.Requeue(first.claim, 0, spool.Unmarked); err != nil {
			t.Fatal(err)
		}
	})
	if back := take(); back.claim.Job != first.claim.Job {
		t.Error("an own job that came back is not seen")
	}
	unseen(func() { urgent = s.enqueue(t, 0) })
	if queued, _, err := d.source.look(); queued != 3 || err != nil {
		t.Errorf("%d jobs wait, %v", queued, err)
	}
	if last := take(); last.claim.Job != urgent {
		t.Error("a look does not list the queue")
	}
}
