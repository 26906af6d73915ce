package spool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// otherHost opens the spool as another host that has the same clock.
func otherHost(t *testing.T, s *Spool, clock func() time.Duration) *Spool {
	t.Helper()
	o := open(t, s.path, t.TempDir())
	o.live.clock = clock
	return o
}

// strange returns an instance that another host could have.
func strange(host string) Instance {
	return Instance{Host: host, HostID: "aaaaaaaa", BootID: "deadbeef", Started: "000000001", Random: "aaaa"}
}

// TestLease: an instance is dead after a lease of silence that the observer saw
// without a gap, and never otherwise.
func TestLease(t *testing.T) {
	const lease = 180 * time.Second
	a := strange("a")
	type round struct {
		at   time.Duration // seconds
		line string
	}
	every := func(from, to int, line string) (rounds []round) {
		for at := from; at <= to; at += 10 {
			rounds = append(rounds, round{time.Duration(at), line})
		}
		return rounds
	}
	tests := []struct {
		name   string
		rounds []round
		dead   time.Duration // of the first round that finds it dead, 0 for none
	}{
		{"silent from the first look", every(10, 400, "1"), 190},
		{"no heartbeat at all", every(10, 400, ""), 190},
		{"beats until 100", slices.Concat(every(10, 90, "1"), every(100, 400, "2")), 280},
		{"silent for almost a lease, again and again", slices.Concat(every(10, 180, "1"), every(190, 360, "2"), every(370, 540, "3")), 0},
		{"the observer was away: everything anew", slices.Concat(every(10, 180, "1"), every(240, 410, "1")), 0},
		{"and then a whole lease", slices.Concat(every(10, 180, "1"), every(240, 500, "1")), 420},
		{"two missed rounds are no gap", slices.Concat(every(10, 100, "1"), every(130, 300, "1")), 190},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newObserver(lease)
			var first time.Duration
			for _, r := range tt.rounds {
				at := r.at * time.Second
				if dead := o.judge(at, at, map[Instance]string{a: r.line}); len(dead) > 0 && first == 0 {
					first = r.at
				}
			}
			if first != tt.dead {
				t.Errorf("dead at %d s, want %d", first, tt.dead)
			}
		})
	}
}

// TestLeaseOfSlowRound: what is unchanged counts from when it was read to when
// the deciding round began, not ended.
func TestLeaseOfSlowRound(t *testing.T) {
	o := newObserver(180 * time.Second)
	line := map[Instance]string{strange("a"): "1"}
	for _, r := range []struct{ began, ended time.Duration }{{1, 25}, {26, 50}, {51, 75}, {76, 100}, {101, 125}, {126, 150}, {151, 175}, {176, 205}, {200, 230}} {
		if dead := o.judge(r.began*time.Second, r.ended*time.Second, line); len(dead) > 0 {
			t.Errorf("dead in the round of %d s to %d s: read first at 25 s", r.began, r.ended)
		}
	}
}

// rounds lets time pass in steps of a heartbeat and returns what the last round
// found dead.
func rounds(t *testing.T, clock *time.Duration, s *Spool, d time.Duration) []Instance {
	t.Helper()
	var dead []Instance
	for end := *clock + d; *clock < end; *clock += s.BeatInterval() {
		var err error
		if dead, err = s.Round("run"); err != nil {
			t.Fatal(err)
		}
	}
	return dead
}

// TestTakeOver: the job of a silent host goes to one of the others, once, and
// what a living host holds stays.
func anyJob(string) bool { return true }

