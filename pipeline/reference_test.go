package pipeline_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What ffmpeg and ffprobe, run as a user would, say about files: the reference
// for everything that the pipeline promises about them.

// program runs ffmpeg or ffprobe and returns what it printed. Words of args are
// separated by blanks; each {} stands for the next of names.
func program(t testing.TB, name, args string, names ...string) []byte {
	t.Helper()
	words := []string{"-v", "error"}
	if name == "ffmpeg" {
		words = append(words, "-nostdin", "-y")
	}
	for _, w := range strings.Fields(args) {
		if w == "{}" {
			w, names = names[0], names[1:]
		}
		words = append(words, w)
	}
	cmd := exec.Command(name, words...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, &said)
	}
	return out.Bytes()
}

// document is what ffprobe says about a file.
type document struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Start    float64           `json:"start_time,string"`
		Duration float64           `json:"duration,string"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
	Chapters []struct {
		Start float64           `json:"start_time,string"`
		End   float64           `json:"end_time,string"`
		Tags  map[string]string `json:"tags"`
	} `json:"chapters"`
	Frames []struct {
		Stream int   `json:"stream_index"`
		PTS    int64 `json:"pts"`
	} `json:"frames"`
}

type stream struct {
	Index     int               `json:"index"`
	Type      string            `json:"codec_type"`
	Codec     string            `json:"codec_name"`
	PixFmt    string            `json:"pix_fmt"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Aspect    string            `json:"sample_aspect_ratio"`
	Range     string            `json:"color_range"`
	Matrix    string            `json:"color_space"`
	Transfer  string            `json:"color_transfer"`
	Primaries string            `json:"color_primaries"`
	TimeBase  string            `json:"time_base"`
	Rate      int               `json:"sample_rate,string"`
	Start     float64           `json:"start_time,string"`
	Tags      map[string]string `json:"tags"`
	SideData  []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
	Disposition struct {
		Cover int `json:"attached_pic"`
	} `json:"disposition"`
}

func inspect(t testing.TB, file string) document {
	t.Helper()
	var d document
	out := program(t, "ffprobe", "-of json -show_format -show_streams -show_chapters -show_frames -show_entries frame=stream_index,pts {}", file)
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return d
}

// of returns the streams of a type, in order.
func (d document) of(kind string) (s []stream) {
	for _, have := range d.Streams {
		if have.Type == kind {
			s = append(s, have)
		}
	}
	return s
}

// tags are the colour tags that say something.
func (s stream) tags() [4]string {
	tags := [4]string{s.Range, s.Matrix, s.Transfer, s.Primaries}
	for i, v := range tags {
		if v == "unknown" {
			tags[i] = ""
		}
	}
	return tags
}

// picture is the first video stream that is no cover art.
func (d document) picture() stream {
	for _, s := range d.of("video") {
		if s.Disposition.Cover == 0 {
			return s
		}
	}
	return stream{Index: -1}
}

// times returns when the frames of the picture are shown, in seconds, exactly.
func (d document) times() (list []*big.Rat) {
	v := d.picture()
	tick, _ := new(big.Rat).SetString(v.TimeBase)
	for _, f := range d.Frames {
		if f.Stream == v.Index {
			at := new(big.Rat).SetInt64(f.PTS)
			list = append(list, at.Mul(at, tick))
		}
	}
	return list
}

// planes decodes the picture into frames of width by height samples,
// the way ffmpeg does it on its own; filter is the last step, "format=yuv420p"
// for one.
func planes(t testing.TB, file, filter string, width, height int) [][]byte {
	t.Helper()
	size := width*height + 2*((width+1)/2)*((height+1)/2)
	raw := program(t, "ffmpeg", "-i {} -map 0:V:0 -vf {} -fps_mode passthrough -f rawvideo -", file, filter)
	if len(raw)%size != 0 {
		t.Fatalf("%s: %d bytes are no frames of %dx%d", file, len(raw), width, height)
	}
	return slices.Collect(slices.Chunk(raw, size))
}

// centres returns the colour in the middle of each frame, RGB.
func centres(t testing.TB, file string) [][]byte {
	t.Helper()
	raw := program(t, "ffmpeg", "-i {} -map 0:v:0 -vf format=gbrp,crop=1:1,format=rgb24 -fps_mode passthrough -f rawvideo -", file)
	return slices.Collect(slices.Chunk(raw, 3))
}

// packet is one line of ffmpeg's framemd5.
type packet struct {
	time, length float64 // seconds
	sum          string
}

// packets lists the coded packets of a stream, "0:a:0" for one, on the file's
// own clock.
func packets(t testing.TB, file, selector string) (list []packet) {
	t.Helper()
	out := program(t, "ffmpeg", "-copyts -i {} -map {} -c copy -f framemd5 -", file, selector)
	tick := 0.0
	for line := range strings.Lines(string(out)) {
		if base, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			r, _ := new(big.Rat).SetString(strings.TrimSpace(base))
			tick, _ = r.Float64()
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), " ", ""), ",")
		at, err1 := strconv.ParseInt(field[2], 10, 64)
		length, err2 := strconv.ParseInt(field[3], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: framemd5 says %q", file, line)
		}
		list = append(list, packet{float64(at) * tick, float64(length) * tick, field[5]})
	}
	return list
}
