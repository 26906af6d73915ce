//go:build !matprofile

package opencv_test

import "testing"

func TestNoAllocations(t *testing.T) {
	b := newBench()
	defer b.ops.Close()
	b.all()
	if n := testing.AllocsPerRun(10, b.all); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
