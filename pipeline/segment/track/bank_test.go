package track

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// past is a bank that forgets nothing, and looks at it by the rules as they are
// written.
type past struct {
	conditioning, recent []int
	quality              map[int]float32
}

func (p *past) looksAt(t int, s *span) (memories, pointers []string) {
	closest := slices.Clone(p.conditioning)
	slices.Reverse(closest)
	selected := closest
	if s.conditioning >= 0 && len(closest) > s.conditioning {
		selected = closest[:s.conditioning]
	}
	for _, f := range selected {
		memories = append(memories, fmt.Sprint(f, " at ", s.memories-1))
	}
	recent := func(ago int) int { return t - ago }
	count := t
	if !s.allMemories {
		var seen []int
		for f := t - 1; f > 0 && len(seen) < s.pointers-1; f-- {
			if slices.Contains(p.recent, f) && p.quality[f] > s.quality {
				seen = slices.Insert(seen, 0, f)
			}
		}
		if !slices.Contains(seen, t-1) {
			seen = append(seen, t-1)
		}
		count = len(seen)
		recent = func(ago int) int { return seen[len(seen)-ago] }
	}
	for ago := 1; ago < s.memories && ago <= count; ago++ {
		f := recent(ago)
		if slices.Contains(p.recent, f) || slices.Contains(p.conditioning, f) && !slices.Contains(selected, f) {
			memories = append(memories, fmt.Sprint(f, " at ", ago-1))
		}
	}
	if s.allPointers {
		selected = p.conditioning
	}
	for _, f := range selected {
		pointers = append(pointers, fmt.Sprint(f, " ago ", t-f))
	}
	for ago := 1; ago < s.pointers && (s.allMemories && ago <= count || ago < count); ago++ {
		if slices.Contains(p.recent, recent(ago)) {
			pointers = append(pointers, fmt.Sprint(recent(ago), " ago ", ago))
		}
	}
	slices.Sort(memories)
	slices.Sort(pointers)
	return memories, pointers
}

// TestBankForgetsNothingThatMatters runs banks that evict beside pasts that do
// not, over every kind of configuration.
func TestBankForgetsNothingThatMatters(t *testing.T) {
	for _, c := range []struct {
		name string
		span span
		of   int // every so many frames one is a conditioning one; 0 at random
	}{
		{"released", span{memories: 7, conditioning: 4, pointers: 16, most: 256, differences: differences{allPointers: true, allMemories: true}}, 16},
		{"confirmed in every frame", span{memories: 7, conditioning: 4, pointers: 16, most: 256, differences: differences{allPointers: true, allMemories: true}}, 1},
		{"at random", span{memories: 7, conditioning: 2, pointers: 16, most: 256, differences: differences{allPointers: true, allMemories: true}}, 0},
		{"all conditioning", span{memories: 7, conditioning: -1, pointers: 16, most: 256, differences: differences{allPointers: true, allMemories: true}}, 0},
		{"few pointers", span{memories: 7, conditioning: 4, pointers: 3, most: 256, differences: differences{allPointers: true, allMemories: true}}, 0},
		{"selected pointers", span{memories: 7, conditioning: 4, pointers: 16, most: 256, differences: differences{allMemories: true}}, 0},
		{"selected memories", span{memories: 7, conditioning: 4, pointers: 16, most: 256, quality: .5}, 0},
		{"selected memories, seldom", span{memories: 7, conditioning: 4, pointers: 16, most: 256, quality: .9}, 16},
	} {
		t.Run(c.name, func(t *testing.T) { compareBank(t, &c.span, c.of) })
	}
}

func compareBank(t *testing.T, s *span, of int) {
	random := rand.New(rand.NewPCG(uint64(of), 7))
	memories, pointers := &pool{size: 1}, &pool{size: 1}
	p := past{conditioning: []int{0}, quality: make(map[int]float32)}
	var b bank
	b.conditioning = []entry{{frame: 0, memory: memories.get(), pointer: pointers.get()}}
	b.evict(0, s, memories, pointers)
	for now := 1; now < 200; now++ {
		wantM, wantP := p.looksAt(now, s)
		var gotM, gotP []string
		for _, m := range b.memories(nil, now, s) {
			gotM = append(gotM, fmt.Sprint(m.frame, " at ", m.place))
			if m.memory == nil {
				t.Fatalf("frame %d: the memory of frame %d is gone", now, m.frame)
			}
		}
		for _, p := range b.pointers(nil, now, s) {
			gotP = append(gotP, fmt.Sprint(p.frame, " ago ", p.ago))
		}
		slices.Sort(gotM)
		slices.Sort(gotP)
		if !slices.Equal(gotM, wantM) || !slices.Equal(gotP, wantP) {
			t.Fatalf("frame %d looks at\n%q\n%q, want\n%q\n%q", now, gotM, gotP, wantM, wantP)
		}
		quality := random.Float32()
		b.add(now, pointers.get(), quality)
		p.quality[now] = quality
		if of > 0 && now%of == 0 || of == 0 && random.IntN(4) == 0 {
			b.confirm()
			p.conditioning = append(p.conditioning, now)
		} else {
			p.recent = append(p.recent, now)
		}
		b.at(now).memory = memories.get()
		b.evict(now, s, memories, pointers)
	}
	b.clear(memories, pointers)
	if len(memories.free) != memories.made || len(pointers.free) != pointers.made {
		t.Errorf("%d memories of %d and %d pointers of %d come back", len(memories.free), memories.made, len(pointers.free), pointers.made)
	}
	if most := s.memories + max(s.conditioning, 0) + 3; s.conditioning >= 0 && memories.made > most {
		t.Errorf("%d memories at a time, want at most %d", memories.made, most)
	}
}

// TestBankIsBounded has a detection in every frame, for longer than pointers are
// kept.
func TestBankIsBounded(t *testing.T) {
	for _, conditioning := range []int{4, -1} {
		s := &span{memories: 7, conditioning: conditioning, pointers: 16, most: 32, differences: differences{allPointers: true, allMemories: true}}
		memories, pointers := &pool{size: 1}, &pool{size: 1}
		var b bank
		for now := range 2000 {
			b.add(now, pointers.get(), 1)
			b.confirm()
			b.at(now).memory = memories.get()
			b.evict(now, s, memories, pointers)
			if n := len(b.pointers(nil, now+1, s)); n > 32 {
				t.Fatalf("frame %d looks at %d pointers", now, n)
			}
		}
		if pointers.made > 40 || memories.made > 40 {
			t.Errorf("%d pointers and %d memories at a time", pointers.made, memories.made)
		}
	}
}
