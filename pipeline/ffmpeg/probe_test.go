package ffmpeg

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

func TestProbeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   *os.File
		text string
	}{
		{"sound only", clip(t, "a.mp4", "-f lavfi -i sine=d=0.2 -c:a aac"), "no video stream"},
		{"cover art", coverArt(t), "no video stream"},
		{"text", file(t, "a.mp4", []byte("This is a text that calls itself a video.\n")), "probe the input"},
		{"empty", file(t, "a.mp4", nil), "probe the input"},
		{"zeros", file(t, "a.mp4", make([]byte, 4096)), "probe the input"},
		{"a sound file", clip(t, "a.wav", "-f lavfi -i sine=d=0.2"), "not on whitelist"},
	} {
		_, err := realTool(t).Probe(t.Context(), tt.in)
		f := fault.Of(err)
		if err == nil || f.Code != fault.InputUnreadable || f.Hint == "" || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v (%s)", tt.name, err, f.Code)
		}
	}
}

// coverArt is a sound file with a picture attached.
func coverArt(t *testing.T) *os.File {
	cover := clip(t, "c.png", "-f lavfi -i testsrc2=s=32x32 -frames:v 1 -update 1")
	return clip(t, "a.m4a", "-f lavfi -i sine=d=0.2 -i "+cover.Name()+" -map 0 -map 1 -c:a aac -c:v png -disposition:v:0 attached_pic -f mp4")
}

// TestForeignFilesStayClosed gives files that ask ffmpeg to open another one.
// The other one is a named pipe without a writer: whoever opens it hangs, and
// the time limit makes that another error than a refusal.
func TestForeignFilesStayClosed(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary.mp4")
	if err := syscall.Mkfifo(canary, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, text := range map[string]string{
		"concat":      "ffconcat version 1.0\nfile '" + canary + "'\n",
		"hls":         "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + canary + "\n#EXT-X-ENDLIST\n",
		"hls by file": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:" + canary + "\n#EXT-X-ENDLIST\n",
		"dash": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="video/mp4">` +
			`<Representation id="0" bandwidth="1"><BaseURL>` + canary + `</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
		"svg": `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"><image xlink:href="file://` + canary + `"/></svg>`,
	} {
		for _, ending := range []string{"x.mp4", "x.mkv", "x.m3u8"} {
			_, err := realTool(t).Probe(ctx, file(t, ending, []byte(text)))
			if f := fault.Of(err); err == nil || f.Code != fault.InputUnreadable {
				t.Errorf("%s as %s: %v", name, ending, err)
			}
		}
	}
}

// TestNoFiles gives what is no file. A named pipe has no writer: whoever opens it
// hangs.
func TestNoFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe.mp4"), filepath.Join(dir, "socket.mp4")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tool := realTool(t)
	for _, name := range []string{pipe, os.DevNull, "/dev/zero", dir} {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		in := os.NewFile(uintptr(fd), name)
		defer in.Close()
		if _, err := tool.Probe(t.Context(), in); fault.Of(err).Code != fault.InputUnreadable || !strings.Contains(err.Error(), "not a file") {
			t.Errorf("probe of %s: %v", name, err)
		}
		if _, err := tool.Decode(t.Context(), in, shown, media.Decode{}); fault.Of(err).Code != fault.InputUnreadable {
			t.Errorf("decode of %s: %v", name, err)
		}
	}
	for _, name := range []string{pipe, os.DevNull, dir, socket, filepath.Join(dir, "none.mp4")} {
		if f, err := Open(name); fault.Of(err).Code != fault.InputUnreadable {
			t.Errorf("open %s: %v, %v", name, f, err)
		}
	}
}

