package ffmpeg

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

const maxSide = 16384 // samples of width or height

// probeDocument is what ffprobe prints as JSON, as far as it is used. Numbers
// that ffprobe quotes are strings.
type probeDocument struct {
	Streams  []probeStream     `json:"streams"`
	Chapters []json.RawMessage `json:"chapters"`
	Packets  []probePacket     `json:"packets"`
	Frames   []probeFrame      `json:"frames"`
	Format   struct {
		Name      string `json:"format_name"`
		StartTime string `json:"start_time"` // seconds
		Duration  string `json:"duration"`   // seconds
	} `json:"format"`
}

type probeStream struct {
	Index         int               `json:"index"`
	Type          string            `json:"codec_type"`
	Codec         string            `json:"codec_name"`
	PixFmt        string            `json:"pix_fmt"`
	Width         int               `json:"width"`
	Height        int               `json:"height"`
	Aspect        string            `json:"sample_aspect_ratio"`
	Range         string            `json:"color_range"`
	Matrix        string            `json:"color_space"`
	Transfer      string            `json:"color_transfer"`
	Primaries     string            `json:"color_primaries"`
	GuessedRate   string            `json:"r_frame_rate"`
	AverageRate   string            `json:"avg_frame_rate"`
	TimeBase      string            `json:"time_base"`
	StartPTS      *int64            `json:"start_pts"`
	DurationTicks int64             `json:"duration_ts"`
	Duration      string            `json:"duration"` // seconds
	Frames        string            `json:"nb_frames"`
	Disposition   map[string]int    `json:"disposition"`
	Tags          map[string]string `json:"tags"`
	FieldOrder    string            `json:"field_order"`
	SideData      []probeSideData   `json:"side_data_list"`
}

type probeSideData struct {
	DisplayMatrix string  `json:"displaymatrix"`
	Rotation      float64 `json:"rotation"` // degrees, anticlockwise
}

type probeFrame struct {
	Tags     map[string]string `json:"tags"`
	SideData []probeSideData   `json:"side_data_list"`
}

type probePacket struct {
	PTS   *int64 `json:"pts"`
	Flags string `json:"flags"` // with a D where an edit list says that nothing of it is shown
}

func parseProbe(b []byte) (*probeDocument, error) {
	var doc probeDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	return &doc, nil
}

// info describes the video stream that players show, but for what only packets
// tell.
func (d *probeDocument) info() (media.Info, error) {
	i, others := d.picture()
	if i < 0 {
		return media.Info{}, fault.New(fault.InputUnreadable, "the input must have a video track; cover art does not count",
			fmt.Errorf("no video stream in the %s file", d.Format.Name))
	}
	s := &d.Streams[i]
	info := media.Info{
		Container:  d.Format.Name,
		VideoIndex: s.Index,
		Codec:      s.Codec,
		PixFmt:     s.PixFmt,
		BitDepth:   bitDepth(s.PixFmt),
		Width:      s.Width,
		Height:     s.Height,
		Aspect:     parseRational(s.Aspect, ":"),
		TimeBase:   parseRational(s.TimeBase, "/"),
		FrameRate:  parseRational(s.AverageRate, "/"),
		Colour:     s.colour(),
		HDR:        s.Transfer == "smpte2084" || s.Transfer == "arib-std-b67",
		Image:      strings.HasSuffix(d.Format.Name, "_pipe"),
		Chapters:   len(d.Chapters),
	}
	switch {
	case s.Codec == "" || s.PixFmt == "" || s.Width <= 0 || s.Height <= 0 || info.TimeBase.Num <= 0:
		return media.Info{}, fault.New(fault.InputUnreadable, "the file is damaged or of a kind that this ffmpeg does not decode",
			fmt.Errorf("the video stream has no known codec or size (codec %q)", s.Codec))
	case s.Width > maxSide || s.Height > maxSide:
		return media.Info{}, fault.New(fault.InputUnsupported, "scale the video down first",
			fmt.Errorf("the video is %dx%d, the limit is %d each way", s.Width, s.Height, maxSide))
	}
	s.orientation().apply(&info)
	if info.FrameRate.Num <= 0 {
		info.FrameRate = parseRational(s.GuessedRate, "/")
	}
	d.fillTimes(s, &info)
	d.fillOthers(&info)
	if others > 0 {
		info.Warnings = append(info.Warnings, fmt.Sprintf("the input has %d video tracks; track %d is edited and the others are left out", others+1, s.Index))
	}
	info.Warnings = append(info.Warnings, s.conversions(info.BitDepth)...)
	s.fields(&info)
	err := convertMatrix(&info)
	return info, err
}

