package pipeline_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/pipelinetest"
)

// origin is what the tests' edits depend on.
var origin = pipeline.Origin{Input: "clip", Segmenter: "a", Editor: "b", Versions: "1"}

// resumable is an edit that can be ended and taken up again.
type resumable struct {
	engine *pipeline.Engine
	input  string
	spec   pipeline.Spec
	size   int // frames of a segment
	batch  int
}

// run edits in dir. It is ended when stop says so, if that is not nil.
func (e *resumable) run(t *testing.T, dir string, stop func(pipeline.Progress) bool) (edited, *pipeline.Continuation, error) {
	t.Helper()
	work, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	in, err := os.Open(e.input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := e.spec
	s.Input, s.InputName, s.Work = in, filepath.Base(e.input), work
	e.engine.SegmentFrames, e.engine.Batch = e.size, e.batch
	var c *pipeline.Continuation
	result, err := e.engine.Edit(ctx, s, func(p pipeline.Progress) {
		if p.Continues != nil {
			c = p.Continues
		}
		if stop != nil && stop(p) {
			cancel()
		}
	})
	return edited{result, dir}, c, err
}

// handOn moves what is sealed to a new directory, as the next attempt of a job
// does.
func handOn(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	masks, segments := pipeline.SealedFiles(files(t, from))
	for _, n := range slices.Concat(masks, segments) {
		if err := os.Rename(filepath.Join(from, n), filepath.Join(to, n)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// shown is what a player shows and plays: the time and the samples of each
// picture, and of each packet of sound.
func shown(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-copyts", "-i", name, "-map", "0", "-fps_mode", "passthrough", "-enc_time_base:v", "1/90000", "-f", "framemd5", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// cutClip is a clip of two shots with balls of different sizes.
func cutClip(w, h, cut int) pipelinetest.Clip {
	first := pipelinetest.Ball{Colour: pipelinetest.RGB{210, 30, 30}, Radius: 14, Shaded: true, At: func(i int) (float64, float64, bool) {
		return 30 + 2*float64(i), 40 + float64(i), i < cut
	}}
	second := first
	second.Radius, second.At = 22, func(i int) (float64, float64, bool) {
		return float64(w) - 40 - float64(i-cut), 60 + 0.5*float64(i), i >= cut && i != cut+5
	}
	return pipelinetest.Clip{Width: w, Height: h, Balls: []pipelinetest.Ball{first, second},
		Background: func(x, y, i int) pipelinetest.RGB {
			if i >= cut {
				return pipelinetest.RGB{40, uint8(60 + x/4), 40}
			}
			return pipelinetest.Texture(x, y, i)
		}}
}

// withSound gives a clip uneven times and a tone.
func withSound(t *testing.T, clip string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "sound.mp4")
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", clip, "-f", "lavfi", "-i", "sine=r=48000:d=3", "-map", "0:v", "-map", "1:a",
		"-vf", "settb=1/90000,setpts='N*3003+floor(N/4)*20000+if(mod(N,3),700,0)'", "-fps_mode", "passthrough", "-enc_time_base:v", "1/90000",
		"-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-video_track_timescale", "90000", "-c:a", "aac", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// atFrame ends an edit at a frame of a stage.
func atFrame(s pipeline.Stage, n int) func(pipeline.Progress) bool {
	return func(p pipeline.Progress) bool { return p.Stage == s && p.Frame >= n }
}

// TestContinue ends edits at several points and takes them up again: what is
// shown, when, and what is heard is that of an edit that was not ended.
func TestContinue(t *testing.T) {
	const frames = 22
	plain := shared.clip(t, cutClip(160, 120, 9), frames)
	uneven := withSound(t, plain)
	for _, tt := range []struct {
		name   string
		input  string
		batch  int
		change func(*pipeline.Spec)
	}{
		{"along motion", uneven, 1, func(*pipeline.Spec) {}},
		{"along motion, batches", plain, 3, func(s *pipeline.Spec) { s.SmoothingWindow = 7 }},
		{"classic", plain, 1, func(s *pipeline.Spec) { s.Smoothing = pipeline.SmoothClassic }},
		{"off, only some frames", uneven, 1, func(s *pipeline.Spec) { s.Smoothing, s.MaxFrames = pipeline.SmoothOff, 20 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &resumable{engine: shared.engine(), input: tt.input, spec: spec(), size: 4, batch: tt.batch}
			e.spec.Origin, e.spec.Attempt, e.spec.Steps, e.spec.EditSize, e.spec.CropPadding = origin, 1, 2, 64, 10
			e.spec.ErodeKernel, e.spec.CRF, e.spec.Preset = 3, 20, "medium"
			tt.change(&e.spec)
			whole, c, err := e.run(t, t.TempDir(), nil)
			if err != nil || c != nil {
				t.Fatal(c, err)
			}
			output, mask := shown(t, whole.output()), shown(t, whole.mask())
			dir := t.TempDir()
			last := -1
			for n, stop := range []func(pipeline.Progress) bool{
				atFrame(pipeline.Propagating, 7), atFrame(pipeline.Editing, 2), atFrame(pipeline.Editing, 10),
				atFrame(pipeline.Editing, 15), atFrame(pipeline.Editing, 17), atFrame(pipeline.Saving, 0),
			} {
				e.spec.Attempt = n + 1
				_, c, err := e.run(t, dir, stop)
				if err == nil {
					t.Fatalf("run %d was not ended", n+1)
				}
				if c != nil {
					if c.Frame != e.size*c.Segments || c.Frame < last || c.Total != whole.Frames || c.Attempt > n || len(c.Left) > 0 {
						t.Errorf("run %d: %+v", n+1, *c)
					}
					last = c.Frame
				}
				dir = handOn(t, dir)
			}
			got, c, err := e.run(t, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c == nil || c.Segments < 4 {
				t.Errorf("the last run continues %+v", c)
			}
			if shown(t, got.output()) != output {
				t.Error("the output is another one")
			}
			if shown(t, got.mask()) != mask {
				t.Error("the mask preview is another one")
			}
			if got.Frames != whole.Frames || got.EmptyFrames != whole.EmptyFrames || got.Objects != whole.Objects || !slices.Equal(got.Warnings, whole.Warnings) {
				t.Errorf("result %+v, want %+v", got.Result, whole.Result)
			}
		})
	}
}

// TestSpoiltSeals spoils what a complete edit sealed: it is edited again from
// there on, and nothing spoilt is shown.
func TestSpoiltSeals(t *testing.T) {
	e := &resumable{engine: shared.engine(), input: shared.clip(t, cutClip(64, 48, 5), 10), spec: spec(), size: 4}
	e.spec.Origin, e.spec.Attempt, e.spec.Steps, e.spec.EditSize, e.spec.CropPadding, e.spec.ErodeKernel = origin, 1, 1, 64, 8, 2
	e.spec.Origin.Provider = "cpu"
	whole, _, err := e.run(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := shown(t, whole.output())
	flip := func(name string, at int) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			data[(at+len(data))%len(data)] ^= 4
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, name), 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	same := func(*pipeline.Spec) {}
	nothing := func(*testing.T, string) {}
	for _, tt := range []struct {
		name     string
		spoil    func(t *testing.T, dir string)
		change   func(*pipeline.Spec)
		segments int  // that are used
		masks    bool // are used
	}{
		{"nothing spoilt", nothing, same, 3, true},
		{"a bit of a segment", flip("part-000001.mp4", -200), same, 1, true},
		{"the end of a segment", cut("part-000000.mp4"), same, 0, true},
		{"a bit of a seal", flip("part-000002.seal", -30), same, 2, true},
		{"the end of a seal", cut("part-000002.seal"), same, 2, true},
		{"a segment without its seal", remove("part-000001.seal"), same, 1, true},
		{"a seal without its segment", remove("part-000001.mp4"), same, 1, true},
		{"a bit of the masks", flip("masks.runs", -3), same, 3, false},
		{"a bit of the masks' seal", flip("masks.seal", -3), same, 3, false},
		{"no preview", remove("mask.mp4"), same, 3, false},
		{"another input", nothing, func(s *pipeline.Spec) { s.Origin.Input = "other" }, 0, false},
		{"another segmenter", nothing, func(s *pipeline.Spec) { s.Origin.Segmenter = "other" }, 0, false},
		{"another editor", nothing, func(s *pipeline.Spec) { s.Origin.Editor = "other" }, 0, true},
		{"other versions", nothing, func(s *pipeline.Spec) { s.Origin.Versions = "other" }, 0, false},
		{"unknown models", nothing, func(s *pipeline.Spec) { s.Origin.Editor = "" }, 0, false},
		{"another provider", nothing, func(s *pipeline.Spec) { s.Origin.Provider = "cuda" }, 3, true},
		{"another mask prompt", nothing, func(s *pipeline.Spec) { s.MaskPrompt = "red" }, 0, false},
		{"another seed", nothing, func(s *pipeline.Spec) { s.Seed = 7 }, 0, true},
		{"another feather", nothing, func(s *pipeline.Spec) { s.Feather = 2 }, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			again := *e
			again.spec.Attempt = 2
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole.dir)); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, dir)
			tt.change(&again.spec)
			got, c, err := again.run(t, handOn(t, dir), nil)
			if err != nil {
				t.Fatal(err)
			}
			if c == nil {
				c = &pipeline.Continuation{}
			}
			if c.Segments != tt.segments {
				t.Errorf("%d segments were used, want %d: %q", c.Segments, tt.segments, c.Left)
			}
			if found := !slices.ContainsFunc(got.Lanes, func(l *pipeline.Lane) bool { return l.Pass == 1 }); found != tt.masks {
				t.Errorf("the masks were used: %t, want %t: %q", found, tt.masks, c.Left)
			}
			if mixed := again.spec.Origin.Provider != "cpu"; c.Mixed != mixed {
				t.Errorf("mixed: %t, want %t", c.Mixed, mixed)
			}
			fresh := tt.segments < 3 || !tt.masks
			if fresh && len(c.Left) == 0 && again.spec.MaskKey() != "" && tt.name != "a segment without its seal" && tt.name != "a seal without its segment" {
				t.Error("nobody is told why")
			}
			if again.spec.EditKey() == e.spec.EditKey() && shown(t, got.output()) != want {
				t.Error("the output is another one")
			}
			if left := files(t, got.dir); slices.ContainsFunc(left, func(n string) bool { return n > "part-000002.seal" }) {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestSealedWarnings: what was said before the first pass, of the input and of an
// editor that the next edit may not have, is no part of its masks.
func TestSealedWarnings(t *testing.T) {
	e := &resumable{engine: shared.engine(), input: shared.clip(t, cutClip(64, 48, 5), 12), spec: spec(), size: 4}
	cropped := filepath.Join(t.TempDir(), "odd.mkv")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-i", e.input, "-vf", "crop=63:47:0:0:exact=1", "-c:v", "ffv1", cropped).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	e.input, e.spec.Origin, e.spec.Steps, e.spec.EditSize, e.spec.CropPadding, e.spec.ErodeKernel = cropped, origin, 1, 64, 8, 2
	done, _, err := e.run(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	seal, err := os.ReadFile(filepath.Join(done.dir, "masks.seal"))
	if err != nil {
		t.Fatal(err)
	}
	const input, masks = "are written as 64x48", "names nothing in 1 of 12 frames"
	for _, sentence := range []string{input, masks} {
		if !slices.ContainsFunc(done.Warnings, func(w string) bool { return strings.Contains(w, sentence) }) {
			t.Errorf("the edit does not warn that %s: %q", sentence, done.Warnings)
		}
	}
	if text := string(seal); strings.Contains(text, input) || !strings.Contains(text, masks) {
		t.Errorf("sealed is %s", text)
	}
}
