package ffmpeg

import (
	"slices"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

func TestDecodeRGB(t *testing.T) {
	in := clip(t, "a.mp4", "-f lavfi -i color=red:s=64x48:r=25:d=0.12 -vf scale=out_color_matrix=bt709,setparams=colorspace=bt709:range=tv -pix_fmt yuv420p "+x264+"-qp 0")
	dec, err := realTool(t).Decode(t.Context(), in, probe(t, in), media.Decode{RGBWidth: 20, RGBHeight: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	dst := make([]byte, 20*10*3)
	for want := int64(0); want < 3; want++ {
		pts, err := dec.ReadRGB(dst)
		if err != nil || pts != want*512 {
			t.Fatalf("pts = %d, %v", pts, err)
		}
		for i := 0; i < len(dst); i += 3 {
			if dst[i] < 252 || dst[i+1] > 3 || dst[i+2] > 3 {
				t.Fatalf("pixel %d is %d, not red", i/3, dst[i:i+3])
			}
		}
	}
}

// TestDecodeRGBAntialiases shrinks a one-sample checkerboard: without a filter
// that widens, it stays black and white.
func TestDecodeRGBAntialiases(t *testing.T) {
	in := clip(t, "a.mkv", "-f lavfi -i nullsrc=s=64x64:r=25:d=0.04 -vf format=gray,geq=lum='255*mod(X+Y\\,2)' -c:v ffv1")
	dec, err := realTool(t).Decode(t.Context(), in, probe(t, in), media.Decode{RGBWidth: 24, RGBHeight: 24})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	dst := make([]byte, 24*24*3)
	if _, err := dec.ReadRGB(dst); err != nil {
		t.Fatal(err)
	}
	if low, high := slices.Min(dst), slices.Max(dst); low < 90 || high > 165 {
		t.Errorf("samples between %d and %d", low, high)
	}
}

func TestDecodeHDR(t *testing.T) {
	in := clip(t, "a.mp4", source+"-pix_fmt yuv420p10le "+hdrTag+x264)
	info := probe(t, in)
	if !info.HDR || info.Colour.Transfer != "smpte2084" {
		t.Fatalf("info = %+v", info)
	}
	_, err := realTool(t).Decode(t.Context(), in, info, media.Decode{})
	if f := fault.Of(err); f.Code != fault.InputUnsupported || f.Hint != "hdr: tonemap" {
		t.Errorf("err = %v", err)
	}
	without := *realTool(t)
	without.zscale = false
	if _, err := without.Decode(t.Context(), in, info, media.Decode{ToneMap: true}); fault.Of(err).Code != fault.InputUnsupported {
		t.Errorf("without zscale: %v", err)
	}
	d := media.Decode{ToneMap: true}
	frames, _ := decodeAll(t, in, info, d)
	if len(frames) != 10 || d.Colour(info).Transfer != "bt709" {
		t.Errorf("%d frames, %+v", len(frames), d.Colour(info))
	}
	rgb, err := realTool(t).Decode(t.Context(), in, info, media.Decode{ToneMap: true, RGBWidth: 16, RGBHeight: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer rgb.Close()
	if _, err := rgb.ReadRGB(make([]byte, 16*16*3)); err != nil {
		t.Error(err)
	}
}
