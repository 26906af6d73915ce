package ffmpeg

import (
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

func readPNG(t testing.TB, path string) image.Image {
	t.Helper()
	img, err := png.Decode(open(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// edit does what the pipeline does, without an edit: decode, encode, mux.
func edit(t *testing.T, in *os.File, d media.Decode) (out string, info media.Info, warnings []string) {
	t.Helper()
	info = probe(t, in)
	frames, _ := decodeAll(t, in, info, d)
	result := create(t, "out.mp4")
	warnings, err := realTool(t).Mux(t.Context(), result, partsOf(t, encodeFor(info), frames), in, info)
	if err != nil {
		t.Fatalf("mux: %v", err)
	}
	return result.Name(), info, warnings
}

// partsOf encodes runs of frames, each into a file of its own.
func partsOf(t *testing.T, e media.Encode, runs ...[]*frame.Frame) media.Parts {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	p := media.Parts{Dir: root}
	for i, frames := range runs {
		p.List = append(p.List, media.Part{Name: fmt.Sprintf("part-%d.mp4", i), Start: frames[0].PTS})
		out, err := root.Create(p.List[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		encodeAll(t, out, e, frames)
		out.Close()
	}
	return p
}

// TestMuxJoinsParts joins a video that was encoded in parts, with B-frames: each
// frame keeps its time, to the tick, and its samples.
func TestMuxJoinsParts(t *testing.T) {
	in := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -pix_fmt yuv420p "+x264)
	for _, tt := range []struct {
		name string
		tb   media.Rational
		at   func(i int) int64
	}{
		{"constant", media.Rational{Num: 1001, Den: 30000}, func(i int) int64 { return int64(i) }},
		{"late", media.Rational{Num: 1, Den: 12800}, func(i int) int64 { return 5121 + 512*int64(i) }},
		{"variable, long gaps where parts meet", media.Rational{Num: 1, Den: 90000}, func(i int) int64 {
			return int64(i)*3003 + int64((i+5)/6)*77777 + int64(i/6)*11 + int64(i%3)*500
		}},
		{"hours", media.Rational{Num: 1, Den: 90000}, func(i int) int64 { return 90000*36000 + 3003*int64(i) }},
		{"fine ticks", media.Rational{Num: 1, Den: 10_000_000}, func(i int) int64 { return 333333*int64(i) + int64(i*i%7) }},
	} {
		for _, codec := range []string{"h264", "hevc"} {
			t.Run(tt.name+" "+codec, func(t *testing.T) {
				info := probe(t, in)
				info.TimeBase = tt.tb
				e := encodeFor(info)
				e.Codec, e.CRF, e.Preset = codec, 20, "medium"
				var at []int64
				for i := range 19 {
					at = append(at, tt.at(i))
				}
				all := moving(64, 48, at...)
				parts := partsOf(t, e, all[:6], all[6:12], all[12:18], all[18:])
				out := create(t, "out.mp4")
				if _, err := realTool(t).Mux(t.Context(), out, parts, in, info); err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, p := range parts.List {
					want = append(want, plain(t, open(t, filepath.Join(parts.Dir.Name(), p.Name)), "yuv420p")...)
				}
				if got := plain(t, out, "yuv420p"); !slices.Equal(got, want) {
					t.Errorf("%d frames of %d, or other ones", len(got), len(want))
				}
				var ticks []int64
				for _, word := range strings.Fields(string(run(t, "ffprobe", "-select_streams v:0 -show_entries frame=pts -of csv=p=0 "+out.Name()))) {
					v, err := strconv.ParseInt(strings.Trim(word, ","), 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					ticks = append(ticks, v/tt.tb.Num)
				}
				if !slices.Equal(ticks, at) {
					t.Errorf("times %d, want %d", ticks, at)
				}
			})
		}
	}
}

func TestMuxSound(t *testing.T) {
	const two = "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1 -pix_fmt yuv420p " + x264
	for _, tt := range []struct {
		name, file, args string
		codecs           string
		warning          string
	}{
		{"copied", "a.mp4", two + "-c:a aac -metadata:s:a:0 language=fra", "h264 aac", ""},
		{"adts", "a.ts", two + "-c:a aac -metadata:s:a:0 language=fra", "h264 aac", ""},
		{"mp3", "a.mkv", two + "-c:a libmp3lame -metadata:s:a:0 language=fra", "h264 mp3", ""},
		{"opus", "a.mkv", two + "-c:a libopus -metadata:s:a:0 language=fra", "h264 opus", ""},
		{"flac", "a.mkv", two + "-c:a flac -metadata:s:a:0 language=fra", "h264 flac", ""},
		{"pcm", "a.mov", two + "-c:a pcm_s16le -metadata:s:a:0 language=fra", "h264 aac", "pcm_s16le"},
		{"vorbis", "a.mkv", two + "-c:a libvorbis -metadata:s:a:0 language=fra", "h264 aac", "vorbis"},
		{"none", "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -pix_fmt yuv420p " + x264, "h264", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := clip(t, tt.file, tt.args)
			out, _, warnings := edit(t, in, media.Decode{})
			var codecs []string
			for _, s := range streams(t, out) {
				codecs = append(codecs, s.Codec)
				if d, _ := strconv.ParseFloat(s.Duration, 64); math.Abs(d-1) > 0.05 {
					t.Errorf("%s lasts %s s", s.Codec, s.Duration)
				}
				if s.Type == "audio" && s.Tags["language"] != "fra" {
					t.Errorf("language = %q", s.Tags["language"])
				}
			}
			if got := strings.Join(codecs, " "); got != tt.codecs {
				t.Errorf("streams = %s, want %s", got, tt.codecs)
			}
			if got := strings.Join(warnings, "\n"); !strings.Contains(got, tt.warning) || tt.warning == "" && got != "" {
				t.Errorf("warnings = %q, want %q", got, tt.warning)
			}
			if got, want := plain(t, open(t, out), "yuv420p"), plain(t, in, "yuv420p"); !slices.Equal(got, want) {
				t.Error("the picture changed")
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if moov, mdat := strings.Index(string(b), "moov"), strings.Index(string(b), "mdat"); moov > mdat {
				t.Error("the index is not at the start")
			}
		})
	}
}

// TestMuxKeepsSync compares the distance of the first picture and the first
// sound before and after.
func TestMuxKeepsSync(t *testing.T) {
	for _, tt := range []struct {
		name, file, args string
	}{
		{"sound late", "a.mkv", "-f lavfi -i testsrc2=s=64x48:r=25:d=1 -itsoffset 0.3 -f lavfi -i sine=r=48000:d=0.7 -c:v ffv1 -c:a flac"},
		{"picture late", "a.mkv", "-itsoffset 0.4 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1.4 -c:v ffv1 -c:a flac"},
		{"picture late, mp4", "a.mp4", "-itsoffset 0.4 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1.4 -pix_fmt yuv420p -c:a aac " + x264},
		{"both hours late", "a.ts", "-itsoffset 0.4 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1.4 -pix_fmt yuv420p -output_ts_offset 9000 -c:a aac " + x264},
		{"converted", "a.mkv", "-itsoffset 0.4 -f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1.4 -c:v ffv1 -c:a pcm_s16le"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := clip(t, tt.file, tt.args)
			out, _, _ := edit(t, in, media.Decode{})
			distance := func(path string) float64 {
				v, _ := strconv.ParseFloat(packetTimes(t, path, "v:0")[0], 64)
				a, _ := strconv.ParseFloat(packetTimes(t, path, "a:0")[0], 64)
				return v - a
			}
			before, after := distance(in.Name()), distance(out)
			if math.Abs(before-after) > 0.0015 {
				t.Errorf("the picture starts %.4f s after the sound, %.4f s before the edit", after, before)
			}
			if first, _ := strconv.ParseFloat(packetTimes(t, out, "v:0")[0], 64); first > 0.45 {
				t.Errorf("the picture starts at %.3f s", first)
			}
		})
	}
}

// TestMuxEndsWithTheLastFrame cuts sound, subtitles and chapters where the
// frames end.
func TestMuxEndsWithTheLastFrame(t *testing.T) {
	for _, codec := range []string{"aac", "pcm_s16le"} {
		in := clip(t, "a.mov", "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=r=48000:d=3 -pix_fmt yuv420p -c:a "+codec+" "+x264)
		out, _, _ := edit(t, in, media.Decode{Max: 20})
		for _, s := range streams(t, out) {
			if d, _ := strconv.ParseFloat(s.Duration, 64); math.Abs(d-0.8) > 0.025 {
				t.Errorf("%s: %s lasts %s s, want 0.8", codec, s.Type, s.Duration)
			}
		}
		if n := len(packetTimes(t, out, "v:0")); n != 20 {
			t.Errorf("%s: %d frames", codec, n)
		}
	}
}

func TestMuxSubtitlesAndChapters(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	srt := write("a.srt", "1\n00:00:00,200 --> 00:00:00,600\nhello\n\n2\n00:00:00,700 --> 00:00:00,900\nworld\n")
	meta := write("a.txt", ";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n")
	for _, tt := range []struct{ file, subtitles, audio string }{{"a.mkv", "subrip", "flac"}, {"a.mp4", "mov_text", "aac"}} {
		in := clip(t, tt.file, fmt.Sprintf("-f lavfi -i testsrc2=s=64x48:r=25:d=1 -f lavfi -i sine=r=48000:d=1 -i %s -i %s -map 0 -map 1 -map 2 -map_metadata 3 -map_chapters 3 -metadata:s:s:0 language=deu -pix_fmt yuv420p -c:a %s -c:s %s %s",
			srt, meta, tt.audio, tt.subtitles, x264))
		out, info, warnings := edit(t, in, media.Decode{})
		if info.Chapters != 2 || len(info.Subtitles) != 1 || info.Subtitles[0].Language != "deu" || len(warnings) > 0 {
			t.Errorf("%s: info %+v, warnings %q", tt.file, info, warnings)
		}
		var subtitles int
		for _, s := range streams(t, out) {
			if s.Type == "subtitle" {
				subtitles++
				if s.Codec != "mov_text" || s.Tags["language"] != "deu" {
					t.Errorf("%s: subtitles %+v", tt.file, s)
				}
			}
		}
		if subtitles != 1 {
			t.Errorf("%s: %d subtitles", tt.file, subtitles)
		}
		if text := string(run(t, "ffmpeg", "-nostdin -i "+out+" -map 0:s:0 -f srt -")); !strings.Contains(text, "00:00:00,700 --> 00:00:00,900\nworld") {
			t.Errorf("%s: subtitles are %q", tt.file, text)
		}
		var doc struct {
			Chapters []struct {
				Start string            `json:"start_time"`
				Tags  map[string]string `json:"tags"`
			}
			Format struct {
				Tags map[string]string `json:"tags"`
			}
		}
		if err := json.Unmarshal(run(t, "ffprobe", "-of json -show_chapters -show_format "+out), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Chapters) != 2 || doc.Chapters[1].Start != "0.500000" || doc.Chapters[1].Tags["title"] != "Two" || doc.Format.Tags["title"] != "A title" {
			t.Errorf("%s: %+v", tt.file, doc)
		}
	}
}

func TestMuxKeepsVariableTimes(t *testing.T) {
	in := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=32x32:r=25:d=0.4 -f lavfi -i sine=d=0.4 -vf select=not(eq(n\\,1)+eq(n\\,2)+eq(n\\,6)) -fps_mode passthrough -pix_fmt yuv420p -video_track_timescale 90000 -c:a aac "+x264)
	out, _, _ := edit(t, in, media.Decode{})
	if got, want := packetTimes(t, out, "v:0"), packetTimes(t, in.Name(), "v:0"); !slices.Equal(got, want) {
		t.Errorf("times = %v, want %v", got, want)
	}
}

func TestMuxKeepsColourAndShape(t *testing.T) {
	for _, c := range []media.Colour{
		{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"},
		{Matrix: "smpte170m", Primaries: "smpte170m", Transfer: "smpte170m", Range: "tv"},
		{Matrix: "bt470bg", Primaries: "bt470bg", Transfer: "iec61966-2-1", Range: "pc"},
	} {
		in := clip(t, "a.mp4", fmt.Sprintf("-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -vf setsar=4/3,setparams=colorspace=%s:color_primaries=%s:color_trc=%s:range=%s -pix_fmt yuv420p %s",
			c.Matrix, c.Primaries, c.Transfer, c.Range, x264))
		out, info, _ := edit(t, in, media.Decode{})
		if info.Colour != c {
			t.Errorf("the input's colour is %+v, want %+v", info.Colour, c)
		}
		s := streams(t, out)[0]
		if got := (media.Colour{Matrix: s.Matrix, Primaries: s.Primaries, Transfer: s.Transfer, Range: s.Range}); got != c || s.Aspect != "4:3" {
			t.Errorf("the output's colour is %+v, aspect %s, want %+v", got, s.Aspect, c)
		}
	}
}

// TestMuxLeavesBrokenSound has sound that does not decode: the picture must
// come out all the same.
func TestMuxLeavesBrokenSound(t *testing.T) {
	in := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -pix_fmt yuv420p "+x264)
	info := probe(t, in)
	frames, _ := decodeAll(t, in, info, media.Decode{})
	parts := partsOf(t, encodeFor(info), frames)
	info.Audio = []media.Stream{{Index: 7, Codec: "aac"}} // a stream that is not there fails every way
	out := create(t, "out.mp4")
	warnings, err := realTool(t).Mux(t.Context(), out, parts, in, info)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "left out") {
		t.Errorf("warnings %q, err %v", warnings, err)
	}
	if n := len(packetTimes(t, out.Name(), "v:0")); n != 10 {
		t.Errorf("%d frames", n)
	}
}

func TestMuxDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	in := clip(t, "a.mp4", source+"-pix_fmt yuv420p "+x264)
	info := probe(t, in)
	frames, _ := decodeAll(t, in, info, media.Decode{})
	_, err = realTool(t).Mux(t.Context(), full, partsOf(t, encodeFor(info), frames), in, info)
	if f := fault.Of(err); f.Code != fault.DiskFull || !f.Retryable {
		t.Errorf("err = %v (%s)", err, f.Code)
	}
}
