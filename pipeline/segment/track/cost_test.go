package track

import "testing"

// TestMemoryIsBounded runs 2,000 frames in which things come and go.
func TestMemoryIsBounded(t *testing.T) {
	s := newScript()
	config := DefaultConfig()
	config.Thresholds.MaxEmpty = 50
	config.MaxConditioningPointers = 20
	tr := s.open(t, config).Track(Options{})
	made := 0
	for i := range 2000 {
		b := box{2 + i/25%200, i % 12, 4 * (i / 25 % 3), 4, 4}
		if _, err := tr.Next(t.Context(), labels(left, b), []Detection{detect(.9, left), detect(.9, b)}); err != nil {
			t.Fatal(err)
		}
		if n := tr.masks.made + tr.memories.made + tr.pointers.made; i == 600 {
			made = n
		} else if i > 600 && n > made+made/10 {
			t.Fatalf("frame %d: %d arrays, after 600 frames there were %d", i, n, made)
		}
		if len(tr.objects) > 6 {
			t.Fatalf("frame %d: %d objects are followed", i, len(tr.objects))
		}
	}
	for _, o := range tr.objects {
		if len(o.bank.recent) > 15 || len(o.bank.conditioning) > config.MaxConditioningPointers || len(o.life.shares) > 0 {
			t.Errorf("object %d holds %d recent and %d conditioning entries, %d shares", o.id, len(o.bank.recent), len(o.bank.conditioning), len(o.life.shares))
		}
	}
}

// TestCostIsThatOfObjects counts runs: one step for each object and frame, one
// batch of memories for each frame.
func TestCostIsThatOfObjects(t *testing.T) {
	for _, c := range []struct {
		things              []box
		steps, memory, init int
	}{{nil, 0, 0, 0}, {[]box{left}, 29, 29, 1}, {[]box{left, right}, 58, 29, 1}, {[]box{left, right, middle}, 87, 29, 1}} {
		s := newScript()
		play(t, s.open(t, DefaultConfig()).Track(Options{}), 30, always(c.things...))
		if s.step.runs != c.steps || s.memory.runs != c.memory || s.init.runs != c.init {
			t.Errorf("%d things: %d steps, %d and %d batches; want %d, %d and %d", len(c.things),
				s.step.runs, s.memory.runs, s.init.runs, c.steps, c.memory, c.init)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	tr := newScript().open(b, DefaultConfig()).Track(Options{})
	features, found := labels(left, right, middle), []Detection{detect(.9, left), detect(.9, right), detect(.9, middle)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Next(b.Context(), features, found); err != nil {
			b.Fatal(err)
		}
	}
}