// picture returns the position of the video stream that players show, the first
// that is marked as such or the first of all, or -1. It counts the other ones.
func (d *probeDocument) picture() (i, others int) {
	i = -1
	for k, s := range d.Streams {
		switch {
		case !s.moving():
		case i < 0:
			i = k
		default:
			others++
			if s.Disposition["default"] > d.Streams[i].Disposition["default"] {
				i = k
			}
		}
	}
	return i, others
}

// moving reports whether a stream is a video rather than cover art.
func (s probeStream) moving() bool {
	return s.Type == "video" && s.Disposition["attached_pic"] == 0 && s.Disposition["timed_thumbnails"] == 0
}

// fillTimes sets when the file starts, how long it is and about how many frames
// it has.
func (d *probeDocument) fillTimes(s *probeStream, info *media.Info) {
	tick := info.TimeBase.Float()
	seconds := parseSeconds(s.Duration)
	if seconds <= 0 {
		seconds = parseSeconds(d.Format.Duration)
	}
	info.Duration = time.Duration(seconds * float64(time.Second))
	if n, err := strconv.Atoi(s.Frames); err == nil && n > 0 {
		info.Frames = n
	} else if n := seconds * info.FrameRate.Float(); n < math.MaxInt32 {
		info.Frames = int(math.Round(n))
	}
	if info.Image {
		info.Frames = 1
	}
	// Sound that starts before zero is priming that players cut off; pictures
	// before zero are shown.
	start := int64(math.Floor(max(0, parseSeconds(d.Format.StartTime))/tick + 1e-6))
	if s.StartPTS != nil {
		start = min(start, *s.StartPTS)
	}
	info.Start = start
}

func (d *probeDocument) fillOthers(info *media.Info) {
	for _, s := range d.Streams {
		other := media.Stream{Index: s.Index, Codec: s.Codec, Language: s.Tags["language"]}
		if other.Language == "und" {
			other.Language = ""
		}
		switch s.Type {
		case "audio":
			info.Audio = append(info.Audio, other)
		case "subtitle":
			info.Subtitles = append(info.Subtitles, other)
		}
	}
}

// timing decides from the first packets whether frames are evenly spaced, and
// counts them when they are few.
func (d *probeDocument) timing(info *media.Info) {
	var times []int64
	shown := 0
	for _, p := range d.Packets {
		if strings.Contains(p.Flags, "D") {
			continue
		}
		shown++
		if p.PTS != nil {
			times = append(times, *p.PTS)
		}
	}
	whole := len(d.Packets) < probedPackets
	if whole && shown > 0 {
		info.Frames = shown
	}
	if len(times) > 0 {
		info.Start = min(info.Start, slices.Min(times))
	}
	slices.Sort(times)
	shortest, longest := int64(math.MaxInt64), int64(0)
	for i := 1; i < len(times); i++ {
		step := times[i] - times[i-1]
		shortest, longest = min(shortest, step), max(longest, step)
	}
	// A coarse time base makes steps differ by one tick.
	info.Constant = len(times) == shown && (len(times) < 2 || longest-shortest <= 1)
	if !whole && info.Constant && len(times) > 1 {
		step := float64(times[len(times)-1]-times[0]) / float64(len(times)-1) * info.TimeBase.Float()
		info.Constant = math.Abs(step*info.FrameRate.Float()-1) < 0.005
	}
}

// parseRational reads "a/b"; anything else and fractions that are not positive
// are 0/0.
func parseRational(s, separator string) media.Rational {
	a, b, ok := strings.Cut(s, separator)
	num, err1 := strconv.ParseInt(a, 10, 32)
	den, err2 := strconv.ParseInt(b, 10, 32)
	if !ok || errors.Join(err1, err2) != nil || num <= 0 || den <= 0 {
		return media.Rational{}
	}
	return media.Rational{Num: num, Den: den}
}

// parseSeconds reads a decimal number; anything else is 0.
func parseSeconds(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1e9 {
		return 0
	}
	return v
}
