package track

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/frame"
)

// ids writes which objects each frame shows, runs of equal frames as one:
// "0 x3, 0 1 x2" is object 0 in three frames and both in two.
func ids(all []record) string {
	var parts []string
	last, n := "", 0
	flush := func() {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s x%d", last, n))
		}
	}
	for _, r := range all {
		s := strings.Trim(fmt.Sprint(slices.Sorted(maps.Keys(r))), "[]")
		if s != last {
			flush()
			last, n = s, 0
		}
		n++
	}
	flush()
	return strings.Join(parts, ", ")
}

func always(b ...box) scene {
	var found []Detection
	for _, b := range b {
		found = append(found, detect(.9, b))
	}
	return func(int) ([]box, []Detection) { return b, found }
}

var (
	left   = box{1, 1, 1, 4, 4}
	right  = box{2, 9, 9, 5, 5}
	middle = box{3, 6, 6, 4, 4}
)

func TestScenes(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames int
		change func(*Config)
		scene  scene
		want   string
	}{
		{"nothing", 20, nil, always(), " x20"},
		{"zero motion keeps one id", 60, nil, always(left), "0 x60"},
		{"shorter than the delay", 5, nil, always(left, right), "0 1 x5"},
		{"one frame", 1, nil, always(left), "0 x1"},
		{"one appears", 30, nil, func(t int) ([]box, []Detection) {
			if t < 7 {
				return always(left)(t)
			}
			return always(left, right)(t)
		}, "0 x7, 0 1 x23"},
		{"one leaves", 30, nil, func(t int) ([]box, []Detection) {
			if t >= 20 {
				return always(left)(t)
			}
			return always(left, right)(t)
		}, "0 1 x20, 0 x10"},
		{"one hides and returns", 60, nil, func(t int) ([]box, []Detection) {
			if t >= 20 && t < 40 {
				return always(left)(t)
			}
			return always(left, right)(t)
		}, "0 1 x20, 0 x20, 0 1 x20"},
		{"the detector is blind for a while", 60, nil, func(t int) ([]box, []Detection) {
			if t >= 20 && t < 40 {
				return []box{left}, nil
			}
			return always(left)(t)
		}, "0 x60"},
		{"a ghost was never there", 40, nil, func(t int) ([]box, []Detection) {
			things, found := always(left)(t)
			if t == 5 {
				found = append(found, detect(.8, box{0, 9, 1, 4, 4}))
			}
			return things, found
		}, "0 x40"},
		{"a ghost that the detector keeps seeing", 40, nil, func(t int) ([]box, []Detection) {
			return []box{left}, []Detection{detect(.9, left), detect(.6, box{0, 9, 1, 4, 4})}
		}, "0 1 x40"},
		{"a weak detection begins nothing later", 20, nil, func(t int) ([]box, []Detection) {
			things, found := always(left)(t)
			if t > 2 {
				found = append(found, detect(.69, right))
			}
			return append(things, right), found
		}, "0 x20"},
		{"a duplicate ends", 40, nil, func(t int) ([]box, []Detection) {
			things, found := always(left)(t)
			if t == 3 { // a part of the thing comes off: a speck to the tracker
				part := box{1, 9, 1, 1, 1}
				return append(things, part), append(found, detect(.9, part))
			}
			return things, found
		}, "0 x40"},
		{"one splits in two", 40, nil, func(t int) ([]box, []Detection) {
			if t < 20 {
				return always(left)(t)
			}
			half := box{4, 9, 1, 4, 4}
			return []box{left, half}, []Detection{detect(.9, left), detect(.9, half)}
		}, "0 x20, 0 1 x20"},
		{"at most two", 30, func(c *Config) { c.Thresholds.MaxObjects = 2 }, always(left, right, middle), "0 1 x30"},
		{"without a delay", 30, func(c *Config) { c.Thresholds.HotStart = 0 }, always(left), "0 x30"},
		{"gone for good", 60, func(c *Config) { c.Thresholds.MaxEmpty = 10 }, func(t int) ([]box, []Detection) {
			if t >= 20 && t < 40 {
				return nil, nil
			}
			return always(left)(t)
		}, "0 x20,  x20, 1 x20"},
		{"no detection for long hides", 60, func(c *Config) { c.Thresholds.HideOnlyYoung = false }, func(t int) ([]box, []Detection) {
			if t >= 10 {
				return []box{left}, nil
			}
			return always(left)(t)
		}, "0 x39,  x21"},
	} {
		for _, semantics := range []string{HF, Meta} {
			t.Run(c.name+" "+semantics, func(t *testing.T) {
				config := DefaultConfig()
				config.Semantics = semantics
				if c.change != nil {
					c.change(&config)
				}
				tr := newScript().open(t, config).Track(Options{Frames: c.frames})
				if got := ids(play(t, tr, c.frames, c.scene)); got != c.want {
					t.Errorf("shown %q, want %q", got, c.want)
				}
			})
		}
	}
}

