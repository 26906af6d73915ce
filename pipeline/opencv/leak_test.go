//go:build matprofile

package opencv_test

import (
	"testing"

	"gocv.io/x/gocv"
)

// TestNoLeak counts the matrices that OpenCV holds. It needs a build of gocv
// that counts: go test -tags matprofile ./pipeline/opencv
func TestNoLeak(t *testing.T) {
	before := gocv.MatProfile.Count()
	b := newBench()
	for range 3 {
		b.all()
	}
	if got := gocv.MatProfile.Count(); got != before+1 {
		t.Errorf("%d matrices are held while open, want 1: the erosion's square", got-before)
	}
	if err := b.ops.Close(); err != nil {
		t.Fatal(err)
	}
	if got := gocv.MatProfile.Count(); got != before {
		t.Errorf("%d matrices are left after Close", got-before)
	}
}
