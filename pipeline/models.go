package pipeline

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"uredit/pipeline/fault"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/segment"
	"uredit/pipeline/tensor"
)

// models returns the segmenter and the editor of an edit, loaded unless the edit
// before used the same. What is not used any more is let go first, so that a
// device never holds more than the models of one edit.
func (e *Engine) models(ctx context.Context, spec *Spec) (*segment.Detector, *pix2pix.Editor, error) {
	segmenter, err := choose(spec.SegmenterModel, e.SegmenterModel)
	if err != nil {
		return nil, nil, err
	}
	editor, err := choose(spec.EditorModel, e.EditorModel)
	if err != nil {
		return nil, nil, err
	}
	e.segmenter.keep(segmenter)
	e.editor.keep(editor)
	if err := e.fits(segmenter, editor); err != nil {
		return nil, nil, err
	}
	detector, err := e.segmenter.get(ctx, e.Load, segment.Open)
	if err != nil {
		return nil, nil, fmt.Errorf("load segmenter: %w", err)
	}
	p, err := e.editor.get(ctx, e.Load, pix2pix.Open)
	if err != nil {
		return nil, nil, fmt.Errorf("load editor: %w", err)
	}
	return detector, p, nil
}

// fits asks whether there is room for the graphs that are not loaded.
func (e *Engine) fits(segmenter, editor string) error {
	if e.Fits == nil || e.segmenter.open && e.editor.open {
		return nil
	}
	bytes := int64(0)
	if !e.segmenter.open {
		bytes += weights(segment.Graphs(segmenter))
	}
	if !e.editor.open {
		bytes += weights(pix2pix.Graphs(editor))
	}
	return e.Fits(bytes)
}

// weights returns the bytes of graphs and of the files beside them that hold
// their weights: those whose names begin with the graph's own, as model.onnx_data,
// and weights.pb.
func weights(graphs []string) (bytes int64) {
	for _, g := range graphs {
		entries, _ := os.ReadDir(filepath.Dir(g)) // opening the graph says what is wrong
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), filepath.Base(g)) && entry.Name() != "weights.pb" {
				continue
			}
			if info, err := os.Stat(filepath.Join(filepath.Dir(g), entry.Name())); err == nil {
				bytes += info.Size()
			}
		}
	}
	return bytes
}

// choose returns the folder that a Spec names, else the engine's own.
func choose(folder string, byDefault func() (string, error)) (string, error) {
	if folder != "" {
		return filepath.Clean(folder), nil
	}
	if byDefault == nil {
		return "", fault.New(fault.ModelMissing, "", fmt.Errorf("no model is configured"))
	}
	return byDefault()
}

// kept is the model of one folder while it is loaded. The zero value holds none.
type kept[M any] struct {
	folder string
	files  []file // of the folder, when it was opened
	open   bool
	model  M
	graphs []io.Closer // what the model loaded
}

// keep lets the model go unless it is the one of folder, as the folder is now.
func (k *kept[M]) keep(folder string) {
	files := filesOf(folder)
	if k.open && k.folder == folder && slices.Equal(k.files, files) {
		return
	}
	k.release()
	k.folder, k.files = folder, files
}

// get returns the model of the folder that keep was given.
func (k *kept[M]) get(ctx context.Context, load tensor.Loader, open func(context.Context, string, tensor.Loader) (M, error)) (M, error) {
	if k.open {
		return k.model, nil
	}
	var err error
	k.model, err = open(ctx, k.folder, func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := load(ctx, path)
		if c, ok := m.(io.Closer); ok && err == nil {
			k.graphs = append(k.graphs, c)
		}
		return m, err
	})
	if err != nil {
		k.release()
		var none M
		return none, err
	}
	k.open = true
	return k.model, nil
}

// release closes the model's graphs.
func (k *kept[M]) release() {
	for _, g := range k.graphs {
		_ = g.Close() // it is used no more, whatever it says
	}
	*k = kept[M]{}
}

// file is what tells one version of a file from another.
type file struct {
	name    string
	size    int64
	changed int64  // nanoseconds
	number  uint64 // of the file on its disk
}

// filesOf returns the files of a folder, links followed. What cannot be read is
// left out: opening the model says what is wrong.
func filesOf(folder string) []file {
	var list []file
	_ = filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, file{name, info.Size(), info.ModTime().UnixNano(), number(info)})
		}
		return nil
	})
	return list
}

func number(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
