package pipeline_test

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"uredit/pipeline/pipelinetest"
)

// The ball of middleBall never leaves this distance from the picture's middle.
const ballReach = 44

// middleBall is a clip of 320x240 whose ball sways around the middle of the
// picture, so that it is found there however the picture is turned.
func middleBall() pipelinetest.Clip {
	return pipelinetest.Clip{
		Width: 320, Height: 240, Background: pipelinetest.Texture,
		Balls: []pipelinetest.Ball{{
			Colour: pipelinetest.RGB{210, 40, 40}, Radius: 36, Shaded: true,
			At: func(i int) (x, y float64, there bool) {
				angle := float64(i)
				return 160 + 6*math.Sin(angle), 120 + 5*math.Cos(angle), true
			},
		}},
	}
}

// input is a kind of file, made from five frames of middleBall.
type input struct {
	name string
	file string // name of the file; its ending chooses the container
	args string // ffmpeg's, from the clip {} to the file, which comes last

	filter string   // the last step of ffmpeg's own decode; "" for format=yuv420p
	frames int      // 0 for 5
	turn   int      // degrees anticlockwise, as display matrices count; MP4 only
	scale  float64  // how much larger the ball became; 0 for 1
	warns  []string // a part of each warning, in order
}

const x264 = " -c:v libx264 -preset veryfast -crf 18 "

var inputs = []input{
	{name: "plain", file: "a.mp4", args: "-i {}" + x264},
	{name: "turned left", file: "a.mp4", args: "-i {}" + x264, turn: 90},
	{name: "turned over", file: "a.mp4", args: "-i {}" + x264, turn: 180},
	{name: "turned right", file: "a.mp4", args: "-i {}" + x264, turn: 270},
	{name: "odd width and height", file: "a.mkv", args: "-i {} -vf crop=317:239:2:0:exact=1 -c:v ffv1", warns: []string{"written as 318x240"}},
	{name: "odd and rotated", file: "a.mp4", args: "-i {} -vf crop=317:239:2:0:exact=1 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 20 -b:v 0", turn: 270, warns: []string{"written as 240x318"}},
	{name: "variable frame rate", file: "a.mkv", args: "-i {} -vf setpts=N*(N+3)/50/TB -fps_mode passthrough" + x264},
	{name: "variable frame rate in MP4", file: "a.mp4", args: "-i {} -vf settb=1/30000,setpts=N*(N+3)*617 -fps_mode passthrough -enc_time_base 1/30000" + x264},
	{name: "24000/1001", file: "a.mp4", args: "-r 24000/1001 -i {}" + x264},
	{name: "transport stream, hours late", file: "a.ts", args: "-i {} -output_ts_offset 9000.0371" + x264},
	{name: "B-frames", file: "a.mp4", args: "-i {} -bf 4 -b_strategy 0 -g 30" + x264},
	{name: "10 bits", file: "a.mp4", args: "-i {} -pix_fmt yuv420p10le" + x264, warns: []string{"10 bits"}},
	{name: "10 bits HEVC", file: "a.mp4", args: "-i {} -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=error", warns: []string{"10 bits"}},
	{name: "4:2:2", file: "a.mp4", args: "-i {} -pix_fmt yuv422p" + x264, warns: []string{"4:2:2"}},
	{name: "4:4:4", file: "a.mp4", args: "-i {} -pix_fmt yuv444p" + x264, warns: []string{"4:4:4"}},
	{name: "BT.601", file: "a.mp4", args: "-i {} -vf scale=out_color_matrix=smpte170m -colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m -color_range tv" + x264},
	{name: "BT.601 of PAL", file: "a.mp4", args: "-i {} -vf scale=out_color_matrix=bt470,setsar=16/15 -colorspace bt470bg -color_primaries bt470bg -color_trc gamma28" + x264},
	{name: "full range", file: "a.mp4", args: "-i {} -vf scale=out_range=pc,format=yuvj420p -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range pc" + x264, filter: "format=yuvj420p"},
	{name: "full range, 10 bits", file: "a.mkv", args: "-i {} -vf scale=out_range=pc,format=yuv420p10le -color_range pc" + x264,
		filter: "scale=in_range=pc:out_range=pc,format=yuv420p", warns: []string{"10 bits"}},
	{name: "no colour tags", file: "a.mkv", args: "-i {} -vf setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown:range=unknown -c:v ffv1"},
	{name: "samples not square, rotated", file: "a.mp4", args: "-i {} -vf setsar=4/3" + x264, turn: 90},
	{name: "interlaced", file: "a.mp4", args: "-i {} -vf setfield=bff -flags +ilme+ildct -x264-params bff=1" + x264, warns: []string{"interlaced"}},
	{name: "interlaced 4:2:2", file: "a.mov", args: "-i {} -vf format=yuv422p10le,setfield=tff -c:v prores_ks -flags +ilme+ildct",
		filter: "scale=interl=1,format=yuv420p", warns: []string{"10 bits", "4:2:2", "interlaced"}},
	{name: "YCgCo", file: "a.mkv", args: "-i {} -vf format=gbrp,zscale=m=ycgco:r=tv,format=yuv420p,setparams=colorspace=ycgco:range=tv -c:v ffv1",
		filter: "scale=in_range=tv:out_range=tv,format=yuv444p16le,zscale=min=ycgco:m=bt709:rin=tv:r=tv,format=yuv420p", warns: []string{"written as bt709"}},
	{name: "one frame", file: "a.mp4", args: "-i {} -frames:v 1" + x264, frames: 1},
	{name: "4K", file: "a.mp4", args: "-i {} -frames:v 2 -vf scale=3840:2160 -c:v libx264 -preset ultrafast -crf 18", frames: 2, scale: 12},
	{name: "first frame late", file: "a.mkv", args: "-itsoffset 0.5 -i {} -f lavfi -i sine=r=48000:d=0.7 -c:a flac" + x264},
	{name: "first frame late in MP4", file: "a.mp4", args: "-itsoffset 0.48 -i {} -f lavfi -i sine=r=48000:d=0.7 -c:a aac -fps_mode passthrough" + x264},
	{name: "GIF", file: "a.gif", args: "-i {} -vf split[a][b];[a]palettegen[p];[b][p]paletteuse", filter: "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", warns: []string{"BT.709", "transparency"}},
	{name: "APNG", file: "a.apng", args: "-i {} -plays 0", filter: "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", warns: []string{"BT.709"}},
	{name: "edit list", file: "a.mov", args: "-ss 0.08 -i {} -c copy", frames: 3},
	{name: "120 frames a second", file: "a.mp4", args: "-i {} -vf settb=1/120,setpts=N -fps_mode passthrough -enc_time_base 1/120" + x264},
	{name: "a frame a second", file: "a.mp4", args: "-r 1 -i {}" + x264},
	{name: "transparent WebM", file: "a.webm", args: "-i {} -vf format=yuva420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 20 -b:v 0", warns: []string{"transparency"}},
	{name: "tags, data and chapters beside", file: "a.mov", args: "-i {} -timecode 01:00:00:00 -metadata title=Odd" + x264},
	{name: "VP9", file: "a.webm", args: "-i {} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 20 -b:v 0"},
	{name: "AVI, MPEG-4", file: "a.avi", args: "-i {} -c:v mpeg4 -q:v 2"},
	{name: "motion JPEG", file: "a.mov", args: "-i {} -c:v mjpeg -q:v 2 -pix_fmt yuvj420p", filter: "format=yuvj420p"},
	{name: "cover art beside", file: "a.mp4", args: "-i {} -f lavfi -i color=red:s=64x64:d=0.04 -map 1 -map 0 -c:v:0 png -disposition:v:0 attached_pic -c:v:1 libx264 -crf 18"},
}

