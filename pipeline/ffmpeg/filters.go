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
	f = append(f, turnFilters(info)...)
	switch {
	case info.HDR && d.ToneMap:
		f = append(f, toneMapFilters(info.Colour)...)
		info.Colour, info.PixFmt = d.Colour(info), "yuv444p"
	case info.SourceMatrix != "":
		f = append(f, matrixFilters(info)...)
		info.PixFmt = "yuv444p"
	}
	if d.RGBWidth > 0 {
		return append(f, rgbFilters(info, d)...)
	}
	// Pictures may change their size on the way; those that have the probe's pass
	// untouched.
	return append(append(f, planarFilters(info)...), fmt.Sprintf("scale=%d:%d", info.Width, info.Height))
}

// planarFilters leads to 8-bit 4:2:0. The plain format filter leaves matrix and
// range alone, except that it would squeeze a full range picture whose format
// does not say so by its name.
func planarFilters(info media.Info) []string {
	switch {
	case isRGB(info.PixFmt):
		return rgbToPlanar(info)
	case strings.HasPrefix(info.PixFmt, "yuvj"):
		return []string{"format=yuvj420p"}
	case info.Colour.Range == "pc" && info.PixFmt != "yuv420p":
		return []string{"scale=in_range=pc:out_range=pc", "format=yuv420p"}
	case info.Fields != "" && info.PixFmt != "yuv420p":
		return []string{"scale=interl=1", "format=yuv420p"} // each field's chroma by itself
	}
	return []string{"format=yuv420p"}
}

// rgbToPlanar brings RGB into BT.709. An odd picture first gets its last column
// or row once more: the scaler would stretch an odd width over the whole samples
// of chroma, half a sample off at the end, and mixes the last one with nothing.
func rgbToPlanar(info media.Info) []string {
	const toBT709 = "scale=out_color_matrix=bt709:out_range=tv"
	right, bottom := info.Width%2, info.Height%2
	if right == 0 && bottom == 0 {
		return []string{toBT709, "format=yuv420p"}
	}
	return []string{toBT709, "format=yuv444p",
		fmt.Sprintf("pad=iw+%d:ih+%d", right, bottom),
		fmt.Sprintf("fillborders=right=%d:bottom=%d:mode=smear", right, bottom),
		"format=yuv420p",
		fmt.Sprintf("crop=iw-%d:ih-%d:0:0:exact=1", right, bottom)}
}

// rgbFilters stretches to the asked size. The bilinear scaler widens its filter
// when it shrinks, which is what antialiased means here.
func rgbFilters(info media.Info, d media.Decode) []string {
	scale := fmt.Sprintf("scale=%d:%d:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp", d.RGBWidth, d.RGBHeight)
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

// matrixFilters brings a matrix that the scaler does not read into that of
// info's colour. Range, primaries and transfer stay; those without a tag are
// guessed, since the ways that depend on them are lost without.
func matrixFilters(info media.Info) []string {
	c, rng := info.Colour, videoRange(info.Colour)
	z := fmt.Sprintf("zscale=min=%s:m=%s:rin=%s:r=%s", info.SourceMatrix, c.Matrix, rng, rng)
	if c.Primaries == "" {
		z += ":pin=bt709:p=bt709"
	}
	if c.Transfer == "" {
		z += ":tin=bt709:t=bt709"
	}
	// The scaler is told the range, or it would squeeze a full one.
	return []string{"scale=in_range=" + rng + ":out_range=" + rng, "format=yuv444p16le", z}
}

// matrixIn tells the scaler how to read Y'CbCr.
func matrixIn(info media.Info) string {
	m, _ := media.MatrixOf(info.Colour.Assumed(info.FrameWidth(), info.FrameHeight()))
	return "in_color_matrix=" + m.Scaler + ":in_range=" + videoRange(info.Colour)
}

// videoRange returns the range of samples: without a tag they are limited.
func videoRange(c media.Colour) string {
	if c.Range == "pc" {
		return "pc"
	}
	return "tv"
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
