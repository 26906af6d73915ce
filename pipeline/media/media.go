// Package media is the vocabulary of a video file: what a probe found and what
// an encoder is asked for. It is a leaf: the ffmpeg adapter fills it, the
// pipeline reads it.
package media

import (
	"fmt"
	"os"
	"time"
)

// Rational is an exact fraction, as time bases and frame rates are.
type Rational struct{ Num, Den int64 }

// Float returns the fraction's value, or 0 when it is undefined.
func (r Rational) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// Colour says how Y'CbCr samples are to be read. The names are ffmpeg's
// ("bt709", "tv", ...); an empty string is an unspecified tag and stays so in
// the output.
type Colour struct {
	Matrix    string `json:"matrix,omitempty"`
	Primaries string `json:"primaries,omitempty"`
	Transfer  string `json:"transfer,omitempty"`
	Range     string `json:"range,omitempty"` // "tv" (16..235) or "pc" (0..255)
}

// Assumed returns the matrix by which samples without a known tag are to be
// read: the tag itself where there is one, else, as players do, BT.709
// ("bt709") for pictures that are high definition by width or height, and
// BT.601 ("smpte170m") for smaller ones.
func (c Colour) Assumed(width, height int) string {
	switch c.Matrix {
	case "", "unknown", "unspecified", "reserved":
		if width >= 1280 || height > 576 {
			return "bt709"
		}
		return "smpte170m"
	}
	return c.Matrix
}

// Luma returns the weights of red and blue in luma by the matrix that Assumed
// names. A matrix without such weights, or one that is not known, is an error.
func (c Colour) Luma(width, height int) (kr, kb float64, err error) {
	tag := c.Assumed(width, height)
	m, _ := MatrixOf(tag)
	if m.Red == 0 {
		return 0, 0, fmt.Errorf("colour matrix %q is not supported", tag)
	}
	return m.Red, m.Blue, nil
}

// Stream is one stream that is not the edited picture.
type Stream struct {
	Index    int    `json:"index"`
	Codec    string `json:"codec"`
	Language string `json:"language,omitempty"`
}

// Info is what a probe found in an input.
type Info struct {
	Container  string        `json:"container"`
	VideoIndex int           `json:"video_index"` // stream index of the edited picture
	Codec      string        `json:"codec"`
	PixFmt     string        `json:"pix_fmt"`
	BitDepth   int           `json:"bit_depth"`
	Width      int           `json:"width"`              // as shown: after rotation, possibly odd
	Height     int           `json:"height"`             // as shown: after rotation, possibly odd
	Rotation   int           `json:"rotation"`           // degrees clockwise by which a decoded picture is turned: 0, 90, 180 or 270
	Mirrored   bool          `json:"mirrored,omitempty"` // left and right change places before it is turned
	Fields     string        `json:"fields,omitempty"`   // "tff" or "bff" where frames are two interlaced fields: which comes first
	Aspect     Rational      `json:"sample_aspect"`      // of one sample; 0/0 when unknown
	TimeBase   Rational      `json:"time_base"`
	Start      int64         `json:"start"`      // the file's start on its own clock, in TimeBase; frame times count from it
	FrameRate  Rational      `json:"frame_rate"` // mean
	Constant   bool          `json:"constant_frame_rate"`
	Frames     int           `json:"frames"` // estimate; 0 when unknown
	Duration   time.Duration `json:"duration_ns"`
	Colour     Colour        `json:"colour"` // of decoded frames
	// SourceMatrix is the file's own matrix where decoding converts from it to
	// that of Colour.
	SourceMatrix string   `json:"source_matrix,omitempty"`
	HDR          bool     `json:"hdr"`
	Image        bool     `json:"image"` // one picture, no video
	Audio        []Stream `json:"audio"`
	Subtitles    []Stream `json:"subtitles"`
	Chapters     int      `json:"chapters"`
	Warnings     []string `json:"warnings,omitempty"` // sentences for the user
}

// FrameWidth and FrameHeight are the even size that frames have in memory.
func (i Info) FrameWidth() int  { return i.Width + i.Width&1 }
func (i Info) FrameHeight() int { return i.Height + i.Height&1 }

// Decode says how an input is to be read.
type Decode struct {
	First   int  // frames to skip
	Max     int  // frames to deliver; 0 for all
	ToneMap bool // bring HDR into BT.709; without it HDR is refused by the probe's reader
	// RGBWidth and RGBHeight, when not 0, ask for packed 8-bit RGB stretched to
	// that size with an antialiased filter instead of planar frames.
	RGBWidth, RGBHeight int
}

// Colour returns how the samples of frames decoded from i are to be read: as
// the input says, or as BT.709 once tone mapping brought HDR there.
func (d Decode) Colour(i Info) Colour {
	if i.HDR && d.ToneMap {
		return Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
	}
	return i.Colour
}

// Encode says how frames are to be written. Size and times are the frames'.
type Encode struct {
	Width, Height int
	TimeBase      Rational
	FrameRate     Rational // nominal, for rate control only
	Aspect        Rational
	Colour        Colour
	Fields        string // of Info; H.264 only
	Codec         string // "h264" or "hevc"
	CRF           int    // 0 is lossless
	Preset        string
}

// Parts is a video in several files, one after the other, as encoders wrote them
// who were started with the same Encode.
type Parts struct {
	Dir  *os.Root
	List []Part // at least one
}

// Part is one of the files of a video.
type Part struct {
	Name  string // in Parts.Dir: letters, digits, dots, dashes
	Start int64  // time of its first frame, in ticks of the encoder's time base
}
