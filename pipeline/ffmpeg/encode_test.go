package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"os"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// moving makes n frames that differ, at the given times.
func moving(w, h int, pts ...int64) []*frame.Frame {
	var frames []*frame.Frame
	for i, at := range pts {
		f := frame.New(w, h)
		f.Index, f.PTS = i, at
		for k := range f.Pix {
			f.Pix[k] = byte(16 + (k*7+i*31+k/w*3)%200)
		}
		frames = append(frames, f)
	}
	return frames
}

// TestEncodeKeepsTimes encodes with B-frames and reads the times back exactly.
func TestEncodeKeepsTimes(t *testing.T) {
	for _, tt := range []struct {
		name string
		tb   media.Rational
		pts  []int64
	}{
		{"25 fps", media.Rational{Num: 1, Den: 25}, []int64{0, 1, 2, 3, 4, 5, 6, 7}},
		{"90 kHz", media.Rational{Num: 1, Den: 90000}, []int64{0, 3003, 6006, 9009, 12012}},
		{"ntsc frames", media.Rational{Num: 1001, Den: 30000}, []int64{0, 1, 2, 3, 4, 5}},
		{"milliseconds", media.Rational{Num: 1, Den: 1000}, []int64{0, 33, 67, 100, 133}},
		{"variable", media.Rational{Num: 1, Den: 90000}, []int64{0, 1, 9000, 9001, 54321, 90000, 90007}},
		{"late", media.Rational{Num: 1, Den: 12800}, []int64{5121, 5633, 6145, 6657}},
		{"one frame", media.Rational{Num: 1, Den: 12800}, []int64{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := create(t, "o.mp4")
			encodeAll(t, out, media.Encode{Width: 32, Height: 16, TimeBase: tt.tb, FrameRate: media.Rational{Num: 25, Den: 1},
				Codec: "h264", CRF: 20, Preset: "medium"}, moving(32, 16, tt.pts...))
			in := open(t, out.Name())
			info := probe(t, in)
			var got []int64
			var doc []int64
			for _, word := range strings.Fields(string(run(t, "ffprobe", "-show_entries frame=pts -of csv=p=0 "+out.Name()))) {
				var v int64
				if _, err := fmt.Sscan(strings.Trim(word, ","), &v); err != nil {
					t.Fatal(err)
				}
				doc = append(doc, v)
			}
			for _, v := range doc {
				// v ticks of the file are v*num/den seconds.
				n := v * info.TimeBase.Num * tt.tb.Den
				d := info.TimeBase.Den * tt.tb.Num
				if n%d != 0 {
					t.Fatalf("time %d of %v is no multiple of %v", v, info.TimeBase, tt.tb)
				}
				got = append(got, n/d)
			}
			if !slices.Equal(got, tt.pts) {
				t.Errorf("times = %d, want %d", got, tt.pts)
			}
		})
	}
}

