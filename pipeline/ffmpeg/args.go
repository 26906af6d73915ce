package ffmpeg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// containers are the demuxers that inputs may use. Each holds its own data: no
// playlist, script, pattern of file names or description that points elsewhere,
// and no text format that draws.
const containers = "mov,matroska,avi,mpegts,mpeg,flv,live_flv,ogg,asf,mxf,nut,dv,wtv,ivf,gif,apng," +
	"png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe"

const (
	decoderThreads = "2" // reading is never the slowest stage; networks want the other cores
	encoderThreads = "4" // fixed, because the number of threads changes the bits
	keyInterval    = "120"
)

// descriptor returns the URL of the nth inherited file.
func descriptor(n int) string { return "file:/proc/self/fd/" + strconv.Itoa(firstFD+n) }

// inputArgs opens the nth inherited file as untrusted. container is the probe's
// name for it, or empty.
func inputArgs(n int, container string) []string {
	args := []string{"-protocol_whitelist", "file,pipe", "-format_whitelist", containers}
	if strings.HasPrefix(container, "mov") {
		args = append(args, "-enable_drefs", "0", "-use_absolute_path", "0")
	}
	return append(args, "-i", descriptor(n))
}

// probeArgs asks ffprobe for everything about the streams.
func probeArgs() []string {
	args := []string{"-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters"}
	return append(args, inputArgs(0, "")...)
}

// packetArgs asks ffprobe for the times of the first packets of a stream.
func packetArgs(stream, count int, container string) []string {
	args := []string{"-v", "error", "-of", "json", "-select_streams", strconv.Itoa(stream),
		"-show_entries", "packet=pts,flags", "-read_intervals", "%+#" + strconv.Itoa(count)}
	return append(args, inputArgs(0, container)...)
}

// frameArgs asks ffprobe for the tags of a stream's first frame.
func frameArgs(stream int, container string) []string {
	args := []string{"-v", "error", "-of", "json", "-select_streams", strconv.Itoa(stream),
		"-show_entries", "frame=pts:frame_tags:frame_side_data", "-read_intervals", "%+#1"}
	return append(args, inputArgs(0, container)...)
}

// decodeArgs reads the edited picture's stream and writes NUT to standard output.
func decodeArgs(info media.Info, d media.Decode) []string {
	args := []string{"-v", "error", "-nostdin", "-max_error_rate", "1",
		"-copyts", "-noautorotate", "-threads", decoderThreads}
	args = append(args, inputArgs(0, info.Container)...)
	return append(args,
		"-map", "0:"+strconv.Itoa(info.VideoIndex), "-map_metadata", "-1", "-map_chapters", "-1",
		"-vf", strings.Join(decodeFilters(info, d), ","),
		"-fps_mode", "passthrough", "-enc_time_base", ratio(info.TimeBase),
		"-c:v", "rawvideo", "-f", "nut", "pipe:1")
}

// encodeArgs reads NUT from standard input and writes an MP4 to the first
// inherited file.
func encodeArgs(e media.Encode) []string {
	args := []string{"-v", "error", "-nostdin", "-y", "-copyts", "-protocol_whitelist", "pipe", "-f", "nut", "-i", "pipe:0",
		"-map", "0:v:0", "-vf", strings.Join(encodeFilters(e), ","),
		"-fps_mode", "passthrough", "-enc_time_base", ratio(e.TimeBase)}
	args = append(args, codecArgs(e)...)
	args = append(args, "-flags", fieldFlags(e)+"+cgop", "-g", keyInterval, "-threads", encoderThreads)
	args = append(args, timescaleArgs(e.TimeBase)...)
	return append(args, "-movflags", "+faststart", "-protocol_whitelist", "file", "-f", "mp4", descriptor(0))
}

// encodeFilters marks frames with what the encoder writes about them.
func encodeFilters(e media.Encode) []string {
	f := append(tagFilters(e.Colour), "format=yuv420p")
	if fieldFlags(e) != "" {
		f = append(f, "setfield="+e.Fields)
	}
	return f
}

// fieldFlags makes x264 code fields as such, which it does for heights that are
// multiples of four.
func fieldFlags(e media.Encode) string {
	if e.Fields == "" || e.Codec != "h264" || e.Height%4 != 0 {
		return ""
	}
	return "+ilme+ildct"
}

