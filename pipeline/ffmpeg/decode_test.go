package ffmpeg

import (
	"os"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

const (
	source = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 "
	x264   = "-c:v libx264 -preset ultrafast "
	hdrTag = "-color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc -color_range tv "
)

// TestDecodeEqualsFFmpeg compares every visible sample with ffmpeg's own decode.
func TestDecodeEqualsFFmpeg(t *testing.T) {
	for _, tt := range []struct {
		name, file, args string
		pixFmt           string // of the plain decode; yuv420p when empty
		w, h, depth      int
		warning          string
	}{
		{name: "plain", file: "a.mp4", args: source + "-pix_fmt yuv420p " + x264, w: 64, h: 48, depth: 8},
		{name: "odd", file: "a.mkv", args: "-f lavfi -i testsrc=s=65x49:r=25:d=0.4 -pix_fmt yuv420p -c:v ffv1", w: 65, h: 49, depth: 8},
		{name: "odd width", file: "a.mkv", args: "-f lavfi -i testsrc=s=65x48:r=25:d=0.4 -pix_fmt yuv420p -c:v ffv1", w: 65, h: 48, depth: 8},
		{name: "10 bit", file: "a.mp4", args: source + "-pix_fmt yuv420p10le " + x264, w: 64, h: 48, depth: 10, warning: "10 bits"},
		{name: "4:2:2 odd", file: "a.mkv", args: "-f lavfi -i testsrc=s=65x49:r=25:d=0.4 -pix_fmt yuv422p -c:v ffv1", w: 65, h: 49, depth: 8, warning: "4:2:2"},
		{name: "4:4:4", file: "a.mp4", args: source + "-pix_fmt yuv444p " + x264, w: 64, h: 48, depth: 8, warning: "4:4:4"},
		{name: "full range", file: "a.mp4", args: source + "-vf scale=out_range=pc -pix_fmt yuvj420p " + x264, pixFmt: "yuvj420p", w: 64, h: 48, depth: 8},
		{name: "webm", file: "a.webm", args: source + "-pix_fmt yuv420p -c:v libvpx -deadline realtime", w: 64, h: 48, depth: 8},
		{name: "transport stream", file: "a.ts", args: source + "-pix_fmt yuv420p " + x264, w: 64, h: 48, depth: 8},
		{name: "motion jpeg", file: "a.avi", args: source + "-pix_fmt yuvj420p -c:v mjpeg", pixFmt: "yuvj420p", w: 64, h: 48, depth: 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := clip(t, tt.file, tt.args)
			info := probe(t, in)
			if info.Width != tt.w || info.Height != tt.h || info.BitDepth != tt.depth || info.Image || !info.Constant {
				t.Errorf("info = %+v", info)
			}
			if got := strings.Join(info.Warnings, "\n"); !strings.Contains(got, tt.warning) || tt.warning == "" && got != "" {
				t.Errorf("probe warnings = %q, want %q", got, tt.warning)
			}
			frames, warnings := decodeAll(t, in, info, media.Decode{})
			if len(warnings) > 0 {
				t.Errorf("warnings = %q", warnings)
			}
			pixFmt := tt.pixFmt
			if pixFmt == "" {
				pixFmt = "yuv420p"
			}
			want := plain(t, in, pixFmt)
			if len(frames) != len(want) || len(want) != 10 || info.Frames != 10 {
				t.Fatalf("%d frames, ffmpeg decodes %d, probe says %d", len(frames), len(want), info.Frames)
			}
			for i, f := range frames {
				if visible(f, info) != want[i] {
					t.Errorf("frame %d differs from ffmpeg's", i)
				}
				if f.Index != i {
					t.Errorf("frame %d has index %d", i, f.Index)
				}
			}
		})
	}
}

func TestDecodeRepeatsTheLastColumnAndRow(t *testing.T) {
	in := clip(t, "a.mkv", "-f lavfi -i testsrc=s=65x49:r=25:d=0.04 -pix_fmt yuv420p -c:v ffv1")
	frames, _ := decodeAll(t, in, probe(t, in), media.Decode{})
	y := frames[0].Y()
	if y.Width != 66 || y.Height != 50 {
		t.Fatalf("frame of %dx%d", y.Width, y.Height)
	}
	for row := range y.Height {
		if line := y.Row(row); line[65] != line[64] {
			t.Fatalf("row %d ends with %d, %d", row, line[64], line[65])
		}
	}
	if !slices.Equal(y.Row(49), y.Row(48)) {
		t.Error("the last row is not its neighbour's copy")
	}
}

