package ffmpeg

import (
	"fmt"
	"strconv"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

// fields notes that frames are made of two fields, and which is shown first. A
// picture that is turned has none any more.
func (s probeStream) fields(info *media.Info) {
	var order string
	switch s.FieldOrder {
	case "tt", "bt":
		order = "tff"
	case "bb", "tb":
		order = "bff"
	default:
		return
	}
	if info.Rotation == 0 {
		info.Fields = order
	}
	info.Warnings = append(info.Warnings, "the input is interlaced; both fields of a frame are edited as one picture")
}

func (s probeStream) colour() media.Colour {
	if isRGB(s.PixFmt) {
		return media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
	}
	known := func(tag string) string {
		if tag == "unknown" || tag == "unspecified" || tag == "reserved" || tag == "gbr" {
			return ""
		}
		return tag
	}
	c := media.Colour{Matrix: known(s.Matrix), Primaries: known(s.Primaries), Transfer: known(s.Transfer), Range: known(s.Range)}
	if strings.HasPrefix(s.PixFmt, "yuvj") {
		c.Range = "pc"
	}
	return c
}

// convertMatrix decides what becomes of a colour matrix that frames cannot have.
// Tone mapping reads HDR's own.
func convertMatrix(info *media.Info) error {
	tag := info.Colour.Matrix
	m, known := media.MatrixOf(tag)
	switch {
	case tag == "" || m.Red > 0 || known && info.HDR:
		return nil
	case !known || tag == "ictcp":
		return fault.New(fault.InputUnsupported, "convert the video to BT.709 first",
			fmt.Errorf("the input's colours are coded as %s, which cannot be edited", tag))
	}
	info.SourceMatrix, info.Colour.Matrix = tag, "bt709"
	if info.Colour.Primaries == "bt2020" {
		info.Colour.Matrix = "bt2020nc"
	}
	info.Warnings = append(info.Warnings, fmt.Sprintf("the input's %s colours are edited and written as %s", tag, info.Colour.Matrix))
	return nil
}

// conversions tells the user what reading as 8-bit 4:2:0 changes.
func (s probeStream) conversions(depth int) []string {
	pixFmt := s.PixFmt
	var w []string
	if isRGB(pixFmt) && pixFmt != "gray" {
		w = append(w, fmt.Sprintf("the input's %s pixels are edited and written as Y'CbCr 4:2:0 of BT.709", pixFmt))
	}
	if depth > 8 {
		w = append(w, fmt.Sprintf("the input has %d bits for each sample; it is edited and written with 8", depth))
	}
	for _, name := range []string{"422", "444", "440", "411", "410"} {
		if !isRGB(pixFmt) && strings.Contains(pixFmt, name) {
			w = append(w, fmt.Sprintf("the input's 4:%s:%s colour is reduced to 4:2:0", name[1:2], name[2:]))
		}
	}
	if s.transparent() {
		w = append(w, "the input's transparency is dropped")
	}
	return w
}

// transparent reports whether pictures have an alpha channel. WebM keeps it
// beside the picture, unseen by the pixel format.
func (s probeStream) transparent() bool {
	for _, prefix := range []string{"yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16"} {
		if strings.HasPrefix(s.PixFmt, prefix) {
			return true
		}
	}
	return s.Tags["alpha_mode"] == "1"
}

// bitDepth returns the bits of a sample of a pixel format, read from its name.
func bitDepth(pixFmt string) int {
	name := strings.TrimSuffix(strings.TrimSuffix(pixFmt, "le"), "be")
	switch name {
	case "nv20", "y210", "p210", "p410", "x2rgb10", "x2bgr10":
		return 10
	case "rgb48", "bgr48", "rgba64", "bgra64":
		return 16
	}
	digits := name[len(strings.TrimRight(name, "0123456789")):]
	if n, err := strconv.Atoi(digits); err == nil && n > 8 && n <= 16 && !strings.HasPrefix(name, "nv") {
		return n
	}
	return 8
}
