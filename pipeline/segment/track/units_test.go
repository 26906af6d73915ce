package track

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/segment/mask"
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

// bits returns the view of a mask of one row.
func bits(score float32, row string) view {
	var b mask.Bits
	b.Threshold(drawn(row))
	return view{bits: &b, score: score}
}

func (v view) of(prompt int) view {
	v.prompt = prompt
	return v
}

func TestAssociate(t *testing.T) {
	th := DefaultConfig().Thresholds
	for _, c := range []struct {
		name                string
		detections, objects []view
		fresh               []int
		matches             [][]int
		unmatched           []bool
		confirms            []int
	}{
		{"the first frame takes all", []view{bits(.51, "##...."), bits(.6, "....##")}, nil,
			[]int{0, 1}, [][]int{{}, {}}, nil, nil},
		{"nothing detected", nil, []view{bits(0, "##...."), bits(0, "......")},
			nil, nil, []bool{true, false}, []int{-1, -1}},
		{"a sure detection confirms", []view{bits(.9, "#####.....")}, []view{bits(0, "####......")},
			nil, [][]int{{0}}, []bool{false}, []int{0}},
		{"an unsure one does not", []view{bits(.79, "#####.....")}, []view{bits(0, "####......")},
			nil, [][]int{{0}}, []bool{false}, []int{-1}},
		{"less than a tenth is new", []view{bits(.7, "#.........#########")}, []view{bits(0, "##.................")},
			[]int{0}, [][]int{{}}, []bool{true}, []int{-1}},
		{"a tenth is the same", []view{bits(.9, "##########")}, []view{bits(0, "#.........")},
			nil, [][]int{{0}}, []bool{true}, []int{-1}},
		{"half is a match", []view{bits(.6, "####......")}, []view{bits(0, "##........")},
			nil, [][]int{{0}}, []bool{false}, []int{-1}},
		{"new needs a score", []view{bits(.69, "....##"), bits(.7, "...#..")}, []view{bits(0, "##....")},
			[]int{1}, [][]int{{}, {}}, []bool{true}, []int{-1}},
		{"two objects, one detection", []view{bits(.9, "########..")}, []view{bits(0, "####......"), bits(0, "....#####.")},
			nil, [][]int{{0, 1}}, []bool{false, true}, []int{-1, -1}},
		{"prompts do not meet", []view{bits(.9, "####").of(1)}, []view{bits(0, "####")},
			[]int{0}, [][]int{{}}, []bool{true}, []int{-1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a association
			for range 2 { // the second time in used memory
				a.associate(c.detections, c.objects, &th)
			}
			got := []any{slices.Clip(append([]int{}, a.fresh...)), append([]bool{}, a.unmatched...), append([]int{}, a.confirms...)}
			want := []any{append([]int{}, c.fresh...), append([]bool{}, c.unmatched...), append([]int{}, c.confirms...)}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("fresh, unmatched, confirms: %v, want %v", got, want)
			}
			for n := range c.matches {
				if !slices.Equal(a.matches[n], c.matches[n]) {
					t.Errorf("detection %d matches %v, want %v", n, a.matches[n], c.matches[n])
				}
			}
		})
	}
}

// TestAssociateFloat32 has an overlap of 7/10, which as float32 is the float32
// nearest to 0.7, and as float64 less.
func TestAssociateFloat32(t *testing.T) {
	th := DefaultConfig().Thresholds
	th.HighOverlap = 0.7
	var a association
	a.associate([]view{bits(0.8, "##########")}, []view{bits(0, "#######...")}, &th)
	if a.confirms[0] != 0 {
		t.Error("7/10 does not reach 0.7")
	}
}

