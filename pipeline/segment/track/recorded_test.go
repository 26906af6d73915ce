package track_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/segment/track"
)

// bundle holds the graphs and what Hugging Face's video model made of them; its
// README says what the fields mean.
const bundle = "../../../models/testdata/sam3-tiny"

// recording is what one clip or script gave in Python.
type recording struct {
	Clip, Decode, Prompt string
	Width, Height        int
	Thresholds           map[string]any
	Given                bool
	Frames               []struct {
		CRC32      uint32
		Detections []struct {
			Score float32
			Kept  bool
			Low   []uint32
		}
		Boxes []struct {
			Box        [4]float32 // in samples of the picture
			Logit, Sum float64    // Sum of the mask's logits
			Low        []uint32
		}
		Steps   []step
		Bank    []track.Kept
		Objects []struct {
			ID       int
			Presence float32
			Low      []uint32
			RLE      struct{ Counts []uint32 }
		}
	}
}

// step is what the network was asked about one object, and what it said.
type step struct {
	Places, Ago []int
	Logit       float64
	Low         []uint32
}

func readRecording(t *testing.T, path string) *recording {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := new(recording)
	if err := json.NewDecoder(z).Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// pictures decodes the clip as it was decoded for the recording.
func (r *recording) pictures(t *testing.T) [][]byte {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", filepath.Join(bundle, "clips", r.Clip),
		"-vf", r.Decode, "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(slices.Chunk(raw, 3*r.Width*r.Height))
	if len(all) != len(r.Frames) {
		t.Fatalf("%d frames were decoded, want %d", len(all), len(r.Frames))
	}
	for i, p := range all {
		if crc32.ChecksumIEEE(p) != r.Frames[i].CRC32 {
			t.Fatalf("frame %d is not decoded as the recording's was: another ffmpeg", i)
		}
	}
	return all
}

// folder copies the bundle's part, with the recording's thresholds.
func (r *recording) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(bundle, "sam3"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sam3.json")
	data, err := os.ReadFile(path)
	var config map[string]any
	if err := errors.Join(err, json.Unmarshal(data, &config)); err != nil {
		t.Fatal(err)
	}
	thresholds, ok := config["thresholds"].(map[string]any)
	if !ok {
		t.Fatal("sam3.json has no thresholds")
	}
	for name, v := range r.Thresholds {
		thresholds[name] = v
	}
	data, err = json.Marshal(config)
	if err := errors.Join(err, os.WriteFile(path, data, 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// given returns the logits of a scripted detection: 8 inside and -8 outside.
func given(counts []uint32, side int) frame.Plane32 {
	m := frame.NewPlane32(side, side)
	at, v := 0, float32(-8)
	for _, n := range counts {
		for range n {
			m.Pix[at%side*side+at/side] = v
			at++
		}
		v = -v
	}
	return m
}

// runs returns COCO's run lengths of the samples above 0.
func runs(m frame.Plane32) []uint32 {
	var counts []uint32
	n, inside := uint32(0), false
	for x := range m.Width {
		for y := range m.Height {
			if (m.Pix[y*m.Stride+x] > 0) != inside {
				counts, n, inside = append(counts, n), 0, !inside
			}
			n++
		}
	}
	return append(counts, n)
}

// overlap returns the intersection over the union of two masks of one size in run
// lengths; of two empty ones it is 1.
func overlap(a, b []uint32) float64 {
	m, n := samples(a), samples(b)
	if len(m) != len(n) {
		return 0
	}
	both, either := 0, 0
	for i := range m {
		if m[i] && n[i] {
			both++
		}
		if m[i] || n[i] {
			either++
		}
	}
	if either == 0 {
		return 1
	}
	return float64(both) / float64(either)
}

func samples(counts []uint32) []bool {
	var mask []bool
	for i, n := range counts {
		mask = append(mask, slices.Repeat([]bool{i%2 == 1}, int(n))...)
	}
	return mask
}
