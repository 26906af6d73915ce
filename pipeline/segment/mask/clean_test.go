package mask

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/frame"
)

// drawn reads a mask from text: # is inside.
func drawn(lines ...string) frame.Plane32 {
	p := frame.NewPlane32(len(lines[0]), len(lines))
	for y, row := range lines {
		for x, c := range row {
			p.Pix[y*p.Stride+x] = -1
			if c == '#' {
				p.Pix[y*p.Stride+x] = 1
			}
		}
	}
	return p
}

func rows(p frame.Plane32) string {
	var b strings.Builder
	for y := range p.Height {
		for _, v := range p.Row(y) {
			if v > 0 {
				b.WriteByte('#')
			} else {
				b.WriteByte('.')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name      string
		area      int
		in, want  []string
		remaining int
	}{
		{"a hole", 2,
			[]string{"#####", "#...#", "#####", "#.###", "#####"},
			[]string{"#####", "#...#", "#####", "#####", "#####"}, 22},
		{"holes touch by a corner", 1,
			[]string{"####", "#.##", "##.#", "####"},
			[]string{"####", "#.##", "##.#", "####"}, 14},
		{"a hole at the border", 1,
			[]string{"###", "##.", "###"},
			[]string{"###", "###", "###"}, 9},
		{"a speck", 2,
			[]string{"##.....", "##....#", "##....."},
			[]string{"##.....", "##.....", "##....."}, 6},
		{"specks touch by a corner", 2,
			[]string{"##....#", "##...#.", "##..#.."},
			[]string{"##....#", "##...#.", "##..#.."}, 9},
		{"half the mask at most", 16,
			[]string{"#......", ".......", ".....#.", ".......", "......."},
			[]string{".......", ".......", ".......", ".......", "......."}, 0},
		{"one small part is no speck", 16,
			[]string{"##.....", "##.....", ".......", ".......", "......."},
			[]string{"##.....", "##.....", ".......", ".......", "......."}, 4},
		{"off", 0,
			[]string{"###...", "#.#..#", "###..."},
			[]string{"###...", "#.#..#", "###..."}, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := drawn(c.in...)
			n := new(Cleaner).Clean(p, c.area)
			if got, want := rows(p), rows(drawn(c.want...)); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if n != c.remaining {
				t.Errorf("%d samples remain, want %d", n, c.remaining)
			}
		})
	}
}

func TestCleanWritesLittle(t *testing.T) {
	p := drawn("####.....", "#.##...#.", "####.....")
	if got := new(Cleaner).Clean(p, 1); got != 12 {
		t.Errorf("%d samples remain, want 12", got)
	}
	if hole, speck := p.Pix[9+1], p.Pix[9+7]; hole != 0.1 || speck != -0.1 {
		t.Errorf("hole %v, speck %v; want 0.1 and -0.1", hole, speck)
	}
}

// areas is the plain way: flood each component and note its size everywhere.
func areas(p frame.Plane32, inside bool) []int {
	size := make([]int, len(p.Pix))
	for i := range p.Pix {
		if size[i] != 0 || p.Pix[i] > 0 != inside {
			continue
		}
		part := []int{i}
		size[i] = -1
		for n := 0; n < len(part); n++ {
			x, y := part[n]%p.Width, part[n]/p.Width
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if x+dx < 0 || x+dx >= p.Width || y+dy < 0 || y+dy >= p.Height {
						continue
					}
					j := (y+dy)*p.Width + x + dx
					if size[j] == 0 && p.Pix[j] > 0 == inside {
						size[j] = -1
						part = append(part, j)
					}
				}
			}
		}
		for _, j := range part {
			size[j] = len(part)
		}
	}
	return size
}

func TestCleanAgainstFlooding(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := new(Cleaner)
	for range 300 {
		w, h := 1+random.IntN(20), 1+random.IntN(20)
		p, density := frame.NewPlane32(w, h), random.Float64()
		for i := range p.Pix {
			p.Pix[i] = -1
			if random.Float64() < density {
				p.Pix[i] = 1
			}
		}
		area := random.IntN(6)
		want := slices.Clone(p.Pix)
		if area > 0 {
			for i, n := range areas(p, false) {
				if n > 0 && n <= area {
					want[i] = 0.1
				}
			}
			filled := p
			filled.Pix = want
			sizes, total := areas(filled, true), 0
			for _, n := range sizes {
				if n > 0 {
					total++
				}
			}
			for i, n := range sizes {
				if n > 0 && n <= min(area, total/2) {
					want[i] = -0.1
				}
			}
		}
		c.Clean(p, area)
		if !slices.Equal(p.Pix, want) {
			t.Fatalf("%d by %d, area %d: got\n%s", w, h, area, rows(p))
		}
	}
}

func BenchmarkClean(b *testing.B) {
	p := frame.NewPlane32(288, 288)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range p.Pix {
		x, y := float64(i%288)-144, float64(i/288)-144
		p.Pix[i] = float32(80*80 - x*x - y*y + 3000*random.NormFloat64())
	}
	c := new(Cleaner)
	b.ReportAllocs()
	for b.Loop() {
		c.Clean(p, 16)
	}
}
