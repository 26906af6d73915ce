package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

// Mux writes out, an MP4 that starts to play before it is loaded, from the video
// streams of parts, one after the other, which Encode wrote with the times that
// Decode gave, and from the sound, subtitles, chapters and tags of source, of
// which info is the probe. No frame is encoded again, and each keeps its time.
// Everything ends with the last frame. Sound that MP4 cannot carry becomes AAC.
// It returns sentences about what it had to leave or convert.
func (t *Tool) Mux(ctx context.Context, out *os.File, parts media.Parts, source *os.File, info media.Info) (warnings []string, err error) {
	if err := regular(source); err != nil {
		return nil, err
	}
	tb, end, err := t.end(ctx, parts)
	if err != nil {
		return nil, fmt.Errorf("mux: %w", err)
	}
	dir, err := parts.Dir.Open(".")
	if err != nil {
		return nil, fmt.Errorf("mux: %w", err)
	}
	defer dir.Close()
	files, list := []*os.File{dir, source, out}, partList(parts.List, info.TimeBase)
	plan := planMux(info)
	warnings = plan.warnings
	err = t.mux(ctx, files, list, muxArgs(info, plan, tb, end))
	if e := fault.Of(err); err != nil && e.Code == fault.ToolFailed && plan.carries() {
		// Streams of damaged or odd files can be decodable and yet not fit as
		// they are. The picture is what the user waited for: convert the sound,
		// then leave it.
		for _, simpler := range []muxPlan{plan.simpler(), {}} {
			if err = t.mux(ctx, files, list, muxArgs(info, simpler, tb, end)); err == nil {
				warnings = append(plan.warnings, simpler.apology())
				break
			}
			if fault.Of(err).Code != fault.ToolFailed {
				break
			}
		}
	}
	return warnings, err
}