// TestEncodeLossless gets every sample and tag back at CRF 0.
func TestEncodeLossless(t *testing.T) {
	for _, codec := range []string{"h264", "hevc"} {
		for _, c := range []media.Colour{
			{},
			{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"},
			{Matrix: "smpte170m", Primaries: "smpte170m", Transfer: "smpte170m", Range: "tv"},
			{Matrix: "bt470bg", Primaries: "bt470bg", Transfer: "iec61966-2-1", Range: "pc"},
		} {
			t.Run(codec+" "+c.Matrix, func(t *testing.T) {
				if codec == "hevc" && !realTool(t).hevc {
					t.Skip("this ffmpeg has no libx265")
				}
				frames := moving(64, 48, 0, 1, 2, 3)
				out := create(t, "o.mp4")
				encodeAll(t, out, media.Encode{Width: 64, Height: 48, TimeBase: media.Rational{Num: 1, Den: 25},
					FrameRate: media.Rational{Num: 25, Den: 1}, Aspect: media.Rational{Num: 4, Den: 3}, Colour: c, Codec: codec, Preset: "ultrafast"}, frames)
				in := open(t, out.Name())
				info := probe(t, in)
				want := c
				if codec == "hevc" && c.Range == "" {
					want.Range = "tv" // HEVC has no way to leave it open
				}
				if info.Colour != want || info.Aspect != (media.Rational{Num: 4, Den: 3}) || info.Codec != codec {
					t.Errorf("info = %+v, want %+v", info, want)
				}
				got, _ := decodeAll(t, in, info, media.Decode{})
				if len(got) != len(frames) {
					t.Fatalf("%d frames", len(got))
				}
				for i := range got {
					if !slices.Equal(got[i].Pix, frames[i].Pix) {
						t.Errorf("frame %d differs", i)
					}
				}
				if tag := streams(t, out.Name())[0].Tag; codec == "hevc" && tag != "hvc1" {
					t.Errorf("tag = %q", tag)
				}
			})
		}
	}
}

// TestEncodeRepeats writes the same bytes twice: segments rely on it.
func TestEncodeRepeats(t *testing.T) {
	frames := moving(64, 48, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	var files [2][]byte
	for i := range files {
		out := create(t, "o.mp4")
		encodeAll(t, out, media.Encode{Width: 64, Height: 48, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18}, frames)
		var err error
		if files[i], err = os.ReadFile(out.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("two encodes of the same frames differ")
	}
}

func TestEncodeRefuses(t *testing.T) {
	good := media.Encode{Width: 32, Height: 16, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18}
	for name, change := range map[string]func(*media.Encode){
		"odd size":     func(e *media.Encode) { e.Width = 33 },
		"no time base": func(e *media.Encode) { e.TimeBase.Den = 0 },
		"codec":        func(e *media.Encode) { e.Codec = "mpeg4" },
		"CRF":          func(e *media.Encode) { e.CRF = 52 },
	} {
		e := good
		change(&e)
		if _, err := realTool(t).Encode(t.Context(), create(t, "o.mp4"), e); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	enc, err := realTool(t).Encode(t.Context(), create(t, "o.mp4"), good)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*frame.Frame{moving(32, 16, -1)[0], moving(16, 16, 0)[0]} {
		if err := enc.Write(f); err == nil {
			t.Errorf("frame of %dx%d at %d: no error", f.Width, f.Height, f.PTS)
		}
	}
	if err := enc.Close(); err == nil {
		t.Error("no frames: no error")
	}
	if err := enc.Write(moving(32, 16, 0)[0]); err == nil {
		t.Error("write after close: no error")
	}
	if enc, err = realTool(t).Encode(t.Context(), create(t, "o.mp4"), good); err != nil {
		t.Fatal(err)
	}
	f := moving(32, 16, 7)[0]
	if err := enc.Write(f); err != nil {
		t.Error(err)
	}
	if err := enc.Write(f); err == nil {
		t.Error("the same time twice: no error")
	}
	if err := enc.Close(); err != nil { // a refused frame changes nothing
		t.Error(err)
	}
}

func TestEncodeDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	enc, err := realTool(t).Encode(t.Context(), full, media.Encode{Width: 64, Height: 48,
		TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", Preset: "ultrafast"})
	if err != nil {
		t.Fatal(err)
	}
	for i := int64(0); i < 300 && err == nil; i++ {
		err = enc.Write(moving(64, 48, i)[0])
	}
	err = enc.Close()
	if f := fault.Of(err); f.Code != fault.DiskFull || !f.Retryable {
		t.Errorf("err = %v (%s)", err, f.Code)
	}
}

func TestEncodeCancelled(t *testing.T) {
	why := errors.New("the user thought better of it")
	ctx, cancel := context.WithCancelCause(t.Context())
	enc, err := realTool(t).Encode(ctx, create(t, "o.mp4"), media.Encode{Width: 64, Height: 48,
		TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", Preset: "ultrafast"})
	if err != nil {
		t.Fatal(err)
	}
	if err := enc.Write(moving(64, 48, 0)[0]); err != nil {
		t.Fatal(err)
	}
	cancel(why)
	if err := enc.Close(); !errors.Is(err, why) {
		t.Errorf("err = %v", err)
	}
	if enc.proc.cmd.ProcessState == nil {
		t.Error("the process was not waited for")
	}
}

func TestEncodeWithoutAllocating(t *testing.T) {
	enc, err := realTool(t).Encode(t.Context(), create(t, "o.mp4"), media.Encode{Width: 64, Height: 48,
		TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", Preset: "ultrafast"})
	if err != nil {
		t.Fatal(err)
	}
	f := moving(64, 48, 0)[0]
	if n := testing.AllocsPerRun(200, func() {
		if err := enc.Write(f); err != nil {
			t.Fatal(err)
		}
		f.PTS++
	}); n != 0 {
		t.Errorf("%v allocations for each frame", n)
	}
	if err := enc.Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkEncode(b *testing.B) {
	enc, err := realTool(b).Encode(b.Context(), create(b, "o.mp4"), media.Encode{Width: 1280, Height: 720,
		TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18, Preset: "ultrafast"})
	if err != nil {
		b.Fatal(err)
	}
	f := frame.New(1280, 720)
	b.SetBytes(int64(len(f.Pix)))
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Write(f); err != nil {
			b.Fatal(err)
		}
		f.PTS++
	}
	if err := enc.Close(); err != nil {
		b.Fatal(err)
	}
}

// TestWritePNG writes the shown part of an odd frame in the right colours.
func TestWritePNG(t *testing.T) {
	for _, c := range []media.Colour{
		{Matrix: "bt709", Range: "tv"}, {Matrix: "smpte170m", Range: "tv"}, {Matrix: "bt470bg", Range: "pc"},
	} {
		in := clip(t, "a.mkv", fmt.Sprintf("-f lavfi -i color=0x20C040:s=66x50:r=25:d=0.04 -vf format=gbrp,crop=65:49:exact=1,scale=out_color_matrix=%s:out_range=%s,setparams=colorspace=%s:range=%s -pix_fmt yuv444p -c:v ffv1",
			strings.Replace(c.Matrix, "bt470bg", "bt470", 1), c.Range, c.Matrix, c.Range))
		info := probe(t, in)
		frames, _ := decodeAll(t, in, info, media.Decode{})
		out := create(t, "o.png")
		if err := realTool(t).WritePNG(t.Context(), out, frames[0], info); err != nil {
			t.Fatal(err)
		}
		img := readPNG(t, out.Name())
		if b := img.Bounds(); b.Dx() != 65 || b.Dy() != 49 {
			t.Errorf("picture of %v", b)
		}
		for _, p := range [][2]int{{0, 0}, {64, 48}, {30, 20}} {
			near(t, fmt.Sprintf("%+v at %v", c, p), img.At(p[0], p[1]), 0x20, 0xC0, 0x40)
		}
	}
}

// near requires a colour within three levels.
func near(t *testing.T, what string, got color.Color, r, g, b int) {
	t.Helper()
	gr, gg, gb, _ := got.RGBA()
	for i, d := range []int{int(gr>>8) - r, int(gg>>8) - g, int(gb>>8) - b} {
		if d < -3 || d > 3 {
			t.Errorf("%s: channel %d is off by %d", what, i, d)
		}
	}
}

// TestPNGKeepsTheShapeOfSamples writes a picture of samples that are not square.
func TestPNGKeepsTheShapeOfSamples(t *testing.T) {
	in := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.04,setsar=16/15 -pix_fmt yuv420p "+x264)
	info := probe(t, in)
	frames, _ := decodeAll(t, in, info, media.Decode{})
	out := create(t, "o.png")
	if err := realTool(t).WritePNG(t.Context(), out, frames[0], info); err != nil {
		t.Fatal(err)
	}
	if got := streams(t, out.Name())[0].Aspect; got != "16:15" {
		t.Errorf("sample aspect %s, want 16:15", got)
	}
}

// TestEncodeKeepsFields marks what was interlaced, and changes no sample of it.
func TestEncodeKeepsFields(t *testing.T) {
	for _, fields := range []string{"tff", "bff"} {
		in := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=50:d=0.2 -vf format=yuv420p,tinterlace=interleave_top,setfield="+fields+" -flags +ilme+ildct "+x264+" -x264-params "+fields+"=1")
		info := probe(t, in)
		if info.Fields != fields {
			t.Fatalf("fields %q, want %q", info.Fields, fields)
		}
		frames, _ := decodeAll(t, in, info, media.Decode{})
		e := encodeFor(info)
		e.Fields = info.Fields
		out := create(t, "o.mp4")
		encodeAll(t, out, e, frames)
		got := probe(t, out)
		if got.Fields != fields {
			t.Errorf("fields %q of the output, want %q", got.Fields, fields)
		}
		if !slices.Equal(plain(t, out, "yuv420p"), plain(t, in, "yuv420p")) {
			t.Error("samples differ")
		}
		e.Height = 46 // no multiple of four
		if args := strings.Join(encodeArgs(e), " "); strings.Contains(args, "ilme") {
			t.Errorf("fields of 46 rows: %s", args)
		}
	}
}
