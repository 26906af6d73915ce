package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/pipeline"
	"uredit/pipeline/tensor"
)

// shelf counts the graphs that it loads and that are closed again.
type shelf struct{ loads, open int }

// book is a graph that can be given back.
type book struct {
	tensor.Model
	shelf *shelf
}

func (b *book) Close() error { b.shelf.open--; return nil }

func (s *shelf) load(ctx context.Context, path string) (tensor.Model, error) {
	m, err := shared.device.Load(ctx, path)
	if err != nil {
		return nil, err
	}
	s.loads++
	s.open++
	return &book{m, s}, nil
}

// TestModelsAreKept edits again and again with one Engine: the same models stay,
// others take their place, and a file that was replaced counts as another.
func TestModelsAreKept(t *testing.T) {
	one, two := copied(t, shared.bundle.Dir()), copied(t, shared.bundle.Dir())
	var s shelf
	e := shared.engine()
	e.Load = s.load
	edit := func(what, bundle string, wantLoads int) {
		t.Helper()
		before, open := s.loads, s.open
		_, _, err := (&failing{}).edit(t.Context(), t, e, func(s *pipeline.Spec) {
			s.SegmenterModel, s.EditorModel = filepath.Join(bundle, "sam3"), filepath.Join(bundle, "pix2pix")
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := s.loads - before; n != wantLoads {
			t.Errorf("%s: %d graphs were loaded, want %d", what, n, wantLoads)
		}
		if open > 0 && s.open != open {
			t.Errorf("%s: %d graphs are open, want %d", what, s.open, open)
		}
	}
	const segmenter, editor = 3, 4 // graphs of each
	edit("the first edit", one, segmenter+editor)
	edit("the same models", one, 0)
	edit("another bundle", two, segmenter+editor)
	replace(t, filepath.Join(two, "pix2pix", "scheduler", "scheduler_config.json"))
	edit("a replaced configuration", two, editor)
	replace(t, filepath.Join(two, "sam3", "detector.onnx"))
	edit("a replaced graph", two, segmenter)
	if _, _, err := (&failing{}).edit(t.Context(), t, e, func(s *pipeline.Spec) { s.SegmenterModel, s.EditorModel = t.TempDir(), t.TempDir() }); err == nil || s.open != 0 {
		t.Errorf("an edit without models: error %v, %d graphs open", err, s.open)
	}
}

// copied returns a copy of a folder.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// replace renames a new file with the same contents over a file.
func replace(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(name+".new", data, 0o644), os.Rename(name+".new", name)); err != nil {
		t.Fatal(err)
	}
}

// TestCancelWhileModelsLoad ends an edit whose models take for ever to load, and
// one whose editor takes for ever to be tried out.
func TestCancelWhileModelsLoad(t *testing.T) {
	why := errors.New("somebody said stop")
	for _, slow := range []string{"detector.onnx", "unet/model.onnx", "run of vae_encoder/model.onnx"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var at time.Time
		endless := func(ctx context.Context) error {
			at = time.Now()
			cancel(why)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		e := shared.engine()
		e.Load = func(ctx context.Context, path string) (tensor.Model, error) {
			if strings.HasSuffix(path, slow) {
				return nil, endless(ctx)
			}
			m, err := shared.device.Load(ctx, path)
			if file, run := strings.CutPrefix(slow, "run of "); run && strings.HasSuffix(path, file) {
				return &stopped{m, func() error { return endless(ctx) }}, nil
			}
			return m, err
		}
		_, _, err := (&failing{}).edit(ctx, t, e, nil)
		if !errors.Is(err, why) {
			t.Errorf("%s: error is %v, want %v", slow, err, why)
		}
		if took := time.Since(at); at.IsZero() || took > time.Second {
			t.Errorf("%s: the edit ended %v after it was cancelled", slow, took)
		}
	}
}

// TestModelsMustFit: the engine asks once for all that it is about to load, and
// loads nothing that does not fit.
func TestModelsMustFit(t *testing.T) {
	full := errors.New("the card is full")
	var asked []int64
	var s shelf
	e := shared.engine()
	e.Load = s.load
	e.Fits = func(bytes int64) error {
		asked = append(asked, bytes)
		if len(asked) == 1 {
			return full
		}
		return nil
	}
	if _, _, err := (&failing{}).edit(t.Context(), t, e, nil); !errors.Is(err, full) || s.loads > 0 {
		t.Errorf("error is %v and %d graphs were loaded, want %v and none", err, s.loads, full)
	}
	for range 2 {
		if _, _, err := (&failing{}).edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := int64(0)
	for _, pattern := range []string{"sam3/*.onnx", "pix2pix/*/model.onnx"} {
		files, err := filepath.Glob(filepath.Join(shared.bundle.Dir(), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			want += info.Size()
		}
	}
	if !slices.Equal(asked, []int64{want, want}) {
		t.Errorf("asked for %d bytes, want %d twice", asked, want)
	}
}