// TestOrderChangesNothing has the detections of a busy scene in many orders: the
// same masks are shown.
func TestOrderChangesNothing(t *testing.T) {
	busy := func(t int) (things []box, found []Detection) {
		for i := range 5 {
			b := box{i + 1, (3*i + t*(i%3)) % 13, (5 * i) % 13, 3, 3}
			if (t+3*i)%11 == 0 {
				continue
			}
			things = append(things, b)
			if (t+i)%4 > 0 {
				found = append(found, detect(.72+float32(i)/20, b))
			}
		}
		return things, found
	}
	var want []string
	for seed := range 8 {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		got := play(t, newScript().open(t, DefaultConfig()).Track(Options{}), 50, func(t int) ([]box, []Detection) {
			things, found := busy(t)
			if seed > 0 {
				random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
			}
			return things, found
		})
		var masks []string
		for _, r := range got {
			masks = append(masks, fmt.Sprint(slices.SortedFunc(maps.Values(r), func(a, b extent) int { return a.positions*1000 + a.samples - b.positions*1000 - b.samples })))
		}
		if seed == 0 {
			want = masks
		} else if !slices.Equal(masks, want) {
			t.Errorf("order %d shows other masks", seed)
		}
	}
}

// TestCrossing has one object pass over another: each keeps its id, and the one
// below is shown where it is not covered.
func TestCrossing(t *testing.T) {
	config := DefaultConfig()
	config.Thresholds.HoleArea = 2 // the one below is in two small parts for a while
	all := play(t, newScript().open(t, config).Track(Options{}), 26, func(t int) ([]box, []Detection) {
		still, moving := box{1, 6, 4, 4, 8}, box{2, t/2 - 1, 6, 4, 4}
		return []box{still, moving}, []Detection{detect(.9, still), detect(.9, moving)}
	})
	if got, want := ids(all), "0 1 x26"; got != want {
		t.Fatalf("shown %q, want %q", got, want)
	}
	if first, covered := all[0][0].samples, all[14][0].samples; first != 32 || covered != 16 {
		t.Errorf("the still one has %d samples, then %d below the other; want 32 and 16", first, covered)
	}
}

// TestNewObjectsMakeMemoriesAnew is the first difference of the semantics: on a
// frame with a new object the others' memories are of raw masks.
func TestNewObjectsMakeMemoriesAnew(t *testing.T) {
	for semantics, want := range map[string]int{HF: 1, Meta: 0} {
		s := newScript()
		c := DefaultConfig()
		c.Semantics = semantics
		play(t, s.open(t, c).Track(Options{}), 10, func(t int) ([]box, []Detection) {
			if t < 5 {
				return always(left)(t)
			}
			return always(left, right)(t)
		})
		if s.hard != want {
			t.Errorf("%s: %d memories with hard edges, want %d", semantics, s.hard, want)
		}
	}
}

// TestAges is about how a short video counts time, a long one, and one that is
// longer than was said.
func TestAges(t *testing.T) {
	for _, c := range []struct {
		frames, said int
		unit         float32
		conditioning int // pointers of conditioning frames
		pointers     int
	}{{4, 4, 3, 1, 3}, {4, 0, 15, 1, 3}, {40, 40, 15, 3, 17}, {40, 4, 15, 3, 17}} {
		s := newScript()
		play(t, s.open(t, DefaultConfig()).Track(Options{Frames: c.said}), c.frames, always(left))
		final := s.ago[len(s.ago)-1]
		if len(final) != c.pointers || final[c.conditioning] != 1/c.unit {
			t.Errorf("%d frames, said %d: the last frame's pointers are %v old, want %d in units of %v", c.frames, c.said, final, c.pointers, c.unit)
		}
	}
}

func TestCut(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{})
	var got []int
	note := func(frames []Frame) {
		for _, f := range frames {
			for _, o := range f.Objects {
				got = append(got, f.Index*10+o.ID)
			}
		}
	}
	for i := range 6 {
		if i == 3 {
			note(tr.Cut())
		}
		frames, err := tr.Next(t.Context(), labels(left), []Detection{detect(.9, left)})
		if err != nil {
			t.Fatal(err)
		}
		note(frames)
	}
	note(tr.Flush())
	if want := []int{0, 10, 20, 31, 41, 51}; !slices.Equal(got, want) {
		t.Errorf("frames and objects %v, want %v", got, want)
	}
	if tr.Count() != 2 {
		t.Errorf("%d identities, want 2", tr.Count())
	}
}

func TestRefused(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{MaxObjects: 1})
	all := play(t, tr, 1, func(int) ([]box, []Detection) {
		return []box{left, right}, []Detection{detect(.8, left), detect(.9, right)}
	})
	if all[0][0].samples != 25 || tr.Refused() != 1 {
		t.Errorf("object 0 has %d samples, %d refused; want the better one of 25, and 1", all[0][0].samples, tr.Refused())
	}
}

func TestCancel(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := tr.Next(ctx, labels(left), []Detection{detect(.9, left)}); !errors.Is(err, gone) {
		t.Errorf("error %v, want %v", err, gone)
	}
}

func TestOtherMaskSize(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{})
	_, err := tr.Next(t.Context(), labels(), []Detection{{Score: .9, Logits: frame.NewPlane32(8, 8)}})
	if err == nil || !strings.Contains(err.Error(), "8 by 8") {
		t.Errorf("error %v, want one about 8 by 8", err)
	}
}
