package ffmpeg

import (
	"fmt"
	"strings"

	"uredit/pipeline/media"
)

// decodeFilters is the way from the decoder's picture to what d asks for.
func decodeFilters(info media.Info, d media.Decode) []string {
	var f []string
	if d.First > 0 || d.Max > 0 {
		trim := fmt.Sprintf("trim=start_frame=%d", d.First)
		if d.Max > 0 {
			trim += fmt.Sprintf(":end_frame=%d", d.First+d.Max)
		}
		f = append(f, trim)
	}
	if info.Start != 0 {
		f = append(f, fmt.Sprintf("setpts=PTS-(%d)", info.Start))
	}
	switch info.Rotation {
	case 90:
		f = append(f, "transpose=clock")
	case 180:
		f = append(f, "hflip", "vflip")
	case 270:
		f = append(f, "transpose=cclock")
	}
	if info.HDR && d.ToneMap {
		f = append(f, toneMapFilters(info.Colour)...)
		info.Colour, info.PixFmt = d.Colour(info), "yuv444p"
	}
	if d.RGBWidth > 0 {
		return append(f, rgbFilters(info, d)...)
	}
	return append(f, planarFilters(info)...)
}

// planarFilters leads to 8-bit 4:2:0. The plain format filter leaves matrix and
// range alone, except that it would squeeze a full range picture whose format
// does not say so by its name.
func planarFilters(info media.Info) []string {
	switch {
	case isRGB(info.PixFmt):
		return []string{"scale=out_color_matrix=bt709:out_range=tv", "format=yuv420p"}
	case strings.HasPrefix(info.PixFmt, "yuvj"):
		return []string{"format=yuvj420p"}
	case info.Colour.Range == "pc" && info.PixFmt != "yuv420p":
		return []string{"scale=in_range=pc:out_range=pc", "format=yuv420p"}
	}
	return []string{"format=yuv420p"}
}

// rgbFilters stretches to the asked size. The bilinear and bicubic scalers widen
// their filters when they shrink, which is what antialiased means here.
func rgbFilters(info media.Info, d media.Decode) []string {
	flags := "bilinear"
	if d.RGBFilter == "cubic" {
		flags = "bicubic"
	}
	scale := fmt.Sprintf("scale=%d:%d:flags=%s+accurate_rnd+full_chroma_int+full_chroma_inp", d.RGBWidth, d.RGBHeight, flags)
	if !isRGB(info.PixFmt) {
		scale += ":" + matrixIn(info)
	}
	return []string{scale + ":out_range=pc", "format=rgb24"}
}

// toneMapFilters brings PQ or HLG of c into BT.709. Light is made linear,
// primaries are converted, highlights rolled off. The way in and out is 4:4:4
// because zscale refuses subsampled pictures of an odd size.
func toneMapFilters(c media.Colour) []string {
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	in := fmt.Sprintf("zscale=tin=%s:min=%s:pin=%s:rin=%s:t=linear:npl=100",
		c.Transfer, or(c.Matrix, "bt2020nc"), or(c.Primaries, "bt2020"), or(c.Range, "tv"))
	return []string{"format=yuv444p12le", in, "format=gbrpf32le", "zscale=p=bt709",
		"tonemap=hable:desat=0", "zscale=t=bt709:m=bt709:p=bt709:r=tv", "format=yuv444p"}
}

// matrixIn tells the scaler how to read Y'CbCr.
func matrixIn(info media.Info) string {
	rng := "tv"
	if info.Colour.Range == "pc" {
		rng = "pc"
	}
	matrix := "bt709"
	switch m := info.Colour.Assumed(info.FrameWidth(), info.FrameHeight()); m {
	case "fcc", "smpte170m", "smpte240m":
		matrix = m
	case "bt470bg":
		matrix = "bt470"
	case "bt2020nc", "bt2020c":
		matrix = "bt2020"
	}
	return "in_color_matrix=" + matrix + ":in_range=" + rng
}

// isRGB reports whether a pixel format has no Y'CbCr matrix of its own: RGB,
// palettes and grey.
func isRGB(pixFmt string) bool {
	for _, prefix := range []string{"rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr",
		"pal8", "gray", "ya", "mono", "xyz", "bayer"} {
		if strings.HasPrefix(pixFmt, prefix) {
			return true
		}
	}
	return false
}
