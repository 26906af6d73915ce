package ffmpeg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/media"
)

var (
	tv709 = media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
	shown = media.Info{Container: "mov,mp4,m4a,3gp,3g2,mj2", VideoIndex: 1, PixFmt: "yuv420p", Width: 1920, Height: 1080,
		TimeBase: media.Rational{Num: 1, Den: 90000}, Colour: tv709}
)

func TestInputArgs(t *testing.T) {
	got := strings.Join(inputArgs(1, "mov,mp4"), " ")
	want := "-protocol_whitelist file,pipe -format_whitelist " + containers + " -enable_drefs 0 -use_absolute_path 0 -i file:/proc/self/fd/4"
	if got != want {
		t.Errorf("args = %s\nwant   %s", got, want)
	}
	if got := inputArgs(0, "matroska,webm"); slices.Contains(got, "-enable_drefs") {
		t.Errorf("an option of MOV for Matroska: %s", got)
	}
	allowed := strings.Split(containers, ",")
	for _, name := range []string{"concat", "hls", "dash", "image2", "image2pipe", "sdp", "rtsp", "lavfi", "svg_pipe", "imf", "tedcaptions", "ffmetadata", "applehttp", "webm_dash_manifest"} {
		if slices.Contains(allowed, name) {
			t.Errorf("%s is allowed", name)
		}
	}
}

