package job

import "slices"

// State is where a job stands: the value of "status" in status.json.
type State string

// The nine states, in the order in which a job goes through them. Smoothing is
// skipped by a job that asks for none.
const (
	Queued      State = "queued"      // claimed and valid, or waiting to be tried again
	Extracting  State = "extracting"  // probe, up to the first decoded frame
	Masking     State = "masking"     // masks of the first frame
	Propagating State = "propagating" // masks of all other frames
	Editing     State = "editing"     // the second pass
	Smoothing   State = "smoothing"   // the last window of frames
	Saving      State = "saving"      // encoder flush, sound, publication
	Finished    State = "finished"
	Failed      State = "failed" // never written for what will be tried again by itself
)

// States returns all states in their order.
func States() []State {
	return []State{Queued, Extracting, Masking, Propagating, Editing, Smoothing, Saving, Finished, Failed}
}

// Rank returns the position of s in States, or -1 for no state of ours. A job's
// rank never falls, except back to Queued with a higher attempt.
func (s State) Rank() int { return slices.Index(States(), s) }

// Valid reports whether s is one of the nine states.
func (s State) Valid() bool { return s.Rank() >= 0 }

// Terminal reports whether a job in state s is over.
func (s State) Terminal() bool { return s == Finished || s == Failed }

// Mark returns the share of the whole, 0..1, that is done when a job enters s.
// Failed has no mark: a failed job keeps the progress that it had.
func (s State) Mark() float64 {
	switch s {
	case Masking:
		return 0.25
	case Propagating:
		return 0.3
	case Editing:
		return 0.5
	case Smoothing:
		return 0.9
	case Saving:
		return 0.95
	case Finished:
		return 1
	default:
		return 0
	}
}
