package preset

import (
	"fmt"
	"math"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// Colours converts frames of one video to packed RGB and back. As in the plain
// conversions of ffmpeg, four luma samples share a chroma sample as it is, and
// get one back that is that of their mean.
type Colours struct {
	kr, kg, kb          float64
	black, luma, chroma float64
}

// NewColours returns the conversions for frames of w by h samples.
func NewColours(c media.Colour, w, h int) (*Colours, error) {
	kr, kb, err := c.Luma(w, h)
	if err != nil {
		return nil, fmt.Errorf("preset: %w", err)
	}
	t := &Colours{kr: kr, kg: 1 - kr - kb, kb: kb, black: 16, luma: 219, chroma: 224}
	if c.Range == "pc" {
		t.black, t.luma, t.chroma = 0, 255, 255
	}
	return t, nil
}

// RGB fills dst, packed R, G, B bytes in rows from the top, with f.
func (t *Colours) RGB(dst []byte, f *frame.Frame) {
	luma, cb, cr := f.Y(), f.Cb(), f.Cr()
	for y := range f.Height {
		row, u, v := luma.Row(y), cb.Row(y/2), cr.Row(y/2)
		for x := range row {
			l := (float64(row[x]) - t.black) / t.luma
			blue := 2 * (1 - t.kb) * (float64(u[x/2]) - 128) / t.chroma
			red := 2 * (1 - t.kr) * (float64(v[x/2]) - 128) / t.chroma
			d := dst[3*(y*f.Width+x):][:3]
			d[0] = level(255 * (l + red))
			d[1] = level(255 * (l - (t.kr*red+t.kb*blue)/t.kg))
			d[2] = level(255 * (l + blue))
		}
	}
}

// Planes fills f's samples with the picture in src, of f's size.
func (t *Colours) Planes(f *frame.Frame, src []byte) {
	luma, cb, cr := f.Y(), f.Cb(), f.Cr()
	for y := 0; y < f.Height; y += 2 {
		for x := 0; x < f.Width; x += 2 {
			var r, g, b float64 // sums of the four
			for i := range 4 {
				at := (y+i/2)*f.Width + x + i%2
				p := src[3*at:][:3]
				luma.Pix[at] = level(t.black + t.luma*t.lumaOf(float64(p[0]), float64(p[1]), float64(p[2]))/255)
				r, g, b = r+float64(p[0]), g+float64(p[1]), b+float64(p[2])
			}
			l := t.lumaOf(r, g, b)
			at := y/2*cb.Stride + x/2
			cb.Pix[at] = level(128 + t.chroma*(b-l)/(2*(1-t.kb))/(4*255))
			cr.Pix[at] = level(128 + t.chroma*(r-l)/(2*(1-t.kr))/(4*255))
		}
	}
}

func (t *Colours) lumaOf(r, g, b float64) float64 { return t.kr*r + t.kg*g + t.kb*b }

// level is the nearest of 0..255.
func level(v float64) byte { return byte(min(max(math.Floor(v+0.5), 0), 255)) }
