package ffmpeg

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// TestMain lets the test binary stand in for ffmpeg: see fake_test.go.
func TestMain(m *testing.M) {
	if mode := os.Getenv("UREDIT_FAKE_FFMPEG"); mode != "" {
		os.Exit(fake(mode))
	}
	os.Exit(m.Run())
}

var findTool = sync.OnceValues(func() (*Tool, error) { return Find("ffmpeg", "ffprobe") })

func realTool(t testing.TB) *Tool {
	t.Helper()
	tool, err := findTool()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// run runs ffmpeg or ffprobe with words of args and returns what it printed.
func run(t testing.TB, program, args string, more ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, append(append([]string{"-v", "error"}, strings.Fields(args)...), more...)...)
	var out, fail bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fail
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, args, err, &fail)
	}
	return out.Bytes()
}

// clip makes a file with ffmpeg and opens it.
func clip(t testing.TB, name, args string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	run(t, "ffmpeg", "-nostdin "+args, "-y", path)
	return open(t, path)
}

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// create makes an empty file for an output.
func create(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// file writes a file and opens it.
func file(t testing.TB, name string, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func probe(t testing.TB, f *os.File) media.Info {
	t.Helper()
	info, err := realTool(t).Probe(t.Context(), f)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return info
}

// decodeAll reads every frame. The frames are copies.
func decodeAll(t testing.TB, f *os.File, info media.Info, d media.Decode) (frames []*frame.Frame, warnings []string) {
	t.Helper()
	dec, err := realTool(t).Decode(t.Context(), f, info, d)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	defer dec.Close()
	for {
		fr := frame.New(info.FrameWidth(), info.FrameHeight())
		switch err := dec.Read(fr); err {
		case nil:
			frames = append(frames, fr)
		case io.EOF:
			return frames, dec.Warnings()
		default:
			t.Fatalf("read frame %d: %v", len(frames), err)
		}
	}
}

func encodeAll(t testing.TB, out *os.File, e media.Encode, frames []*frame.Frame) {
	t.Helper()
	enc, err := realTool(t).Encode(t.Context(), out, e)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	for _, f := range frames {
		if err := enc.Write(f); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// encodeFor asks for the losslessly encoded video of info, with B-frames.
func encodeFor(info media.Info) media.Encode {
	return media.Encode{Width: info.FrameWidth(), Height: info.FrameHeight(), TimeBase: info.TimeBase,
		FrameRate: info.FrameRate, Aspect: info.Aspect, Colour: info.Colour, Codec: "h264", Preset: "veryfast"}
}

func times(frames []*frame.Frame) []int64 {
	var pts []int64
	for _, f := range frames {
		pts = append(pts, f.PTS)
	}
	return pts
}

// plain decodes with ffmpeg as a user would: the checksum of the visible samples
// of each frame, in pixFmt.
func plain(t testing.TB, f *os.File, pixFmt string) []string {
	t.Helper()
	out := run(t, "ffmpeg", "-nostdin -i "+f.Name()+" -map 0:v:0 -fps_mode passthrough -f framemd5 -pix_fmt "+pixFmt+" -")
	var sums []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(strings.TrimSpace(line), ",")
			sums = append(sums, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	return sums
}

// visible is the checksum of a frame's samples without those that make an odd
// size even.
func visible(f *frame.Frame, info media.Info) string {
	h := md5.New()
	for y := range info.Height {
		h.Write(f.Y().Row(y)[:info.Width])
	}
	h.Write(f.Cb().Pix)
	h.Write(f.Cr().Pix)
	return hex.EncodeToString(h.Sum(nil))
}

// stream is what ffprobe says about a stream of an output.
type stream struct {
	Type      string            `json:"codec_type"`
	Codec     string            `json:"codec_name"`
	Tag       string            `json:"codec_tag_string"`
	PixFmt    string            `json:"pix_fmt"`
	Aspect    string            `json:"sample_aspect_ratio"`
	Range     string            `json:"color_range"`
	Matrix    string            `json:"color_space"`
	Transfer  string            `json:"color_transfer"`
	Primaries string            `json:"color_primaries"`
	TimeBase  string            `json:"time_base"`
	Start     string            `json:"start_time"`
	Duration  string            `json:"duration"`
	Tags      map[string]string `json:"tags"`
}

func streams(t testing.TB, path string) []stream {
	t.Helper()
	var doc struct{ Streams []stream }
	if err := json.Unmarshal(run(t, "ffprobe", "-of json -show_streams "+path), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Streams
}

// packetTimes returns the sorted presentation times of a stream as ffprobe
// prints them, in seconds.
func packetTimes(t testing.TB, path, selector string) []string {
	t.Helper()
	out := run(t, "ffprobe", fmt.Sprintf("-select_streams %s -show_entries frame=pts_time -of csv=p=0 %s", selector, path))
	var list []string
	for _, word := range strings.Fields(string(out)) {
		list = append(list, strings.Trim(word, ","))
	}
	return list
}