func TestParseProbe(t *testing.T) {
	const stream = `{"streams":[{"index":0,"codec_type":"video","codec_name":"h264","pix_fmt":"yuv420p","width":64,"height":48,"time_base":"1/12800",%s}],"format":{"format_name":"mov,mp4","start_time":"%s"}}`
	for _, tt := range []struct {
		name, fields, start string
		check               func(i media.Info) bool
	}{
		{"rotated tag", `"tags":{"rotate":"90"}`, "0", func(i media.Info) bool { return i.Rotation == 90 && i.Width == 48 }},
		{"rotated matrix", `"side_data_list":[{"rotation":-90}]`, "0", func(i media.Info) bool { return i.Rotation == 90 && i.Height == 64 }},
		{"rotated back", `"side_data_list":[{"rotation":90}]`, "0", func(i media.Info) bool { return i.Rotation == 270 }},
		{"upside down", `"side_data_list":[{"rotation":-180}]`, "0", func(i media.Info) bool { return i.Rotation == 180 && i.Width == 64 }},
		{"mirrored", `"side_data_list":[{"rotation":180,"displaymatrix":"\n00000000:  -65536  0  0\n00000001:  0  65536  0\n00000002:  0  0  1073741824\n"}]`, "0", func(i media.Info) bool { return i.Mirrored && i.Rotation == 0 && i.Width == 64 }},
		{"nearly a quarter", `"side_data_list":[{"displaymatrix":"\n00000000:  500  65530  0\n00000001:  -65530  500  0\n00000002:  0  0  1073741824\n"}]`, "0", func(i media.Info) bool { return !i.Mirrored && i.Rotation == 90 }},
		{"matrix without numbers", `"side_data_list":[{"rotation":-90,"displaymatrix":"\n00000000:  a b\n"}]`, "0", func(i media.Info) bool { return i.Rotation == 90 }},
		{"top field first", `"field_order":"tt"`, "0", func(i media.Info) bool { return i.Fields == "tff" && len(i.Warnings) == 1 }},
		{"bottom field first", `"field_order":"tb"`, "0", func(i media.Info) bool { return i.Fields == "bff" }},
		{"turned fields", `"field_order":"tt","tags":{"rotate":"90"}`, "0", func(i media.Info) bool { return i.Fields == "" && len(i.Warnings) == 1 }},
		{"guessed rate", `"avg_frame_rate":"0/0","r_frame_rate":"30/1"`, "0", func(i media.Info) bool { return i.FrameRate == media.Rational{Num: 30, Den: 1} }},
		{"frames by time", `"avg_frame_rate":"25/1","duration":"2.0"`, "0", func(i media.Info) bool { return i.Frames == 50 && i.Duration == 2*time.Second }},
		{"late start", `"start_pts":25600`, "1.0", func(i media.Info) bool { return i.Start == 12800 }},
		{"picture first", `"start_pts":1280`, "1.0", func(i media.Info) bool { return i.Start == 1280 }},
		{"sound primed", `"start_pts":0`, "-0.023", func(i media.Info) bool { return i.Start == 0 }},
		{"picture before zero", `"start_pts":-512`, "-0.04", func(i media.Info) bool { return i.Start == -512 }},
		{"hlg", `"color_transfer":"arib-std-b67"`, "0", func(i media.Info) bool { return i.HDR }},
		{"unknown tags", `"color_space":"unknown","color_range":"unknown"`, "0", func(i media.Info) bool { return i.Colour == media.Colour{} }},
	} {
		doc, err := parseProbe(fmt.Appendf(nil, stream, tt.fields, tt.start))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		info, err := doc.info()
		if err != nil || !tt.check(info) {
			t.Errorf("%s: %+v, %v", tt.name, info, err)
		}
	}
	doc, err := parseProbe([]byte(`{"streams":[{"codec_type":"video","codec_name":"h264","pix_fmt":"yuv420p","width":20000,"height":48,"time_base":"1/1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.info(); fault.Of(err).Code != fault.InputUnsupported {
		t.Errorf("huge: %v", err)
	}
}

// TestProbeChoosesTheTrack takes the video that players show.
func TestProbeChoosesTheTrack(t *testing.T) {
	for _, tt := range []struct {
		name, disposition string
		want              int
	}{
		{"first", "-disposition:v default", 0},
		{"marked", "-disposition:v:0 0 -disposition:v:1 default", 1},
	} {
		in := clip(t, "a.mkv", "-f lavfi -i testsrc2=s=64x48:d=0.04 -f lavfi -i testsrc2=s=32x32:d=0.04 -map 0 -map 1 -pix_fmt yuv420p -c:v ffv1 "+tt.disposition)
		info := probe(t, in)
		if info.VideoIndex != tt.want || len(info.Warnings) != 1 || !strings.Contains(info.Warnings[0], "2 video tracks; track "+strconv.Itoa(tt.want)) {
			t.Errorf("%s: track %d, warnings %q", tt.name, info.VideoIndex, info.Warnings)
		}
	}
}

// TestProbeSkipsWhatAnEditListHides counts time from the first frame that is
// shown, not from the key frame that decoding begins with.
func TestProbeSkipsWhatAnEditListHides(t *testing.T) {
	whole := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -pix_fmt yuv420p -g 50 "+x264)
	in := clip(t, "b.mp4", "-ss 0.2 -i "+whole.Name()+" -c copy")
	info := probe(t, in)
	if info.Frames != 5 || info.Start != 0 || !info.Constant {
		t.Errorf("%d frames from %d on, constant %v; want 5 from 0 on", info.Frames, info.Start, info.Constant)
	}
	frames, warnings := decodeAll(t, in, info, media.Decode{})
	if len(frames) != 5 || frames[0].PTS != 0 || len(warnings) != 0 {
		t.Errorf("times %v, warnings %q", times(frames), warnings)
	}
}

func TestBitDepth(t *testing.T) {
	for name, want := range map[string]int{
		"yuv420p": 8, "nv12": 8, "nv21": 8, "nv20le": 10, "yuv420p10le": 10, "yuv444p12be": 12, "p010le": 10, "p016le": 16,
		"rgb24": 8, "rgb48be": 16, "rgba64le": 16, "gray": 8, "gray10le": 10, "gray16be": 16, "gbrp14le": 14, "x2rgb10le": 10, "pal8": 8, "rgb565le": 8, "": 8,
	} {
		if got := bitDepth(name); got != want {
			t.Errorf("bitDepth(%q) = %d, want %d", name, got, want)
		}
	}
}

// FuzzProbe parses any document: it never panics and never describes a video
// that the rest could not work with.
func FuzzProbe(f *testing.F) {
	f.Add([]byte(`{"streams":[{"index":0,"codec_type":"video","codec_name":"h264","pix_fmt":"yuv420p","width":64,"height":48,"time_base":"1/12800","avg_frame_rate":"25/1","start_pts":0,"nb_frames":"10"}],"format":{"format_name":"mov","duration":"1"}}`))
	f.Add([]byte(`{"packets":[{"pts":0},{"pts":512},{}],"streams":[{"codec_type":"video"}]}`))
	f.Add([]byte(`{"streams":[{"codec_type":"video","codec_name":"x","pix_fmt":"gray16le","width":1,"height":1,"time_base":"1/1","side_data_list":[{"rotation":1e308}]}],"format":{"start_time":"1e300"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := parseProbe(b)
		if err != nil {
			return
		}
		info, err := doc.info()
		if err != nil {
			if fault.Of(err).Code == fault.Internal {
				t.Errorf("error without a code: %v", err)
			}
			return
		}
		doc.timing(&info)
		if info.Width <= 0 || info.Height <= 0 || info.Width > maxSide || info.Height > maxSide ||
			info.TimeBase.Num <= 0 || info.TimeBase.Den <= 0 || info.Rotation%90 != 0 || info.Frames < 0 ||
			info.BitDepth < 8 || info.BitDepth > 16 || info.Duration < 0 {
			t.Errorf("info = %+v", info)
		}
	})
}