func TestDecodeKeepsTimes(t *testing.T) {
	for _, tt := range []struct {
		name, file, args string
		constant         bool
		start            int64
		want             []int64
	}{
		{"constant", "a.mkv", "-f lavfi -i testsrc2=s=32x32:r=30000/1001:d=0.1 -c:v ffv1", true, 0, []int64{0, 33, 67}},
		{"ntsc", "a.mp4", "-f lavfi -i testsrc2=s=32x32:r=30000/1001:d=0.1 -pix_fmt yuv420p -video_track_timescale 30000 " + x264, true, 0, []int64{0, 1001, 2002}},
		{"variable", "a.mp4", "-f lavfi -i testsrc2=s=32x32:r=25:d=0.24 -vf select=not(eq(n\\,1)+eq(n\\,2)) -fps_mode passthrough -pix_fmt yuv420p -video_track_timescale 90000 " + x264,
			false, 0, []int64{0, 10800, 14400, 18000}},
		{"late", "a.ts", "-f lavfi -i testsrc2=s=32x32:r=25:d=0.12 -pix_fmt yuv420p -bf 0 -output_ts_offset 5000 " + x264, true, 450126000, []int64{0, 3600, 7200}},
		{"avi", "a.avi", "-f lavfi -i testsrc2=s=32x32:r=30000/1001:d=0.1 -c:v ffv1", true, 0, []int64{0, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := clip(t, tt.file, tt.args)
			info := probe(t, in)
			if info.Constant != tt.constant || info.Start != tt.start {
				t.Errorf("constant %v, start %d, want %v, %d", info.Constant, info.Start, tt.constant, tt.start)
			}
			frames, _ := decodeAll(t, in, info, media.Decode{})
			if got := times(frames); !slices.Equal(got, tt.want) {
				t.Errorf("times = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestDecodeWindow(t *testing.T) {
	in := clip(t, "a.mp4", source+"-pix_fmt yuv420p "+x264)
	info := probe(t, in)
	all, _ := decodeAll(t, in, info, media.Decode{})
	for _, tt := range []struct{ first, max, from, to int }{
		{0, 3, 0, 3}, {4, 0, 4, 10}, {4, 2, 4, 6}, {8, 5, 8, 10}, {0, 100, 0, 10},
	} {
		got, warnings := decodeAll(t, in, info, media.Decode{First: tt.first, Max: tt.max})
		want := all[tt.from:tt.to]
		if len(got) != len(want) || len(warnings) > 0 {
			t.Fatalf("%+v: %d frames, warnings %q", tt, len(got), warnings)
		}
		for i := range got {
			if got[i].Index != i || got[i].PTS != want[i].PTS || !slices.Equal(got[i].Pix, want[i].Pix) {
				t.Errorf("%+v: frame %d is not frame %d of the whole", tt, i, tt.from+i)
			}
		}
	}
	dec, err := realTool(t).Decode(t.Context(), in, info, media.Decode{First: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	if err := dec.Read(frame.New(64, 48)); fault.Of(err).Code != fault.InputUnreadable {
		t.Errorf("beyond the end: %v", err)
	}
}

func TestDecodeDamaged(t *testing.T) {
	whole := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=160x120:r=25:d=2 -g 10 -pix_fmt yuv420p -movflags +faststart "+x264)
	stat, err := whole.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, percent := range []int64{50, 80} {
		b := make([]byte, stat.Size()*percent/100)
		if _, err := whole.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		in := file(t, "cut.mp4", b)
		frames, warnings := decodeAll(t, in, probe(t, in), media.Decode{})
		if len(frames) < 10 || len(frames) > 45 || len(warnings) != 1 || !strings.Contains(warnings[0], "damaged") {
			t.Errorf("%d %%: %d frames, warnings %q", percent, len(frames), warnings)
		}
	}
	// Only the index is left: nothing decodes.
	b := make([]byte, 3000)
	if _, err := whole.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	in := file(t, "index.mp4", b)
	info, err := realTool(t).Probe(t.Context(), in)
	if err == nil {
		var dec *Decoder
		if dec, err = realTool(t).Decode(t.Context(), in, info, media.Decode{}); err == nil {
			defer dec.Close()
			err = dec.Read(frame.New(info.FrameWidth(), info.FrameHeight()))
		}
	}
	if fault.Of(err).Code != fault.InputUnreadable {
		t.Errorf("index only: %v", err)
	}
}

// TestDecodeAnotherSize brings what changes its size on the way to the size that
// the probe found.
func TestDecodeAnotherSize(t *testing.T) {
	a := clip(t, "a.ts", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2 -pix_fmt yuv420p "+x264)
	b := clip(t, "b.ts", "-f lavfi -i testsrc2=s=96x80:r=25:d=0.2 -pix_fmt yuv420p -output_ts_offset 0.2 "+x264)
	var joined []byte
	for _, part := range []*os.File{a, b} {
		data, err := os.ReadFile(part.Name())
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	in := file(t, "c.ts", joined)
	info := probe(t, in)
	if frames, _ := decodeAll(t, in, info, media.Decode{}); len(frames) != 10 {
		t.Errorf("%d frames, want 10", len(frames))
	}
}

func TestDecodePictures(t *testing.T) {
	for _, tt := range []struct{ name, args string }{
		{"a.png", "-pix_fmt rgb24"}, {"a.png", "-pix_fmt rgba"}, {"a.jpg", "-pix_fmt yuvj420p"}, {"a.webp", "-c:v libwebp"}, {"a.bmp", ""}, {"a.tiff", ""},
	} {
		in := clip(t, tt.name, "-f lavfi -i testsrc=s=65x49 -frames:v 1 -update 1 "+tt.args)
		info := probe(t, in)
		if !info.Image || info.Frames != 1 || info.Width != 65 || info.Height != 49 {
			t.Errorf("%s: info = %+v", tt.name, info)
		}
		if frames, _ := decodeAll(t, in, info, media.Decode{}); len(frames) != 1 || frames[0].PTS != 0 {
			t.Errorf("%s: %d frames", tt.name, len(frames))
		}
	}
}

// TestDecodeOddRGB compares a picture of an odd size with the same picture, its
// last column and row there once more: the chroma must be the same.
func TestDecodeOddRGB(t *testing.T) {
	const drawn = "-f lavfi -i testsrc2=s=66x50 -frames:v 1 -update 1 -pix_fmt rgb24 -vf format=gbrp,crop=65:49:0:0"
	odd := clip(t, "odd.png", drawn)
	even := clip(t, "even.png", drawn+",pad=66:50,fillborders=right=1:bottom=1:mode=smear")
	got, _ := decodeAll(t, odd, probe(t, odd), media.Decode{})
	want, _ := decodeAll(t, even, probe(t, even), media.Decode{})
	luma := want[0].Width * want[0].Height
	if len(got[0].Pix) != len(want[0].Pix) {
		t.Fatalf("%d samples, want %d", len(got[0].Pix), len(want[0].Pix))
	}
	for i, v := range got[0].Pix[luma:] {
		// The even one averages RGB, the odd one chroma: rounding and ringing differ.
		if d := int(v) - int(want[0].Pix[luma+i]); d < -12 || d > 12 {
			t.Errorf("sample %d of the chroma, in column %d: %d, want %d", i, i%33, v, want[0].Pix[luma+i])
		}
	}
}

func TestDecodeWithoutAllocating(t *testing.T) {
	in := clip(t, "a.mkv", "-f lavfi -i testsrc2=s=64x48:r=25:d=12 -pix_fmt yuv420p -c:v ffv1")
	info := probe(t, in)
	dec, err := realTool(t).Decode(t.Context(), in, info, media.Decode{})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	f := frame.New(64, 48)
	if n := testing.AllocsPerRun(200, func() {
		if err := dec.Read(f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for each frame", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	in := clip(b, "a.mp4", "-f lavfi -i testsrc2=s=1280x720:r=25:d=2 -pix_fmt yuv420p "+x264)
	info := probe(b, in)
	f := frame.New(info.FrameWidth(), info.FrameHeight())
	open := func() *Decoder {
		dec, err := realTool(b).Decode(b.Context(), in, info, media.Decode{})
		if err != nil {
			b.Fatal(err)
		}
		return dec
	}
	dec := open()
	b.SetBytes(int64(len(f.Pix)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n > 50 {
			b.StopTimer()
			dec.Close()
			dec, n = open(), 1
			b.StartTimer()
		}
		if err := dec.Read(f); err != nil {
			b.Fatal(err)
		}
	}
	dec.Close()
}
