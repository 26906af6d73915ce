package track

// Kept says which frames an object's bank holds.
type Kept struct {
	ID                   int
	Conditioning, Recent []int
}

// Banks returns what is kept of each object that is followed.
func (t *Tracker) Banks() []Kept {
	var kept []Kept
	for _, o := range t.objects {
		kept = append(kept, Kept{ID: o.id, Conditioning: frames(o.bank.conditioning), Recent: frames(o.bank.recent)})
	}
	return kept
}

func frames(entries []entry) []int {
	numbers := make([]int, 0, len(entries))
	for _, e := range entries {
		numbers = append(numbers, e.frame)
	}
	return numbers
}