func TestDecodeFilters(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*media.Info)
		d      media.Decode
		want   string
	}{
		{"plain", nil, media.Decode{}, "format=yuv420p"},
		{"window", nil, media.Decode{First: 3, Max: 2}, "trim=start_frame=3:end_frame=5,format=yuv420p"},
		{"rest", nil, media.Decode{First: 3}, "trim=start_frame=3,format=yuv420p"},
		{"start", func(i *media.Info) { i.Start = 126000 }, media.Decode{}, "setpts=PTS-(126000),format=yuv420p"},
		{"negative start", func(i *media.Info) { i.Start = -512 }, media.Decode{}, "setpts=PTS-(-512),format=yuv420p"},
		{"right", func(i *media.Info) { i.Rotation = 90 }, media.Decode{}, "transpose=clock,format=yuv420p"},
		{"upside down", func(i *media.Info) { i.Rotation = 180 }, media.Decode{}, "hflip,vflip,format=yuv420p"},
		{"left", func(i *media.Info) { i.Rotation = 270 }, media.Decode{}, "transpose=cclock,format=yuv420p"},
		{"full range by name", func(i *media.Info) { i.PixFmt, i.Colour.Range = "yuvj444p", "pc" }, media.Decode{}, "format=yuvj420p"},
		{"full range by tag", func(i *media.Info) { i.PixFmt, i.Colour.Range = "yuv420p10le", "pc" }, media.Decode{}, "scale=in_range=pc:out_range=pc,format=yuv420p"},
		{"rgb", func(i *media.Info) { i.PixFmt = "gbrp" }, media.Decode{}, "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"},
		{"rgb, odd height", func(i *media.Info) { i.PixFmt, i.Height = "rgb24", 1079 }, media.Decode{},
			"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,pad=iw+0:ih+1,fillborders=right=0:bottom=1:mode=smear,format=yuv420p,crop=iw-0:ih-1:0:0:exact=1"},
		{"to rgb", nil, media.Decode{RGBWidth: 9, RGBHeight: 8},
			"scale=9:8:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24"},
		{"rgb to rgb", func(i *media.Info) { i.PixFmt = "rgb24" }, media.Decode{RGBWidth: 9, RGBHeight: 8},
			"scale=9:8:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:out_range=pc,format=rgb24"},
		{"hdr", func(i *media.Info) { i.HDR, i.Colour = true, media.Colour{Transfer: "smpte2084"} }, media.Decode{ToneMap: true},
			"format=yuv444p12le,zscale=tin=smpte2084:min=bt2020nc:pin=bt2020:rin=tv:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:p=bt709:r=tv,format=yuv444p,format=yuv420p"},
	} {
		info := shown
		if tt.change != nil {
			tt.change(&info)
		}
		if tt.d.RGBWidth == 0 {
			tt.want += fmt.Sprintf(",scale=%d:%d", info.Width, info.Height)
		}
		if got := strings.Join(decodeFilters(info, tt.d), ","); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestMatrixIn(t *testing.T) {
	for _, tt := range []struct {
		matrix, rng string
		w, h        int
		want        string
	}{
		{"bt709", "tv", 64, 48, "in_color_matrix=bt709:in_range=tv"},
		{"bt470bg", "pc", 64, 48, "in_color_matrix=bt470:in_range=pc"},
		{"bt2020nc", "", 64, 48, "in_color_matrix=bt2020:in_range=tv"},
		{"", "", 720, 576, "in_color_matrix=smpte170m:in_range=tv"},
		{"", "", 1280, 720, "in_color_matrix=bt709:in_range=tv"},
	} {
		info := media.Info{Width: tt.w, Height: tt.h, Colour: media.Colour{Matrix: tt.matrix, Range: tt.rng}}
		if got := matrixIn(info); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestEncodeArgs(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    media.Encode
		want []string // parts, in any order
	}{
		{"h264", media.Encode{TimeBase: media.Rational{Num: 1001, Den: 30000}, Colour: tv709, Codec: "h264", CRF: 18, Preset: "slow"},
			[]string{"-copyts", "-enc_time_base 1001/30000", "-c:v libx264 -preset slow -crf 18", "-flags +cgop -g 120 -threads 4",
				"-video_track_timescale 30000 -movie_timescale 60000", "-vf setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709,format=yuv420p"}},
		{"lossless, no tags", media.Encode{TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264"},
			[]string{"-c:v libx264 -preset medium -qp 0", "-vf format=yuv420p", "-video_track_timescale 25 -movie_timescale 51200"}},
		{"hevc", media.Encode{TimeBase: media.Rational{Num: 1, Den: 90000}, Codec: "hevc", CRF: 20},
			[]string{"-c:v libx265", "-x265-params log-level=error:open-gop=0:crf=20 -tag:v hvc1"}},
		{"4K", media.Encode{Width: 3840, Height: 2160, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18},
			[]string{"-preset medium -crf 18 -rc-lookahead 10 -flags"}},
		{"4K, lossless hevc", media.Encode{Width: 3840, Height: 2160, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "hevc"},
			[]string{":lossless=1:rc-lookahead=10 "}},
		{"4K in a hurry", media.Encode{Width: 3840, Height: 2160, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18, Preset: "ultrafast"},
			[]string{"-preset ultrafast -crf 18 -flags"}},
		{"full HD", media.Encode{Width: 1920, Height: 1080, TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18},
			[]string{"-preset medium -crf 18 -flags"}},
		{"a tag of the future", media.Encode{TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", Colour: media.Colour{Matrix: "bt3000", Range: "pc"}},
			[]string{"-vf setparams=range=pc,format=yuv420p"}},
	} {
		got := strings.Join(encodeArgs(tt.e), " ")
		for _, part := range tt.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: no %q in %s", tt.name, part, got)
			}
		}
	}
}

// TestTagNames hands every name that may be written to ffmpeg.
func TestTagNames(t *testing.T) {
	var filters []string
	for _, c := range []struct{ name, known string }{
		{"colorspace", "bt709 smpte170m bt470bg fcc smpte240m bt2020nc"}, {"color_primaries", primaries}, {"color_trc", transfers},
	} {
		for _, value := range strings.Fields(c.known) {
			filters = append(filters, "setparams="+c.name+"="+value)
		}
	}
	run(t, "ffmpeg", "-nostdin -f lavfi -i nullsrc=s=16x16:d=0.04 -vf "+strings.Join(filters, ",")+" -f null -")
}

func TestPlanMux(t *testing.T) {
	p := planMux(media.Info{
		Audio:     []media.Stream{{Index: 1, Codec: "aac"}, {Index: 2, Codec: "pcm_s24le"}, {Index: 3}},
		Subtitles: []media.Stream{{Index: 4, Codec: "subrip"}, {Index: 5, Codec: "mov_text"}, {Index: 6, Codec: "hdmv_pgs_subtitle"}},
	})
	if !slices.Equal(p.audio, []muxStream{{1, "copy"}, {2, "aac"}}) || !slices.Equal(p.subtitles, []muxStream{{4, "mov_text"}, {5, "copy"}}) || len(p.warnings) != 3 {
		t.Errorf("plan = %+v", p)
	}
	info := media.Info{Container: "mpegts", Start: 126000, TimeBase: media.Rational{Num: 1, Den: 90000}}
	got := strings.Join(muxArgs(info, p, info.TimeBase, 1.5), " ")
	for _, part := range []string{
		"-itsoffset -1.400000 -protocol_whitelist", "-map 0:v:0 -map 1:1 -map 1:2 -map 1:4 -map 1:5 -map_metadata 1 -map_chapters 1",
		"-c:v copy -c:a:0 copy -c:a:1 aac -b:a:1 192k -c:s:0 mov_text -c:s:1 copy", "-t 1.500000", "-f mp4 file:/proc/self/fd/5",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %s", part, got)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt with", "5.1.9-0+deb12u1"},
		{"ffmpeg version n7.1 Copyright", "n7.1"},
		{"ffmpeg version 8.0 Copyright", "8.0"},
		{"ffmpeg version N-112345-gabcdef Copyright", "N-112345-gabcdef"},
		{"ffmpeg version git-2024-01-01 Copyright", "git-2024-01-01"},
		{"ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", ""},
		{"ffmpeg version 5.0.1 Copyright", ""},
		{"ffprobe version 5.1.9 Copyright", ""},
		{"", ""},
	} {
		got, err := parseVersion([]byte(tt.line), "ffmpeg")
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.line, got, err)
		}
	}
}