func TestJudge(t *testing.T) {
	th := DefaultConfig().Thresholds
	open := th
	open.HideOnlyYoung = false
	counting := open
	counting.EmptyCounts = true
	for _, c := range []struct {
		name    string
		t       int
		th      Thresholds
		lives   []life
		a       association
		empty   []bool
		want    []verdict
		keep    []int
		sharing map[int]int // of the last object
	}{
		{"matched", 3, th, []life{{keepAlive: 5}}, association{matches: [][]int{{0}}, unmatched: []bool{false}}, []bool{false},
			[]verdict{stays}, []int{6}, nil},
		{"at most the limit", 3, th, []life{{keepAlive: 30}}, association{matches: [][]int{{0}}, unmatched: []bool{false}}, []bool{false},
			[]verdict{stays}, []int{30}, nil},
		{"once for two detections", 3, th, []life{{keepAlive: 5}}, association{matches: [][]int{{0}, {0}}, unmatched: []bool{false}}, []bool{false},
			[]verdict{stays}, []int{6}, nil},
		{"the eighth time without a detection", 14, th, []life{{unmatched: 7, keepAlive: 9}}, association{unmatched: []bool{true}}, []bool{false},
			[]verdict{ends}, []int{8}, nil},
		{"the seventh", 14, th, []life{{unmatched: 6}}, association{unmatched: []bool{true}}, []bool{false},
			[]verdict{stays}, []int{-1}, nil},
		{"too old to end", 15, th, []life{{unmatched: 7}}, association{unmatched: []bool{true}}, []bool{false},
			[]verdict{stays}, []int{-1}, nil},
		{"not below the least", 15, th, []life{{unmatched: 7, keepAlive: -1}}, association{unmatched: []bool{true}}, []bool{false},
			[]verdict{stays}, []int{-1}, nil},
		{"hides when it is unmatched for long", 99, open, []life{{unmatched: 7, keepAlive: 1}}, association{unmatched: []bool{true}}, []bool{false},
			[]verdict{hides}, []int{0}, nil},
		{"empty does not count", 99, open, []life{{unmatched: 7, keepAlive: 1}}, association{unmatched: []bool{false}}, []bool{true},
			[]verdict{stays}, []int{1}, nil},
		{"or does", 99, counting, []life{{unmatched: 7, keepAlive: 1}}, association{unmatched: []bool{false}}, []bool{true},
			[]verdict{hides}, []int{0}, nil},
		{"a duplicate", 9, th, []life{{first: 0}, {first: 1, shares: map[int]int{0: 7}}}, association{matches: [][]int{{0, 1}}, unmatched: make([]bool, 2)}, make([]bool, 2),
			[]verdict{stays, ends}, []int{1, 1}, map[int]int{0: 8}},
		{"the earlier one in any order", 9, th, []life{{first: 1, shares: map[int]int{1: 7}}, {first: 0}}, association{matches: [][]int{{0, 1}}, unmatched: make([]bool, 2)}, make([]bool, 2),
			[]verdict{ends, stays}, []int{1, 1}, nil},
		{"of equals the first", 9, th, []life{{first: 1}, {first: 1}}, association{matches: [][]int{{0, 1}}, unmatched: make([]bool, 2)}, make([]bool, 2),
			[]verdict{stays, stays}, []int{1, 1}, map[int]int{0: 1}},
		{"an old duplicate stays", 16, th, []life{{first: 0}, {first: 1, shares: map[int]int{0: 7}}}, association{matches: [][]int{{0, 1}}, unmatched: make([]bool, 2)}, make([]bool, 2),
			[]verdict{stays, stays}, []int{1, 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			lives, ids := make([]*life, len(c.lives)), make([]int, len(c.lives))
			for i := range c.lives {
				lives[i], ids[i] = &c.lives[i], i
			}
			if got := judge(c.t, ids, lives, &c.a, c.empty, &c.th); !slices.Equal(got, c.want) {
				t.Errorf("verdicts %v, want %v", got, c.want)
			}
			for i, l := range lives {
				if l.keepAlive != c.keep[i] {
					t.Errorf("object %d: keepAlive %d, want %d", i, l.keepAlive, c.keep[i])
				}
			}
			if l := lives[len(lives)-1]; !maps.Equal(l.shares, c.sharing) {
				t.Errorf("shares %v, want %v", l.shares, c.sharing)
			}
		})
	}
}

