package segment

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// thing is a disc that a script moves.
type thing struct {
	x, y, r float64
	score   float32
}

func see(things ...thing) []Detection {
	var found []Detection
	for _, t := range things {
		found = append(found, Detection{
			Score: t.score, Logits: disc(t.x, t.y, t.r),
			Box: [4]float32{float32(t.x - t.r), float32(t.y - t.r), float32(t.x + t.r), float32(t.y + t.r)},
		})
	}
	return found
}

func ids(objects []Object) []int {
	list := make([]int, len(objects))
	for i, o := range objects {
		list[i] = o.ID
	}
	return list
}

func TestLinkNothingMoves(t *testing.T) {
	var l Linker
	for i := range 50 {
		if got := ids(l.Link(see(thing{x: 6, y: 6, r: 4}, thing{x: 16, y: 16, r: 5}))); !slices.Equal(got, []int{0, 1}) {
			t.Fatalf("frame %d: ids %v", i, got)
		}
	}
	if l.Count() != 2 {
		t.Errorf("%d objects, want 2", l.Count())
	}
}

func TestLinkAppearAndLeave(t *testing.T) {
	var l Linker
	a, b := thing{x: 5, y: 5, r: 3}, thing{x: 18, y: 18, r: 3}
	for i, c := range []struct {
		found []Detection
		want  []int
	}{
		{see(), nil},
		{see(a), []int{0}},
		{see(b, a), []int{1, 0}}, // appears, and the order is the queries'
		{see(b), []int{1}},       // a leaves
		{see(a, b), []int{0, 1}}, // and is back before patience ends
	} {
		if got := ids(l.Link(c.found)); !slices.Equal(got, c.want) {
			t.Errorf("frame %d: ids %v, want %v", i, got, c.want)
		}
	}
	for range patience {
		l.Link(see(b))
	}
	if got := ids(l.Link(see(a, b))); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("after %d missed frames: ids %v", patience, got)
	}
	for range patience + 1 {
		l.Link(see(b))
	}
	if got := ids(l.Link(see(a, b))); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("after %d missed frames: ids %v", patience+1, got)
	}
}

func TestLinkSplit(t *testing.T) {
	var l Linker
	l.Link(see(thing{x: 12, y: 12, r: 8}))
	// The larger part goes on; the other is new.
	if got := ids(l.Link(see(thing{x: 6, y: 12, r: 3}, thing{x: 14, y: 12, r: 5}))); !slices.Equal(got, []int{1, 0}) {
		t.Errorf("ids %v, want 1, 0", got)
	}
}

// TestLinkTie has two parts that overlap the object equally: the better one is
// the object, in either order.
func TestLinkTie(t *testing.T) {
	left, right := thing{x: 9, y: 12, r: 4, score: 0.6}, thing{x: 15, y: 12, r: 4, score: 0.9}
	for _, c := range []struct {
		found []Detection
		want  []int
	}{{see(left, right), []int{1, 0}}, {see(right, left), []int{0, 1}}} {
		var l Linker
		l.Link(see(thing{x: 12, y: 12, r: 4}))
		if got := ids(l.Link(c.found)); !slices.Equal(got, c.want) {
			t.Errorf("ids %v, want %v", got, c.want)
		}
	}
}

// TestLinkCross lets two discs pass through each other. While they overlap the
// detector sees one of them, or neither.
func TestLinkCross(t *testing.T) {
	for _, hidden := range []int{0, 1, 2} {
		var l Linker
		for i := range 12 {
			step := 1.5 * float64(i)
			left, right := thing{x: 3 + step, y: 12, r: 3}, thing{x: 20 - step, y: 12, r: 3}
			apart := left.x - right.x
			if near := apart > -4 && apart < 4; near && hidden > 0 {
				l.Link(see([]thing{left, right}[:2-hidden]...))
				continue
			}
			if got := ids(l.Link(see(left, right))); !slices.Equal(got, []int{0, 1}) {
				t.Errorf("%d hidden, frame %d: ids %v, want 0, 1", hidden, i, got)
			}
		}
	}
}

// TestLinkStops is the case that motion gets wrong: an object that stood still
// while it was missed.
func TestLinkStops(t *testing.T) {
	var l Linker
	for i := range 4 {
		l.Link(see(thing{x: 4 + 2*float64(i), y: 12, r: 3}))
	}
	for range 4 {
		l.Link(nil)
	}
	if got := ids(l.Link(see(thing{x: 10, y: 12, r: 3}))); !slices.Equal(got, []int{0}) {
		t.Errorf("ids %v, want 0", got)
	}
}

func TestLinkReset(t *testing.T) {
	var l Linker
	a := thing{x: 12, y: 12, r: 5}
	l.Link(see(a))
	l.Reset()
	if got := ids(l.Link(see(a))); !slices.Equal(got, []int{1}) || l.Count() != 2 {
		t.Errorf("after a cut: ids %v, count %d; want 1 and 2", got, l.Count())
	}
}

// TestLinkAnyOrder plays random scenes twice, the second time with each frame's
// detections shuffled: the same things must be linked, whatever they are called.
func TestLinkAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for scene := range 40 {
		things := make([]thing, 1+random.IntN(4))
		dx, dy := make([]float64, len(things)), make([]float64, len(things))
		for i := range things {
			things[i] = thing{x: 24 * random.Float64(), y: 24 * random.Float64(), r: 2 + 4*random.Float64(), score: random.Float32()}
			dx[i], dy[i] = 2*random.NormFloat64(), 2*random.NormFloat64()
		}
		var plain, shuffled Linker
		names := make(map[int]int) // of plain's ids in shuffled
		for f := range 30 {
			var now []thing
			for i := range things {
				things[i].x, things[i].y = things[i].x+dx[i], things[i].y+dy[i]
				if random.IntN(5) > 0 {
					now = append(now, things[i])
				}
			}
			order := random.Perm(len(now))
			mixed := make([]thing, len(now))
			for i, j := range order {
				mixed[i] = now[j]
			}
			// An empty mask cannot be linked: the detector drops it.
			keep := func(found []Detection) []Detection { return new(cleaner).clean(found, 0) }
			a, b := plain.Link(keep(see(now...))), shuffled.Link(keep(see(mixed...)))
			if len(a) != len(b) {
				t.Fatal("lost a detection")
			}
			for _, o := range a {
				k := slices.IndexFunc(b, func(p Object) bool { return p.Box == o.Box })
				if name, known := names[o.ID]; known && name != b[k].ID {
					t.Fatalf("scene %d, frame %d: object %d is %d, was %d", scene, f, o.ID, b[k].ID, name)
				}
				names[o.ID] = b[k].ID
			}
		}
		if plain.Count() != shuffled.Count() {
			t.Fatalf("scene %d: %d and %d objects", scene, plain.Count(), shuffled.Count())
		}
	}
}

func TestLinkAllocatesNothing(t *testing.T) {
	var l Linker
	found := see(thing{x: 6, y: 6, r: 4}, thing{x: 16, y: 16, r: 5})
	if n := testing.AllocsPerRun(100, func() { l.Link(found) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
