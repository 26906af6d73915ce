package track

import "slices"

// entry is what is kept of an object in one frame.
type entry struct {
	frame   int
	memory  []float32 // D by G by G; nil once no later frame looks at it
	pointer []float32 // C
	quality float32   // how well it was seen, 0..1
}

// bank is an object's past, each list in the order of the frames. It holds what
// later frames look at and no more.
type bank struct {
	conditioning []entry // where a detection made or confirmed the object
	recent       []entry // all others
}

// span says how far back is looked.
type span struct {
	memories     int // Config.Memories
	conditioning int // Config.Conditioning
	pointers     int // Config.Pointers, or the length of a shorter video
	most         int // Config.MaxConditioningPointers
	quality      float32
	differences
}

// memory is a memory with its place in time as the network counts it: the
// newest recent one has 0, a conditioning one the highest.
type memory struct {
	place int
	*entry
}

// pointer is a pointer with how many frames ago it was made.
type pointer struct {
	ago int
	*entry
}

// chosen returns how many of the last conditioning entries are looked at: the
// closest to any later frame are the latest.
func (b *bank) chosen(s *span) int {
	most := s.conditioning
	if most < 0 {
		most = s.most
	}
	return min(most, len(b.conditioning))
}

// memories appends to dst what frame t looks at.
func (b *bank) memories(dst []memory, t int, s *span) []memory {
	past := len(b.conditioning) - b.chosen(s)
	for i := range b.conditioning[past:] {
		dst = append(dst, memory{s.memories - 1, &b.conditioning[past+i]})
	}
	seen := b.wellSeen(t, s)
	for ago := s.memories - 1; ago > 0; ago-- {
		frame := t - ago
		if !s.allMemories {
			if ago > len(seen) {
				continue
			}
			frame = seen[len(seen)-ago]
		}
		e := find(b.recent, frame)
		if e == nil {
			// Too many conditioning frames: the others count as recent.
			e = find(b.conditioning[:past], frame)
		}
		if e != nil && e.memory != nil {
			dst = append(dst, memory{ago - 1, e})
		}
	}
	return dst
}

// pointers appends to dst what frame t looks at.
func (b *bank) pointers(dst []pointer, t int, s *span) []pointer {
	first := 0
	if !s.allPointers {
		first = len(b.conditioning) - b.chosen(s)
	}
	for i := range b.conditioning[first:] {
		e := &b.conditioning[first+i]
		dst = append(dst, pointer{t - e.frame, e})
	}
	seen := b.wellSeen(t, s)
	for ago := 1; ago < s.pointers; ago++ {
		frame := t - ago
		if !s.allMemories {
			if ago >= len(seen) {
				break
			}
			frame = seen[len(seen)-ago]
		}
		if e := find(b.recent, frame); e != nil {
			dst = append(dst, pointer{ago, e})
		}
	}
	return dst
}

// wellSeen returns the frames before t in which the object was seen well, the
// latest last, and always the last frame. It is for the selection of memories;
// where there is none it returns nil.
func (b *bank) wellSeen(t int, s *span) []int {
	if s.allMemories {
		return nil
	}
	var frames []int
	for i := len(b.recent) - 1; i >= 0 && len(frames) < s.pointers-1; i-- {
		if e := &b.recent[i]; e.frame < t && e.quality > s.quality {
			frames = append(frames, e.frame)
		}
	}
	slices.Reverse(frames)
	if !slices.Contains(frames, t-1) {
		frames = append(frames, t-1)
	}
	return frames
}

// add notes the pointer of frame t. Its memory follows.
func (b *bank) add(t int, ptr []float32, quality float32) {
	b.recent = append(b.recent, entry{frame: t, pointer: ptr, quality: quality})
}

// confirm makes the last frame a conditioning one.
func (b *bank) confirm() {
	last := len(b.recent) - 1
	b.conditioning = append(b.conditioning, b.recent[last])
	b.recent[last] = entry{}
	b.recent = b.recent[:last]
}

// at returns the entry of frame t, nil if there is none.
func (b *bank) at(t int) *entry {
	if e := find(b.recent, t); e != nil {
		return e
	}
	return find(b.conditioning, t)
}

// evict frees after frame t what no later frame looks at.
func (b *bank) evict(t int, s *span, memories, pointers *pool) {
	drop := func(e *entry) {
		memories.put(e.memory)
		e.memory = nil
	}
	past := len(b.conditioning) - b.chosen(s)
	for i := range b.conditioning[:past] {
		if e := &b.conditioning[i]; e.frame <= t+1-s.memories {
			drop(e)
		}
	}
	keep := s.most
	if !s.allPointers {
		keep = max(b.chosen(s), s.memories)
	}
	for len(b.conditioning) > max(keep, b.chosen(s)) {
		drop(&b.conditioning[0])
		pointers.put(b.conditioning[0].pointer)
		b.conditioning = slices.Delete(b.conditioning, 0, 1)
	}
	seen := b.wellSeen(t+1, s)
	kept := b.recent[:0]
	for _, e := range b.recent {
		old, forgotten := e.frame <= t+1-max(s.pointers, s.memories), e.frame <= t+1-s.memories
		if !s.allMemories {
			place := slices.Index(seen, e.frame)
			old, forgotten = place < 0, place < len(seen)-s.memories
		}
		if old || forgotten {
			drop(&e)
		}
		if old {
			pointers.put(e.pointer)
			continue
		}
		kept = append(kept, e)
	}
	clear(b.recent[len(kept):])
	b.recent = kept
}

// clear frees all.
func (b *bank) clear(memories, pointers *pool) {
	for _, list := range [][]entry{b.conditioning, b.recent} {
		for _, e := range list {
			memories.put(e.memory)
			pointers.put(e.pointer)
		}
	}
	b.conditioning, b.recent = nil, nil
}

// find returns the entry of a frame in an ordered list, nil if there is none.
func find(list []entry, frame int) *entry {
	i, found := slices.BinarySearchFunc(list, frame, func(e entry, f int) int { return e.frame - f })
	if !found {
		return nil
	}
	return &list[i]
}

// pool keeps arrays of one size for their next use.
type pool struct {
	size int
	free [][]float32
	made int
}

// get returns an array of undefined content.
func (p *pool) get() []float32 {
	if n := len(p.free); n > 0 {
		a := p.free[n-1]
		p.free = p.free[:n-1]
		return a
	}
	p.made++
	return make([]float32, p.size)
}

// put takes an array back; nil is none.
func (p *pool) put(a []float32) {
	if a != nil {
		p.free = append(p.free, a)
	}
}