func TestSuppress(t *testing.T) {
	same, other := bits(0, "###."), bits(0, "...#")
	for _, c := range []struct {
		name      string
		objects   []view
		hidden    []int
		threshold float32
		want      []bool
	}{
		{"hidden later gives way", []view{same, same}, []int{3, 5}, .7, []bool{false, true}},
		{"in any order", []view{same, same}, []int{5, 3}, .7, []bool{true, false}},
		{"the other was never hidden", []view{same, same}, []int{-1, 5}, .7, []bool{false, false}},
		{"or this one", []view{same, same}, []int{5, -1}, .7, []bool{false, false}},
		{"at the same time", []view{same, same}, []int{5, 5}, .7, []bool{false, false}},
		{"apart", []view{same, other}, []int{3, 5}, .7, []bool{false, false}},
		{"of different prompts", []view{same, same.of(1)}, []int{3, 5}, .7, []bool{false, false}},
		{"a chain", []view{same, same, same}, []int{3, 5, 4}, .7, []bool{false, true, true}},
		{"exactly the threshold", []view{bits(0, "####"), same}, []int{3, 5}, .75, []bool{false, true}},
		{"off", []view{same, same}, []int{3, 5}, 0, []bool{false, false}},
	} {
		if got := suppress(c.objects, c.hidden, c.threshold); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestContested compares with the plain way: whole planes, enlarged, the
// greatest of each sample.
func TestContested(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	lost, kept := 0, 0
	for range 200 {
		n, factor := 1+random.IntN(4), 1+3*random.IntN(2)
		masks, prompts := make([]frame.Plane32, n), make([]int, n)
		for k := range masks {
			masks[k], prompts[k] = frame.NewPlane32(6, 5), random.IntN(2)
			for i := range masks[k].Pix {
				masks[k].Pix[i] = float32(random.IntN(9)-4) - float32(k)
			}
		}
		got := contested(masks, prompts, 0.3, factor)
		for k := range masks {
			before, after, rivals := 0, 0, 0
			for y := range 5 * factor {
				for x := range 6 * factor {
					v := linear(masks[k], x, y, factor)
					best := true
					rivals = 0
					for j := range masks {
						if prompts[j] != prompts[k] || j == k {
							continue
						}
						rivals++
						if o := linear(masks[j], x, y, factor); o > v || o == v && j < k {
							best = false
						}
					}
					if v > 0 {
						before++
						if best {
							after++
						}
					}
				}
			}
			want := rivals > 0 && float32(after)/float32(max(before, 1)) < 0.3
			if got[k] != want {
				t.Fatalf("factor %d: mask %d of %d keeps %d of %d: lost %v", factor, k, n, after, before, got[k])
			}
			if want {
				lost++
			} else {
				kept++
			}
		}
	}
	if lost < 20 || kept < 20 {
		t.Errorf("%d lost, %d kept: the test shows little", lost, kept)
	}
}

func linear(p frame.Plane32, x, y, factor int) float32 {
	if factor == 1 {
		return p.Pix[y*p.Stride+x]
	}
	l, r, u := between(x, factor, p.Width)
	a, b, v := between(y, factor, p.Height)
	top := p.Row(a)[l] + u*(p.Row(a)[r]-p.Row(a)[l])
	bottom := p.Row(b)[l] + u*(p.Row(b)[r]-p.Row(b)[l])
	return top + v*(bottom-top)
}

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		i, first, second int
		part             float32
	}{{0, 0, 1, 0}, {1, 0, 1, 0}, {2, 0, 1, .125}, {5, 0, 1, .875}, {6, 1, 2, .125}, {11, 2, 2, .375}} {
		if f, s, p := between(c.i, 4, 3); f != c.first || s != c.second || p != c.part {
			t.Errorf("sample %d lies between %d and %d at %v, want %d, %d, %v", c.i, f, s, p, c.first, c.second, c.part)
		}
	}
}