func TestTakeOver(t *testing.T) {
	clock := time.Hour
	now := func() time.Duration { return clock }
	a := newSpool(t)
	a.live.clock = now
	b, c := otherHost(t, a, now), otherHost(t, a, now)
	rounds(t, &clock, a, a.BeatInterval())

	run := claimed(t, a, "run.yaml", "r")
	q, err := a.Enqueue(run, []byte("r"), 4)
	if err != nil {
		t.Fatal(err)
	}
	if run, err = a.Take(q); err != nil {
		t.Fatal(err)
	}
	look := claimed(t, a, "look.yaml", "r")
	committed := claimed(t, a, "committed.yaml", "r")
	if _, err = a.Enqueue(committed, []byte("r"), 4); err != nil {
		t.Fatal(err)
	}
	queue, _ := a.Queue()
	if committed, err = a.Take(queue[0]); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(committed); err != nil {
		t.Fatal(err)
	}

	if dead := rounds(t, &clock, b, b.Lease()/2); len(dead) > 0 {
		t.Fatalf("dead after half a lease: %v", dead)
	}
	dead := rounds(t, &clock, b, b.Lease())
	if !slices.Equal(dead, []Instance{a.instance}) {
		t.Fatalf("dead: %v, want %v alone", dead, a.instance)
	}
	if !a.Fenced() || b.Fenced() {
		t.Errorf("a fenced: %v, b fenced: %v, want a alone", a.Fenced(), b.Fenced())
	}
	r, err := b.TakeOver(dead, anyJob)
	if err != nil || len(r.Jobs) != 1 || len(r.Claims) != 1 || len(r.Committed) != 1 {
		t.Fatalf("TakeOver = %+v, %v, want one of each", r, err)
	}
	if j := r.Jobs[0]; j.Job != run.Job || j.Epoch != run.Epoch+1 || !j.Suspect {
		t.Errorf("took %s of %s", j.ActiveName, run.ActiveName)
	}
	if r.Claims[0].Job != look.Job || r.Committed[0].Job != committed.Job || !r.Committed[0].ActiveName.Committed {
		t.Errorf("took %s and %s", r.Claims[0].ActiveName, r.Committed[0].ActiveName)
	}
	if r, err := c.TakeOver(dead, anyJob); err != nil || len(r.Jobs)+len(r.Claims)+len(r.Committed) > 0 {
		t.Errorf("a third host took %+v, %v as well", r, err)
	}
	// The one that was thought dead learns it, and cannot record anything.
	for _, old := range []*Claim{run, look, committed} {
		if held, err := a.Holds(old); err != nil || held {
			t.Errorf("Holds(%s) = %v, %v", old.ActiveName, held, err)
		}
		if err := a.Done(old); err == nil || !strings.Contains(err.Error(), ErrLost.Error()) {
			t.Errorf("Done(%s) = %v, want ErrLost", old.ActiveName, err)
		}
		if err := a.Fail(old, Reason{JSON: []byte("{}")}); err == nil || !strings.Contains(err.Error(), ErrLost.Error()) {
			t.Errorf("Fail(%s) = %v, want ErrLost", old.ActiveName, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(a.path, FailedDir)); err != nil || len(entries) > 0 {
		t.Errorf("%d reasons of a job that was lost, %v", len(entries), err)
	}
}

// TestHeartbeatComesBack: a heartbeat that somebody removed is made again, and a
// missing one counts as silence only.
func TestHeartbeatComesBack(t *testing.T) {
	s := newSpool(t)
	file := filepath.Join(s.path, beatFile(s.instance))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Round("run"); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || len(data) != heartbeatBytes {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestDeadHeartbeatGoes: what nobody will write again is removed after a week.
func TestDeadHeartbeatGoes(t *testing.T) {
	clock := time.Hour
	s := newSpool(t)
	s.live.clock = func() time.Duration { return clock }
	file := filepath.Join(s.path, beatFile(strange("gone")))
	vitals := filepath.Join(s.path, vitalsFile(strange("gone")))
	for _, name := range []string{file, vitals} {
		if err := os.WriteFile(name, []byte("UHB1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.live.observer.lease = keepDeadHeartbeat // rounds a day apart are no gap then
	for day := range 10 {
		if _, err := s.Round("run"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); (err == nil) != (day <= 7) {
			t.Errorf("after %d days: %v", day, err)
		}
		if _, err := os.Stat(vitals); (err == nil) != (day <= 7) {
			t.Errorf("after %d days, the vitals: %v", day, err)
		}
		clock += 24 * time.Hour
	}
}

// TestLeaseOfFormat: all hosts of a spool have the lease that its FORMAT says.
func TestLeaseOfFormat(t *testing.T) {
	s := newSpool(t)
	if s.Lease() != DefaultLease {
		t.Errorf("a new spool has a lease of %v", s.Lease())
	}
	f := s.format
	f.Lease = 90 * time.Second
	got, err := ParseFormat(f.Bytes())
	if err != nil || got != f {
		t.Errorf("ParseFormat(%q) = %+v, %v", f.Bytes(), got, err)
	}
	old := []byte(strings.ReplaceAll(string(f.Bytes()), "lease 1m30s\n", ""))
	if got, err := ParseFormat(old); err != nil || got.Lease != DefaultLease {
		t.Errorf("without the line: %v, %v", got.Lease, err)
	}
	for _, bad := range []string{"lease 10ms\n", "lease -1s\n", "lease soon\n"} {
		if _, err := ParseFormat(append(old, bad...)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestAdopt: a job that this process holds without knowing is taken up with a
// new epoch.
func TestAdopt(t *testing.T) {
	s := newSpool(t)
	c := claimed(t, s, "a.yaml", "r")
	held, err := s.Held()
	if err != nil || len(held) != 1 || held[0].Job != c.Job {
		t.Fatalf("Held = %v, %v", held, err)
	}
	if ok, err := s.Accepted(c.Job); err != nil || ok {
		t.Errorf("Accepted = %v, %v", ok, err)
	}
	again, err := s.Adopt(held[0])
	if err != nil || again.Epoch != c.Epoch+1 {
		t.Fatalf("Adopt = %v, %v", again, err)
	}
	if held, err := s.Holds(c); err != nil || held {
		t.Errorf("the old claim: %v, %v", held, err)
	}
}