func (t *Tool) mux(ctx context.Context, files []*os.File, list string, args []string) error {
	p, err := t.start(ctx, t.ffmpeg, args, files, func(c *exec.Cmd) error {
		c.Stdin = strings.NewReader(list)
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.complete(); err != nil {
		return failed(fmt.Errorf("mux: %w", err))
	}
	return nil
}

// partList is what ffmpeg's concat demuxer reads: the files in the directory
// that is the first inherited file. The demuxer moves each file to where the one
// before it ends, unless it begins there already: every duration is the distance
// of two starts, rounded as the demuxer rounds them, and so no time is moved.
func partList(parts []media.Part, tb media.Rational) string {
	var list strings.Builder
	list.WriteString("ffconcat version 1.0\n")
	for i, p := range parts {
		fmt.Fprintf(&list, "file '%s/%s'\n", descriptor(0), p.Name)
		from := micros(p.Start, tb)
		if i == 0 { // else a late start would become 0
			list.WriteString("inpoint 0\n")
			from = 0
		}
		if i+1 < len(parts) {
			d := micros(parts[i+1].Start, tb) - from
			fmt.Fprintf(&list, "duration %d.%06d\n", d/1e6, d%1e6)
		}
	}
	return list.String()
}

// micros returns a time of at least 0 in microseconds, rounded to the nearest.
func micros(ticks int64, tb media.Rational) int64 {
	us := new(big.Int).Mul(big.NewInt(ticks), big.NewInt(2e6*tb.Num))
	us.Add(us, big.NewInt(tb.Den))
	return us.Quo(us, big.NewInt(2*tb.Den)).Int64()
}

// end returns the time base of encoded parts and when their last frame stops
// being shown, in seconds on the files' own clock.
func (t *Tool) end(ctx context.Context, parts media.Parts) (tb media.Rational, end float64, err error) {
	if len(parts.List) == 0 {
		return tb, 0, errors.New("there is no part")
	}
	last, err := parts.Dir.Open(parts.List[len(parts.List)-1].Name)
	if err != nil {
		return tb, 0, err
	}
	defer last.Close()
	out, err := t.output(ctx, t.ffprobe, probeArgs(), last)
	if err != nil {
		return tb, 0, err
	}
	doc, err := parseProbe(out)
	if err != nil {
		return tb, 0, err
	}
	if len(doc.Streams) == 1 {
		s := doc.Streams[0]
		tb = parseRational(s.TimeBase, "/")
		if s.StartPTS != nil && s.DurationTicks > 0 && tb.Num > 0 {
			return tb, float64(*s.StartPTS+s.DurationTicks) * tb.Float(), nil
		}
	}
	return tb, 0, errors.New("the encoded video has no duration")
}

// muxPlan says what becomes of the source's streams.
type muxPlan struct {
	audio     []muxStream
	subtitles []muxStream
	warnings  []string
}

// muxStream is one stream of the source and the encoder for it, or "copy".
type muxStream struct {
	index int
	codec string
}

func (p muxPlan) carries() bool { return len(p.audio)+len(p.subtitles) > 0 }

// simpler is the plan that asks least of the source's streams but keeps sound.
func (p muxPlan) simpler() muxPlan {
	s := muxPlan{}
	for _, a := range p.audio {
		s.audio = append(s.audio, muxStream{a.index, "aac"})
	}
	return s
}

func (p muxPlan) apology() string {
	if len(p.audio) > 0 {
		return "the input's sound did not fit into MP4 as it is and was converted to AAC; its subtitles were left out"
	}
	return "the input's sound and subtitles cannot be read and were left out"
}

// planMux decides for each stream of the source by its codec.
func planMux(info media.Info) muxPlan {
	var p muxPlan
	for _, s := range info.Audio {
		switch {
		case s.Codec == "":
			p.warnings = append(p.warnings, fmt.Sprintf("sound track %d has an unknown codec and was left out", s.Index))
		case carriedAudio(s.Codec):
			p.audio = append(p.audio, muxStream{s.Index, "copy"})
		default:
			p.audio = append(p.audio, muxStream{s.Index, "aac"})
			p.warnings = append(p.warnings, fmt.Sprintf("sound track %d (%s) cannot be kept in MP4 and was converted to AAC", s.Index, s.Codec))
		}
	}
	for _, s := range info.Subtitles {
		switch s.Codec {
		case "mov_text":
			p.subtitles = append(p.subtitles, muxStream{s.Index, "copy"})
		case "subrip", "srt", "ass", "ssa", "webvtt", "text", "microdvd", "sami":
			p.subtitles = append(p.subtitles, muxStream{s.Index, "mov_text"})
		default:
			p.warnings = append(p.warnings, fmt.Sprintf("subtitles %d (%s) are no text that MP4 can carry and were left out", s.Index, s.Codec))
		}
	}
	return p
}

// carriedAudio reports whether MP4 carries a codec in a way that players know.
func carriedAudio(codec string) bool {
	switch codec {
	case "aac", "mp3", "ac3", "eac3", "alac", "opus", "flac":
		return true
	}
	return false
}

// muxArgs joins the video of the parts that standard input lists with the second
// inherited file's other streams into the third. Times are kept (-copyts), the source's after moving
// its start to 0 as Decode did.
func muxArgs(info media.Info, p muxPlan, tb media.Rational, end float64) []string {
	args := []string{"-v", "error", "-nostdin", "-y", "-copyts", "-max_error_rate", "1"}
	args = append(args, "-protocol_whitelist", "file,pipe", "-format_whitelist", "concat,mov",
		"-f", "concat", "-safe", "0", "-auto_convert", "0", "-i", "pipe:0")
	args = append(args, "-itsoffset", seconds(-float64(info.Start)*info.TimeBase.Float()))
	args = append(args, inputArgs(1, info.Container)...)
	args = append(args, "-map", "0:v:0")
	for _, s := range append(p.audio[:len(p.audio):len(p.audio)], p.subtitles...) {
		args = append(args, "-map", "1:"+strconv.Itoa(s.index))
	}
	args = append(args, "-map_metadata", "1", "-map_chapters", "1", "-c:v", "copy")
	for i, s := range p.audio {
		args = append(args, fmt.Sprintf("-c:a:%d", i), s.codec)
		if s.codec == "aac" {
			args = append(args, fmt.Sprintf("-b:a:%d", i), "192k")
		}
	}
	for i, s := range p.subtitles {
		args = append(args, fmt.Sprintf("-c:s:%d", i), s.codec)
	}
	args = append(args, timescaleArgs(tb)...)
	// FLAC in MP4 counts as experimental. A sparse subtitle must not make the
	// muxer hold back everything else for long.
	return append(args, "-strict", "experimental", "-t", seconds(math.Ceil(end*1e6)/1e6),
		"-movflags", "+faststart", "-f", "mp4", descriptor(2))
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 6, 64) }
