package track

import (
	"context"
	"slices"

	"uredit/pipeline/tensor"
)

// networks runs a Model's graphs for one Tracker. It holds their inputs.
type networks struct {
	*Model
	memory, places, pointers, ago *tensor.Tensor // of a step
	masks, logits, hard           *tensor.Tensor // of a batch of objects
	made, pointed                 *tensor.Tensor // what becomes of it: memories, pointers
	logit, overlap                *tensor.Tensor // of a step: is it there, how good is the mask
}

func newNetworks(m *Model) *networks {
	return &networks{
		Model:  m,
		memory: &tensor.Tensor{Name: memoryName}, places: &tensor.Tensor{Name: placeName},
		pointers: &tensor.Tensor{Name: pointerName}, ago: &tensor.Tensor{Name: agoName},
		masks: &tensor.Tensor{Name: maskName}, logits: &tensor.Tensor{Name: logitName},
		hard: &tensor.Tensor{Name: hardName, Shape: []int64{1}, Bool: make([]bool, 1)},
		made: &tensor.Tensor{Name: memoryName}, pointed: &tensor.Tensor{Name: newPtrName},
		logit:   &tensor.Tensor{Name: logitName, Shape: []int64{1, 1}, F32: make([]float32, 1)},
		overlap: &tensor.Tensor{Name: overlapName, Shape: []int64{1, 1}, F32: make([]float32, 1)},
	}
}

// follow finds an object again: its mask's logits and its pointer are written to
// mask and ptr. unit is the number of frames that a pointer's age is told in.
func (n *networks) follow(ctx context.Context, features []*tensor.Tensor, memories []memory, pointers []pointer, unit float32, mask, ptr []float32) (logit, overlap float32, err error) {
	s := n.sizes
	n.memory.F32, n.places.I64 = n.memory.F32[:0], n.places.I64[:0]
	for _, m := range memories {
		n.memory.F32 = append(n.memory.F32, m.memory...)
		n.places.I64 = append(n.places.I64, int64(m.place))
	}
	n.pointers.F32, n.ago.F32 = n.pointers.F32[:0], n.ago.F32[:0]
	for _, p := range pointers {
		n.pointers.F32 = append(n.pointers.F32, p.pointer...)
		n.ago.F32 = append(n.ago.F32, float32(p.ago)/unit)
	}
	n.memory.Shape = shape(n.memory.Shape, len(memories), s.dim, s.grid, s.grid)
	n.places.Shape = shape(n.places.Shape, len(memories))
	n.pointers.Shape = shape(n.pointers.Shape, len(pointers), s.hidden)
	n.ago.Shape = shape(n.ago.Shape, len(pointers))

	out := []*tensor.Tensor{
		{Name: maskName, Shape: []int64{1, 1, int64(s.low), int64(s.low)}, F32: mask},
		{Name: newPtrName, Shape: []int64{1, int64(s.hidden)}, F32: ptr},
		n.logit,
	}
	if lookup(n.step.Outputs(), overlapName) != nil {
		out = append(out, n.overlap)
	}
	in := []*tensor.Tensor{n.memory, n.places, n.pointers, n.ago}
	if err := n.step.run(ctx, features, in, out); err != nil {
		return 0, 0, err
	}
	return n.logit.F32[0], n.overlap.F32[0], nil
}

// remembered is a mask on its way to a memory.
type remembered struct {
	mask  []float32 // L by L
	clamp bool      // no sample counts as inside
	logit float32   // above 0: the object is there
	to    []float32 // the memory
	ptr   []float32 // the pointer, of a new object
}

// lowest is what logits of a mask that must not count are held below.
const lowest = -10

// remember makes memories of masks. hard makes them of masks with hard edges.
func (n *networks) remember(ctx context.Context, features []*tensor.Tensor, all []remembered, hard bool) error {
	n.hard.Bool[0] = hard
	for batch := range slices.Chunk(all, maxBatch) {
		n.fill(batch)
		if err := n.Model.memory.run(ctx, features, []*tensor.Tensor{n.masks, n.logits, n.hard}, []*tensor.Tensor{n.made}); err != nil {
			return err
		}
		for i, r := range batch {
			copy(r.to, n.made.F32[i*n.sizes.memoryLen():])
		}
	}
	return nil
}

// begin makes the memories and pointers of new objects from the detector's
// masks.
func (n *networks) begin(ctx context.Context, features []*tensor.Tensor, all []remembered) error {
	for batch := range slices.Chunk(all, maxBatch) {
		n.fill(batch)
		n.pointed.Shape = shape(n.pointed.Shape, len(batch), n.sizes.hidden)
		n.pointed.F32 = sized(n.pointed.F32, len(batch)*n.sizes.hidden)
		if err := n.init.run(ctx, features, []*tensor.Tensor{n.masks}, []*tensor.Tensor{n.pointed, n.made}); err != nil {
			return err
		}
		for i, r := range batch {
			copy(r.to, n.made.F32[i*n.sizes.memoryLen():])
			copy(r.ptr, n.pointed.F32[i*n.sizes.hidden:])
		}
	}
	return nil
}

// fill sets the inputs of a batch and makes room for its memories.
func (n *networks) fill(batch []remembered) {
	s, count := n.sizes, len(batch)
	n.masks.F32, n.logits.F32 = n.masks.F32[:0], n.logits.F32[:0]
	for _, r := range batch {
		from := len(n.masks.F32)
		n.masks.F32 = append(n.masks.F32, r.mask...)
		if r.clamp {
			for i, v := range n.masks.F32[from:] {
				n.masks.F32[from+i] = min(v, lowest)
			}
		}
		n.logits.F32 = append(n.logits.F32, r.logit)
	}
	n.masks.Shape = shape(n.masks.Shape, count, 1, s.low, s.low)
	n.logits.Shape = shape(n.logits.Shape, count, 1)
	n.made.Shape = shape(n.made.Shape, count, s.dim, s.grid, s.grid)
	n.made.F32 = sized(n.made.F32, count*s.memoryLen())
}

func shape(to []int64, sizes ...int) []int64 {
	to = to[:0]
	for _, n := range sizes {
		to = append(to, int64(n))
	}
	return to
}

// sized returns n values of undefined content, in a's memory if it is large
// enough.
func sized(a []float32, n int) []float32 {
	if cap(a) < n {
		return make([]float32, n)
	}
	return a[:n]
}
