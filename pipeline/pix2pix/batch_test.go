package pix2pix_test

import (
	"fmt"
	"testing"

	"uredit/pipeline/pix2pix"
)

// TestBatchesAreEqual edits pictures one by one and together, in batches of
// several sizes by one session. With and without noise in the steps, and with
// noise that is drawn from a sequence, the pictures are the same.
func TestBatchesAreEqual(t *testing.T) {
	const close = 1e-6
	e := open(t, tinyFolder, nil)
	source, w, h := picture(t, one(t).Picture)
	for scheduler, noise := range map[string]string{
		pix2pix.EulerAncestral: pix2pix.NoiseTorch, pix2pix.DPMSolver2M: pix2pix.NoisePhilox,
	} {
		p := pix2pix.Params{Prompt: "make it blue", Steps: 3, GuidanceScale: 7.5, ImageGuidanceScale: 1.5, Scheduler: scheduler, Noise: noise, Seed: 3}
		single, together := start(t, e, p), start(t, e, p)
		if err := together.Warm(t.Context(), 2, w, h); err != nil {
			t.Fatal(err)
		}
		if !together.Batches() {
			t.Fatal("the tiny UNet takes one picture at a time only")
		}
		for _, n := range []int{3, 1} {
			var batch []pix2pix.Picture
			for i := range n {
				batch = append(batch, pix2pix.Picture{Source: dimmed(source, i), Edited: make([]float32, len(source)), X: 24 * i, Y: -8 * i})
			}
			if err := together.EditBatch(t.Context(), batch, w, h); err != nil {
				t.Fatal(err)
			}
			for i, b := range batch {
				want := make([]float32, len(source))
				if err := single.Edit(t.Context(), want, b.Source, w, h, b.X, b.Y); err != nil {
					t.Fatal(err)
				}
				if d := distance(b.Edited, want); d > close {
					t.Errorf("%s, %s noise: picture %d of %d differs by %.1e from itself edited alone", scheduler, noise, i, n, d)
				}
			}
		}
	}
}

// TestStreamDoesNotBatch: each picture's noise goes on where the last one's ended.
func TestStreamDoesNotBatch(t *testing.T) {
	e := open(t, tinyFolder, nil)
	if s := start(t, e, pix2pix.Params{Steps: 1, Noise: pix2pix.NoiseTorchStream}); s.Batches() {
		t.Error("a session with noise from a stream takes several pictures at once")
	}
}

func start(t *testing.T, e *pix2pix.Editor, p pix2pix.Params) *pix2pix.Session {
	t.Helper()
	s, err := e.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dimmed returns a picture with other values for each i.
func dimmed(source []float32, i int) []float32 {
	values := make([]float32, len(source))
	for k, v := range source {
		values[k] = v / float32(1+i)
	}
	return values
}

func distance(a, b []float32) (worst float32) {
	if len(a) != len(b) {
		panic(fmt.Sprint(len(a), " and ", len(b), " values"))
	}
	for i, v := range a {
		worst = max(worst, v-b[i], b[i]-v)
	}
	return worst
}
