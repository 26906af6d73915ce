package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"uredit/pipeline"
)

var errInjected = errors.New("injected")

// editFailing runs an edit of a small clip in which one call fails, and returns
// how far each stage came.
func editFailing(t *testing.T, v *failing, serial bool, batch int) (stages map[pipeline.Stage]int, result pipeline.Result, err error) {
	t.Helper()
	e := shared.engine()
	e.Load, e.Serial, e.Batch = v.load(e.Load), serial, batch
	return v.edit(t.Context(), t, e, nil)
}

// edit runs an edit of five frames on e.
func (v *failing) edit(ctx context.Context, t *testing.T, e *pipeline.Engine, change func(*pipeline.Spec)) (stages map[pipeline.Stage]int, result pipeline.Result, err error) {
	t.Helper()
	v.clip, v.frames, v.written = redBall(64, 48, 14), 5, map[string][][]byte{}
	work, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	s := spec()
	s.Work, s.InputName = work, "clip.mp4"
	s.Steps, s.EditSize, s.ErodeKernel, s.Feather, s.CropPadding, s.SmoothingWindow = 1, 64, 2, 1, 8, 5
	if change != nil {
		change(&s)
	}
	e.Video = v
	stages = map[pipeline.Stage]int{}
	result, err = e.Edit(ctx, s, func(p pipeline.Progress) { stages[p.Stage] = max(stages[p.Stage], p.Frame) })
	return stages, result, err
}

// TestFailuresEndThePass lets every step fail at every frame. The edit ends with
// that failure, no step takes it for the end of the video, and nothing is left
// running.
func TestFailuresEndThePass(t *testing.T) {
	calls := []string{"decode rgb 0", "encode mask 0", "close mask 0", "decode 0", "encode part-000000 0", "close part-000000 0"}
	for i := range 5 {
		for _, call := range []string{"read rgb", "run detector", "write mask", "read", "run vae_decoder", "write part-000000"} {
			if call == "run vae_decoder" && i == 0 {
				continue // the probe at load
			}
			calls = append(calls, fmt.Sprint(call, " ", i))
		}
	}
	calls = append(calls, "read rgb 5", "read 5", "run vae_decoder 5")
	for _, call := range calls {
		failOnce(t, call, false, 1)
		failOnce(t, call, true, 3)
	}
}

func failOnce(t *testing.T, call string, serial bool, batch int) {
	t.Helper()
	before := runtime.NumGoroutine()
	v := &failing{fails: call}
	stages, _, err := editFailing(t, v, serial, batch)
	what := fmt.Sprintf("%s, serial %t, batch %d", call, serial, batch)
	if !errors.Is(err, errInjected) {
		t.Errorf("%s: error is %v, want %v", what, err, errInjected)
	}
	if _, saved := stages[pipeline.Saving]; saved && call != "close part-000000 0" {
		t.Errorf("%s: a step took the failure for the end of the video", what)
	}
	if n := v.ended.Load(); n > 0 {
		t.Errorf("%s: %d files were completed after the failure", what, n)
	}
	if n := v.opened.Load(); n > 0 {
		t.Errorf("%s: %d decoders and encoders are left open", what, n)
	}
	settled(t, what, before)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, what string, before int) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-deadline:
			t.Errorf("%s: %d goroutines, %d before", what, runtime.NumGoroutine(), before)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// TestStagesCountFrames checks that each stage ends with the number of frames
// that the video has, though the smoother holds some back.
func TestStagesCountFrames(t *testing.T) {
	_, result, err := editFailing(t, &failing{}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Stages {
		want := 5
		switch s.Stage {
		case pipeline.Extracting:
			continue
		case pipeline.Masking:
			want = 1
		}
		if s.Frames != want {
			t.Errorf("stage %s has %d frames, want %d", s.Stage, s.Frames, want)
		}
	}
}

// TestBatches edits with several frames at once: those go together whose numbers
// say so, and the result is the one of single frames.
func TestBatches(t *testing.T) {
	results := map[int][][]byte{}
	for _, batch := range []int{1, 3} {
		w, v, e := &witness{editing: true}, &failing{}, shared.engine()
		e.Load, e.Batch = w.load(e.Load), batch
		if _, _, err := v.edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
		results[batch] = v.written["part-000000"]
		var rows []int64
		for _, s := range w.shapes {
			if n := len(rows); s[0] != 2 && (n == 0 || rows[n-1] != s[0]) { // 2 is the probe
				rows = append(rows, s[0])
			}
		}
		if want := map[int][]int64{1: {3}, 3: {9, 6}}[batch]; !slices.Equal(rows, want) {
			t.Errorf("batches of %d: the UNet saw %v rows, want %v", batch, rows, want)
		}
	}
	if len(results[1]) != 5 || len(results[3]) != 5 {
		t.Fatalf("%d and %d frames were written", len(results[1]), len(results[3]))
	}
	for i, want := range results[1] {
		for k, v := range results[3][i] {
			if d := int(v) - int(want[k]); d < -1 || d > 1 {
				t.Fatalf("frame %d: sample %d is %d, and %d in a batch", i, k, want[k], v)
			}
		}
	}
}

// TestWarm edits with a warm-up: the UNet sees the size of the frames before the
// first of them, and the result is the same.
func TestWarm(t *testing.T) {
	var runs [2]int
	var results [2][][]byte
	for i, warm := range []bool{false, true} {
		w, v, e := &witness{}, &failing{}, shared.engine()
		e.Load, e.Warm = w.load(e.Load), warm
		w.editing = true
		if _, _, err := v.edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
		runs[i], results[i] = len(w.sizes), v.written["part-000000"]
	}
	if runs[1] != runs[0]+1 {
		t.Errorf("the editor saw %d pictures with a warm-up and %d without", runs[1], runs[0])
	}
	if !slices.EqualFunc(results[0], results[1], slices.Equal[[]byte]) {
		t.Error("a warm-up changes the result")
	}
}