// codecArgs selects the encoder. CRF 0 is lossless: x264 calls that a quantizer
// of 0, x265 has a switch for it.
func codecArgs(e media.Encode) []string {
	preset := e.Preset
	if preset == "" {
		preset = "medium"
	}
	crf := strconv.Itoa(e.CRF)
	ahead := lookahead(e)
	if e.Codec == "hevc" {
		params := "log-level=error:open-gop=0:lossless=1"
		if e.CRF > 0 {
			params = "log-level=error:open-gop=0:crf=" + crf
		}
		if ahead > 0 {
			params += fmt.Sprintf(":rc-lookahead=%d", ahead)
		}
		return []string{"-c:v", "libx265", "-preset", preset, "-x265-params", params, "-tag:v", "hvc1"}
	}
	quality := []string{"-qp", "0"}
	if e.CRF > 0 {
		quality = []string{"-crf", crf}
	}
	if ahead > 0 {
		quality = append(quality, "-rc-lookahead", strconv.Itoa(ahead))
	}
	if fieldFlags(e) != "" {
		quality = append(quality, "-x264-params", e.Fields+"=1")
	}
	return append([]string{"-c:v", "libx264", "-preset", preset}, quality...)
}

// Encoders hold as many frames as they look ahead. What they hold stays below
// maxAhead bytes where that leaves leastAhead frames, which is no limit up to
// 1920x1080 with the preset medium.
const (
	maxAhead   = 128 << 20
	leastAhead = 10
)

// lookahead returns how many frames an encoder may look ahead where its preset
// would take more memory than it should, else 0.
func lookahead(e media.Encode) int {
	usual := 60 // the most that a preset has
	switch e.Preset {
	case "ultrafast", "superfast":
		return 0
	case "veryfast":
		usual = 10
	case "faster":
		usual = 20
	case "fast":
		usual = 30
	case "", "medium":
		usual = 40
	}
	limit := max(leastAhead, maxAhead/max(1, frame.Size(e.Width, e.Height)))
	if limit >= usual {
		return 0
	}
	return limit
}

// timescaleArgs makes an MP4 count in ticks that hold every multiple of tb
// exactly. The movie's own ticks, in which a late start is written, are a
// multiple of the track's and fine enough for sound.
func timescaleArgs(tb media.Rational) []string {
	movie := tb.Den
	for movie < 48000 {
		movie *= 2
	}
	return []string{"-video_track_timescale", strconv.FormatInt(tb.Den, 10), "-movie_timescale", strconv.FormatInt(movie, 10)}
}

// tagFilters marks frames with the known tags of c; the others stay unknown.
func tagFilters(c media.Colour) []string {
	var tags []string
	for _, t := range []struct{ name, value, known string }{
		{"range", c.Range, "tv pc"},
		{"colorspace", c.Matrix, matrixTag(c.Matrix)},
		{"color_primaries", c.Primaries, primaries},
		{"color_trc", c.Transfer, transfers},
	} {
		if t.value != "" && slices.Contains(strings.Fields(t.known), t.value) {
			tags = append(tags, t.name+"="+t.value)
		}
	}
	if tags == nil {
		return nil
	}
	return []string{"setparams=" + strings.Join(tags, ":")}
}

// matrixTag returns the tag if frames may have it.
func matrixTag(tag string) string {
	if m, _ := media.MatrixOf(tag); m.Red > 0 {
		return tag
	}
	return ""
}

// The names that ffprobe prints and setparams takes. Another name, of a newer
// ffprobe, leaves the tag out instead of ending the job.
const (
	primaries = "bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432 ebu3213"
	transfers = "bt709 bt470m bt470bg smpte170m smpte240m linear log100 log316 iec61966-2-4 bt1361e " +
		"iec61966-2-1 bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67"
)

// pngArgs reads one raw frame of w by h samples from standard input and writes
// a picture of the shown size to the first inherited file.
func pngArgs(w, h int, info media.Info) []string {
	filters := append(tagFilters(media.Colour{Range: info.Colour.Range}),
		fmt.Sprintf("crop=%d:%d:0:0:exact=1", info.Width, info.Height),
		"scale=flags=bicubic+accurate_rnd+full_chroma_int:"+matrixIn(info)+":out_range=pc", "format=rgb24")
	if info.Aspect.Num != info.Aspect.Den {
		filters = append(filters, "setsar="+ratio(info.Aspect))
	}
	return []string{"-v", "error", "-nostdin", "-y", "-protocol_whitelist", "pipe",
		"-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", fmt.Sprintf("%dx%d", w, h), "-i", "pipe:0",
		"-vf", strings.Join(filters, ","), "-frames:v", "1", "-c:v", "png",
		"-protocol_whitelist", "file", "-f", "image2pipe", descriptor(0)}
}

func ratio(r media.Rational) string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }
