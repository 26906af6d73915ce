package track

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

const exportHint = "export the folder again with `models/export/export.py sam3`"

// Files of the graphs. A folder may do without the one for boxes.
const (
	boxFile    = "tracker_box.onnx"
	initFile   = "tracker_init.onnx"
	stepFile   = "tracker_step.onnx"
	memoryFile = "memory_encoder.onnx"
)

// Names of inputs and outputs, as sam3-video/1 has them.
const (
	featureName = "trk_feat"
	maskName    = "mask_logits"
	memoryName  = "mem_feat"
	placeName   = "mem_tpos"
	pointerName = "ptr"
	agoName     = "ptr_tdiff"
	newPtrName  = "obj_ptr"
	overlapName = "iou"
	logitName   = "object_score"
	hardName    = "binarize"
	boxName     = "box"
)

// maxBatch bounds the objects of one run: a graph enlarges each one's mask to
// many times its size.
const maxBatch = 8

// FeatureNames returns the names of what a Tracker wants to know of a picture:
// outputs of the graph that sees it.
func FeatureNames() []string { return []string{"trk_s0", "trk_s1", featureName} }

// Model is the tracker's networks. Like a Tracker it is used by one goroutine at
// a time; several Trackers may take turns.
type Model struct {
	config Config
	init   *graph
	step   *graph
	memory *graph
	box    *graph // nil without one
	sizes  sizes
}

// sizes are L, G, C and D.
type sizes struct{ low, grid, hidden, dim int }

// graph is a network with the path it came from.
type graph struct {
	tensor.Model
	path string
	fed  []*tensor.Tensor
}

// Graphs returns the files of the graphs that Open loads from a folder.
func Graphs(dir string) []string {
	files := []string{filepath.Join(dir, initFile), filepath.Join(dir, stepFile), filepath.Join(dir, memoryFile)}
	if box := filepath.Join(dir, boxFile); exists(box) {
		files = append(files, box)
	}
	return files
}

// Present reports whether a folder has a tracker.
func Present(dir string) bool {
	return slices.ContainsFunc([]string{initFile, stepFile, memoryFile}, func(name string) bool {
		return exists(filepath.Join(dir, name))
	})
}

// exists reports whether a file is there, readable or not.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Open opens the tracker in folder dir. Errors have the codes ModelMissing and
// ModelInvalid.
func Open(ctx context.Context, dir string, load tensor.Loader, c Config) (*Model, error) {
	m := &Model{config: c}
	for _, g := range []struct {
		to      **graph
		file    string
		inputs  []string
		outputs []string
	}{
		{&m.init, initFile, []string{featureName, maskName}, []string{newPtrName, memoryName}},
		{&m.step, stepFile, []string{featureName, memoryName, placeName, pointerName, agoName}, []string{maskName, logitName, newPtrName}},
		{&m.memory, memoryFile, []string{featureName, maskName, logitName}, []string{memoryName}},
		{&m.box, boxFile, []string{featureName, boxName}, []string{maskName, logitName}},
	} {
		path := filepath.Join(dir, g.file)
		if g.file == boxFile && !exists(path) {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fault.New(fault.ModelMissing, exportHint, fmt.Errorf("open tracker: %w", err))
		}
		model, err := load(ctx, path)
		if err != nil {
			return nil, err
		}
		*g.to = &graph{Model: model, path: path}
		if err := errors.Join(check("input", model.Inputs(), g.inputs), check("output", model.Outputs(), g.outputs)); err != nil {
			return nil, invalid(path, err)
		}
	}
	if c.differences().reencode && lookup(m.memory.Inputs(), hardName) == nil {
		return nil, invalid(m.memory.path, fmt.Errorf("no input %s, which semantics %s needs", hardName, c.Semantics))
	}
	if !c.differences().allMemories && lookup(m.step.Outputs(), overlapName) == nil {
		return nil, invalid(m.step.path, fmt.Errorf("memories are selected, but there is no output %s", overlapName))
	}
	return m, m.measure()
}

func invalid(path string, err error) error {
	return fault.New(fault.ModelInvalid, exportHint, fmt.Errorf("open tracker %s: %w", path, err))
}

func check(what string, have []tensor.Info, want []string) error {
	for _, name := range want {
		if lookup(have, name) == nil {
			return fmt.Errorf("no %s %s", what, name)
		}
	}
	return nil
}

func lookup(list []tensor.Info, name string) *tensor.Info {
	i := slices.IndexFunc(list, func(info tensor.Info) bool { return info.Name == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// measure takes the sizes from the step's graph, or from the configuration where
// it leaves them open.
func (m *Model) measure() error {
	memory, pointer := lookup(m.step.Inputs(), memoryName), lookup(m.step.Inputs(), pointerName)
	mask := lookup(m.step.Outputs(), maskName)
	if len(memory.Shape) != 4 || len(pointer.Shape) != 2 || len(mask.Shape) != 4 {
		return invalid(m.step.path, fmt.Errorf("%s %v, %s %v and %s %v have not 4, 2 and 4 dimensions",
			memoryName, memory.Shape, pointerName, pointer.Shape, maskName, mask.Shape))
	}
	c := m.config
	for _, s := range []struct {
		to         *int
		name       string
		shape      int64
		configured int
	}{
		{&m.sizes.low, "low_res", mask.Shape[3], c.LowRes},
		{&m.sizes.grid, "grid", memory.Shape[3], c.Grid},
		{&m.sizes.hidden, "hidden", pointer.Shape[1], c.Hidden},
		{&m.sizes.dim, "mem_dim", memory.Shape[1], c.MemDim},
	} {
		switch {
		case s.shape > 0 && s.configured > 0 && int64(s.configured) != s.shape:
			return invalid(m.step.path, fmt.Errorf("%s is %d in the graph and %d in sam3.json", s.name, s.shape, s.configured))
		case s.shape > 0:
			*s.to = int(s.shape)
		case s.configured > 0:
			*s.to = s.configured
		default:
			return invalid(m.step.path, fmt.Errorf("neither the graph nor sam3.json says %s", s.name))
		}
	}
	return nil
}

// memoryLen and maskLen return how many values a memory and a mask have.
func (s sizes) memoryLen() int { return s.dim * s.grid * s.grid }
func (s sizes) maskLen() int   { return s.low * s.low }

// run runs a graph. Inputs that it does not have are not fed: exporters leave
// out what a graph does not depend on.
func (g *graph) run(ctx context.Context, features, in, out []*tensor.Tensor) error {
	g.fed = g.fed[:0]
	for _, list := range [][]*tensor.Tensor{features, in} {
		for _, t := range list {
			if lookup(g.Inputs(), t.Name) != nil {
				g.fed = append(g.fed, t)
			}
		}
	}
	return g.Run(ctx, g.fed, out)
}