// TestInputs edits files of all kinds. Outside the mask every sample is the one
// that ffmpeg decodes, every frame is there at its time, and the tags are kept.
func TestInputs(t *testing.T) {
	base := shared.clip(t, middleBall(), 5)
	for _, in := range inputs {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for programs to start
			file := filepath.Join(t.TempDir(), in.file)
			program(t, "ffmpeg", in.args+" {}", base, file)
			if in.turn != 0 {
				// Only a copy keeps the tag.
				turned := filepath.Join(t.TempDir(), in.file)
				program(t, "ffmpeg", "-i {} -c copy -metadata:s:v rotate="+strconv.Itoa(in.turn)+" {}", file, turned)
				file = turned
			}
			in.check(t, file)
		})
	}
}

// check edits the file and compares.
func (in input) check(t *testing.T, file string) {
	t.Helper()
	if in.filter == "" {
		in.filter = "format=yuv420p"
	}
	if in.frames == 0 {
		in.frames = 5
	}
	s := spec()
	s.Steps, s.ErodeKernel, s.EditSize = 1, 4, 128
	e, err := shared.edit(t, file, s)
	if err != nil {
		t.Fatal(err)
	}
	in.checkWarnings(t, e.Warnings)
	info := e.Input
	if want := (360 - in.turn) % 360; info.Rotation != want {
		t.Fatalf("rotation %d, want %d", info.Rotation, want)
	}
	want := planes(t, file, in.filter, info.Width, info.Height)
	if len(want) != in.frames {
		t.Fatalf("the test is wrong: ffmpeg decodes %d frames, want %d", len(want), in.frames)
	}
	if e.Frames != len(want) || e.EmptyFrames != 0 {
		t.Fatalf("%d frames, %d of them without a mask; want %d and 0", e.Frames, e.EmptyFrames, len(want))
	}
	got := planes(t, e.output(), edited420(in.filter), info.FrameWidth(), info.FrameHeight())
	compareOutside(t, got, want, info.Width, info.Height, ballReach*max(in.scale, 1)+reach)
	compareInside(t, got, info.FrameWidth(), info.FrameHeight())
	before, after := inspect(t, file), inspect(t, e.output())
	compareTimes(t, before, after)
	compareTags(t, before.picture(), after.picture())
	if preview := inspect(t, e.mask()).times(); !slices.EqualFunc(preview, after.times(), equal) {
		t.Errorf("the mask preview shows its frames at %v", preview)
	}
}

func (in input) checkWarnings(t *testing.T, got []string) {
	t.Helper()
	ok := len(got) == len(in.warns)
	for i := range in.warns {
		ok = ok && strings.Contains(got[i], in.warns[i])
	}
	if !ok {
		t.Errorf("warnings %q, want %q", got, in.warns)
	}
}

// edited420 is the plain way to the samples of an output whose input was read
// by filter: the output's range is the input's.
func edited420(filter string) string {
	if strings.Contains(filter, "yuvj") || strings.Contains(filter, "out_range=pc") {
		return "format=yuvj420p"
	}
	return "format=yuv420p"
}
