package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestRunPix2Pix: `models run pix2pix --noise torch` writes the picture that
// diffusers makes of the same weights, for every picture that was recorded whole.
func TestRunPix2Pix(t *testing.T) {
	const reference = "../../pipeline/pix2pix/testdata/reference"
	var cases []struct {
		Scheduler     string  `json:"scheduler"`
		Steps         int     `json:"steps"`
		Guidance      float64 `json:"guidance_scale"`
		ImageGuidance float64 `json:"image_guidance_scale"`
		Prompt        string  `json:"prompt"`
		Negative      string  `json:"negative"`
		Seed          uint64  `json:"seed"`
		Picture       string  `json:"picture"`
		Stride        int     `json:"stride"`
		Offset        int     `json:"offset"`
		Count         int     `json:"count"`
	}
	s := newSite(t)
	if err := json.Unmarshal([]byte(s.read(filepath.Join(reference, "cases.json"))), &cases); err != nil {
		t.Fatal(err)
	}
	values := []byte(s.read(filepath.Join(reference, "images.f32")))
	whole := 0
	for _, c := range cases {
		if c.Stride != 1 {
			continue
		}
		whole++
		name := fmt.Sprintf("%s, %d steps, %s", c.Scheduler, c.Steps, c.Picture)
		out := filepath.Join(t.TempDir(), "out.png")
		var stderr bytes.Buffer
		if code := run(t.Context(), console{&stderr, &stderr}, []string{"models", "run", "pix2pix",
			"--config", s.path("uredit.yaml"), "--bundle", "../../models/testdata/pix2pix-tiny",
			"--image", filepath.Join(reference, c.Picture), "--out", out,
			"--prompt", c.Prompt, "--negative", c.Negative, "--scheduler", c.Scheduler, "--noise", "torch",
			"--steps", fmt.Sprint(c.Steps), "--seed", fmt.Sprint(c.Seed),
			"--guidance-scale", fmt.Sprint(c.Guidance), "--image-guidance-scale", fmt.Sprint(c.ImageGuidance),
		}); code != exitDone {
			t.Fatalf("%s: exit status %d: %s", name, code, &stderr)
		}
		want := make([]float32, c.Count)
		if _, err := binary.Decode(values[4*c.Offset:], binary.LittleEndian, want); err != nil {
			t.Fatal(err)
		}
		comparePicture(t, name, out, want)
	}
	if whole == 0 {
		t.Error("no picture was recorded whole")
	}
}

// comparePicture compares a PNG with values of 0 to 1, by channel, row and
// column: a grey level may be another where the value lies between two, none by
// more than one.
func comparePicture(t *testing.T, name, file string, want []float32) {
	t.Helper()
	m, err := readPicture(file)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	if n := b.Dx() * b.Dy(); 3*n != len(want) {
		t.Fatalf("%s: %d by %d, want %d values", name, b.Dx(), b.Dy(), len(want))
	}
	others := 0
	for i := range b.Dx() * b.Dy() {
		r, g, bl, _ := m.At(b.Min.X+i%b.Dx(), b.Min.Y+i/b.Dx()).RGBA()
		for k, v := range []uint32{r, g, bl} {
			level := math.RoundToEven(float64(want[k*b.Dx()*b.Dy()+i] * 255))
			switch d := math.Abs(float64(v>>8) - level); {
			case d > 1:
				t.Fatalf("%s: pixel %d, channel %d: %d, diffusers has %v", name, i, k, v>>8, level)
			case d == 1:
				others++
			}
		}
	}
	if share := float64(others) / float64(len(want)); share > 0.01 {
		t.Errorf("%s: %.2f %% of the values are another grey level", name, 100*share)
	}
}

// TestRunPix2PixRefuses: what is wrong is said before a model is loaded.
func TestRunPix2PixRefuses(t *testing.T) {
	var stderr bytes.Buffer
	out := filepath.Join(t.TempDir(), "out.png")
	code := run(t.Context(), console{&stderr, &stderr}, []string{"models", "run", "pix2pix", "--image", "in.png", "--out", out})
	if _, err := os.Stat(out); code != exitUsage || err == nil {
		t.Errorf("exit status %d without a prompt: %s", code, &stderr)
	}
}
