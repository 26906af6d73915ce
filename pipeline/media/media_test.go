package media_test

import (
	"testing"

	"uredit/pipeline/media"
)

func TestAssumedMatrix(t *testing.T) {
	for _, tt := range []struct {
		matrix        string
		width, height int
		want          string
	}{
		{"", 720, 576, "smpte170m"},
		{"unknown", 1278, 576, "smpte170m"},
		{"reserved", 640, 578, "bt709"},
		{"unspecified", 1280, 2, "bt709"},
		{"", 1920, 1080, "bt709"},
		{"bt470bg", 1920, 1080, "bt470bg"},
		{"bt2020nc", 64, 48, "bt2020nc"},
	} {
		if got := (media.Colour{Matrix: tt.matrix}).Assumed(tt.width, tt.height); got != tt.want {
			t.Errorf("%q at %dx%d is read as %q, want %q", tt.matrix, tt.width, tt.height, got, tt.want)
		}
	}
}
