package ffmpeg

import (
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/media"
)

// TestMatricesAreConverted reads what the scaler cannot: the colour that comes
// out is the one that went in.
func TestMatricesAreConverted(t *testing.T) {
	for _, tt := range []struct{ matrix, more, filter, want string }{
		{"ycgco", "", "zscale=m=ycgco:r=tv,format=yuv420p", "bt709"},
		{"ycgco", ":range=pc", "zscale=m=ycgco:r=pc,format=yuv444p", "bt709"},
		{"bt2020c", ":color_primaries=bt2020:color_trc=bt2020-10", "zscale=m=bt2020c:p=bt2020:t=bt2020-10:pin=bt2020:tin=bt2020-10:r=tv,format=yuv420p10le", "bt2020nc"},
		{"chroma-derived-nc", ":color_primaries=bt709", "zscale=m=bt709:r=tv,format=yuv420p", "bt709"},
	} {
		in := clip(t, "a.mkv", "-f lavfi -i color=0x20C040:s=65x49:r=25:d=0.08 -vf format=gbrp,"+tt.filter+",setparams=colorspace="+tt.matrix+tt.more+" -c:v ffv1")
		info := probe(t, in)
		if info.SourceMatrix != tt.matrix || info.Colour.Matrix != tt.want || !strings.Contains(strings.Join(info.Warnings, "\n"), "colours are edited and written as "+tt.want) {
			t.Errorf("%s: read as %q, converted to %q, warnings %q", tt.matrix, info.SourceMatrix, info.Colour.Matrix, info.Warnings)
		}
		frames, _ := decodeAll(t, in, info, media.Decode{})
		if len(frames) != 2 {
			t.Fatalf("%s: %d frames", tt.matrix, len(frames))
		}
		out := create(t, "o.png")
		if err := realTool(t).WritePNG(t.Context(), out, frames[1], info); err != nil {
			t.Fatal(err)
		}
		near(t, tt.matrix, readPNG(t, out.Name()).At(30, 20), 0x20, 0xC0, 0x40)
		dec, err := realTool(t).Decode(t.Context(), in, info, media.Decode{RGBWidth: 8, RGBHeight: 8})
		if err != nil {
			t.Fatal(err)
		}
		rgb := make([]byte, 8*8*3)
		_, err = dec.ReadRGB(rgb)
		dec.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{0x20, 0xC0, 0x40} {
			if d := int(rgb[27*3+i]) - want; d < -3 || d > 3 {
				t.Errorf("%s: the segmenter sees %v", tt.matrix, rgb[81:84])
				break
			}
		}
	}
}

// TestMatricesAreRefused says so before any frame is read.
func TestMatricesAreRefused(t *testing.T) {
	for _, matrix := range []string{"smpte2085", "ictcp"} {
		in := clip(t, "a.mp4", "-f lavfi -i nullsrc=s=64x48:d=0.04 -vf format=yuv420p,setparams=colorspace="+matrix+" "+x264)
		_, err := realTool(t).Probe(t.Context(), in)
		if f := fault.Of(err); f.Code != fault.InputUnsupported || !strings.Contains(err.Error(), matrix) || f.Hint == "" {
			t.Errorf("%s: %v (%s, hint %q)", matrix, err, f.Code, f.Hint)
		}
	}
	in := clip(t, "a.mp4", "-f lavfi -i nullsrc=s=64x48:d=0.04 -vf format=yuv420p,setparams=colorspace=ycgco "+x264)
	tool := *realTool(t)
	tool.zscale = false
	if _, err := tool.Probe(t.Context(), in); fault.Of(err).Code != fault.InputUnsupported {
		t.Errorf("without zscale: %v", err)
	}
}
