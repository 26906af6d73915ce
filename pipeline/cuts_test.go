package pipeline

import (
	"slices"
	"testing"
)

// TestCuts draws what is a cut and what only looks like one.
func TestCuts(t *testing.T) {
	const size, frames = 96, 16
	for _, c := range []struct {
		name  string
		level func(x, y, i int) byte
		want  []int
	}{
		{"still", func(x, y, i int) byte { return byte(x + y) }, nil},
		{"one cut", func(x, y, i int) byte { return byte(40 + 120*(i/9)) }, []int{9}},
		{"two cuts", func(x, y, i int) byte { return [...]byte{40, 200, 90}[i/6] }, []int{6, 12}},
		{"a texture that moves fast", func(x, y, i int) byte { return byte((x+5*i)/4%2) * 200 }, nil},
		{"a slow fade", func(x, y, i int) byte { return byte(12 * i) }, nil},
		{"a light that flickers", func(x, y, i int) byte { return byte(60 + 120*(i%2)) }, []int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var finder cutFinder
			var got []int
			rgb := make([]byte, 3*size*size)
			for i := range frames {
				for k := range size * size {
					v := c.level(k%size, k/size, i)
					rgb[3*k], rgb[3*k+1], rgb[3*k+2] = v, v, v
				}
				if finder.next(rgb, size) {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("cuts at %v, want %v", got, c.want)
			}
		})
	}
}
