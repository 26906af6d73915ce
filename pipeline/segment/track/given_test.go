package track

import "testing"

// TestGiven: what someone chose in the first frame stays, whatever the detector
// thinks of it later, and nothing else begins.
func TestGiven(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{Given: true})
	all := play(t, tr, 40, func(i int) ([]box, []Detection) {
		if i == 0 {
			return []box{left, right}, []Detection{detect(.1, left)}
		}
		return []box{left, right}, []Detection{detect(.9, right)}
	})
	if got, want := ids(all), "0 x40"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if where := all[39][0].samples; where != 16 {
		t.Errorf("the object has %d samples, want the chosen one's 16", where)
	}
	if tr.Refused() != 0 {
		t.Errorf("%d are said to be refused", tr.Refused())
	}
}
