package document

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const limit = 1 << 16

func TestNearest(t *testing.T) {
	known := []string{"guidance_scale", "image_guidance_scale", "max_frames", "seed", "hdr", "mode"}
	for key, want := range map[string]string{
		"guidence_scale": "guidance_scale", "guidanceScale": "guidance_scale", "image-guidance-scale": "image_guidance_scale",
		"guidance": "guidance_scale", "image": "image_guidance_scale", "see": "seed", "sed": "seed", "step": "",
		"max_frame": "max_frames", "maxframes": "max_frames", "sede": "seed", "Seed": "seed", "hdr ": "hdr",
		"colour": "", "x": "", "": "", strings.Repeat("seed", 100): "",
	} {
		if got := Nearest(key, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", key, got, want)
		}
	}
}

// TestWord: a number may stand for text without quotes, and nothing else may.
func TestWord(t *testing.T) {
	for text, want := range map[string]string{"w: 7": "7", `w: "07"`: "07", "w: last": "last", "w: 0x10": "16"} {
		m, _ := Parse("d.yaml", []byte(text), limit)
		var got string
		if m.Word("w", &got); got != want || len(m.Faults()) > 0 {
			t.Errorf("%s: got %q, faults %v", text, got, m.Faults())
		}
	}
	for _, text := range []string{"w: 1.5", "w: true", "w: [a]", "w: 010"} {
		m, _ := Parse("d.yaml", []byte(text), limit)
		got := "kept"
		if m.Word("w", &got); got != "kept" || len(m.Faults()) != 1 {
			t.Errorf("%s: got %q, faults %v", text, got, m.Faults())
		}
	}
}

// TestPlaces: a fault that comes to light later names the line of a key at any
// depth, or the name that it has where there is no file.
func TestPlaces(t *testing.T) {
	m, _ := Parse("d.yaml", []byte("a.b: 1\nin:\n  x: 3\n"), limit)
	m.Mapping("in")
	m.Fault("in.x", "bad", "")
	m.Fault("in.y", "gone", "")
	m.Fault("a.b", "dotted", "")
	none := Empty()
	none.Mapping("in")
	none.Name("in.x", "--x")
	none.Fault("in.x", "bad", "")
	var got []string
	for _, f := range append(m.Faults(), none.Faults()...) {
		got = append(got, f.Error())
	}
	if want := []string{"d.yaml:1: a.b: dotted", "d.yaml:3: in.x: bad", "d.yaml: in.y: gone", "--x: bad"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// TestSame: a document is read alike as YAML and as JSON.
func TestSame(t *testing.T) {
	read := func(name, text string) (values []any, faults string) {
		m, fault := Parse(name, []byte(text), limit)
		if fault != nil {
			t.Fatal(fault)
		}
		var s string
		var i int
		var f float64
		var b bool
		var l []string
		var d time.Duration
		var sm map[string]string
		m.String("s", &s)
		m.Int("i", &i)
		m.Float("f", &f)
		m.Bool("b", &b)
		m.Strings("l", &l)
		m.Duration("d", &d)
		m.StringMap("m", &sm)
		var inner int
		m.Mapping("in").Int("x", &inner)
		values = []any{s, i, f, b, l, d, sm, inner, m.Any("any"), m.Null("n")}
		m.Unknown(nil)
		for _, f := range m.Faults() {
			faults += f.Error() + "\n"
		}
		return values, faults
	}
	want := []any{"text", 7, 0.5, true, []string{"a", "b"}, 90 * time.Second, map[string]string{"k": "v"}, 3, []any{1, 2.5, nil, "x", false, map[string]any{"y": 1}}, true}
	for name, text := range map[string]string{
		"d.yaml": "s: text\ni: 7\nf: .5\nb: true\nl: [a, b]\nd: 1m30s\nm: {k: v}\nin:\n  x: 3\nany: [1, 2.5, ~, x, no, {y: 1.0}]\nn:\n",
		"d.json": `{"s":"text","i":7,"f":5e-1,"b":true,"l":["a","b"],"d":"1m30s","m":{"k":"v"},"in":{"x":3},"any":[1,2.5,null,"x",false,{"y":1}],"n":null}`,
	} {
		got, faults := read(name, text)
		if name == "d.yaml" { // "no" is text in YAML 1.2, as it should be
			want := reflect.ValueOf(want).Index(8).Interface().([]any)
			if got[8].([]any)[4] != "no" {
				t.Errorf("no is %v", got[8].([]any)[4])
			}
			got[8].([]any)[4] = want[4]
		}
		if !reflect.DeepEqual(got, want) || faults != "" {
			t.Errorf("%s\ngot  %#v\nwant %#v\nfaults %s", name, got, want, faults)
		}
	}
}

// TestOverride: a value from outside wins, whatever type its text looks like,
// and a fault of it names where it came from.
func TestOverride(t *testing.T) {
	m, fault := Parse("d.yaml", []byte("s: a\nin:\n  i: 1\n  l: [x]\n"), limit)
	if fault != nil {
		t.Fatal(fault)
	}
	outside := map[string]string{"s": "12", "in.i": "many", "in.l": "a,b"}
	m.Override(func(key string) (string, string, bool) {
		v, ok := outside[key]
		return v, "VAR_" + key, ok
	})
	var s string
	var i int
	var l []string
	m.String("s", &s)
	in := m.Mapping("in")
	in.Int("i", &i)
	in.Strings("l", &l)
	if s != "12" || i != 0 || !reflect.DeepEqual(l, []string{"a", "b"}) {
		t.Errorf("got %q, %d, %q", s, i, l)
	}
	if got := fmt.Sprint(m.Faults()[0]); got != `VAR_in.i: text "many" is not a whole number (hint: write digits)` {
		t.Error(got)
	}
}

// TestFaultsOnce: a key has one fault, the first, and faults are in the order
// of the lines.
func TestFaultsOnce(t *testing.T) {
	m, fault := Parse("d.yaml", []byte("a: x\nb: y\n"), limit)
	if fault != nil {
		t.Fatal(fault)
	}
	var i int
	m.Int("b", &i)
	m.Fault("missing", "the key is missing", "")
	m.Int("a", &i)
	m.Fault("a", "second", "")
	var got []string
	for _, f := range m.Faults() {
		got = append(got, f.Error())
	}
	want := []string{`d.yaml:1: a: text "x" is not a whole number (hint: write digits)`, `d.yaml:2: b: text "y" is not a whole number (hint: write digits)`, "d.yaml: missing: the key is missing"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrite(t *testing.T) {
	data, err := Write([]Pair{{"a", "yes"}, {"b", 1.5}, {"c", "x\ny"}, {"d", []string{"- e"}}})
	if want := "a: \"yes\"\nb: 1.5\nc: \"x\\ny\"\nd:\n  - '- e'\n...\n"; err != nil || string(data) != want {
		t.Errorf("got %q, want %q, error %v", data, want, err)
	}
}
