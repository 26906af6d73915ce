package spooltest

import "github.com/anishathalye/porcupine"

// step is a call as the model sees it.
type step struct {
	from, to  place
	look      bool
	overtaken bool
}

// life returns the model: one job, which is free in the inbox, then held by one process
// in one epoch or waiting, then over. A step either finds the job where it says,
// and moves it, or does not.
func life() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{place{phase: "inbox"}} },
		Step: func(state, input, output any) []any {
			var next []any
			for _, p := range input.(step).after(state.(place), output.(Outcome)) {
				next = append(next, p)
			}
			return next
		},
	}
	return m.ToModel()
}

// after returns where a job may be after a step with that outcome; nothing when
// there is no such step.
func (s step) after(at place, out Outcome) []place {
	here := at == s.from
	if s.look {
		if out == Unknown || here == (out == Done) {
			return []place{at}
		}
		return nil
	}
	var next []place
	if here && s.lawful() {
		next = append(next, s.to.after(at))
	}
	switch out {
	case Unknown:
		return append(next, at)
	case Done:
		// What several users may ask for at once, and is the same for all of them.
		if s.to.waits() && at == s.to {
			return []place{at}
		}
		return next
	}
	// Lost: it was not there; or it was, and moved on before anybody looked.
	if !s.to.waits() && !s.overtaken {
		next = nil
	}
	// Each host that wants a request gives it a name of its own.
	if !here || s.from.phase == "inbox" {
		next = append(next, at)
	}
	return next
}

func (p place) waits() bool { return p.phase == "queue" || p.phase == "hold" }

// after completes the place of a record whose name does not say the epoch.
func (p place) after(at place) place {
	if p.phase == "done" || p.phase == "failed" || p.phase == "rejected" {
		p.epoch = at.epoch
	}
	return p
}

// lawful reports whether a job's life has such a step: an epoch for each owner,
// and every record from the hands of an owner.
func (s step) lawful() bool {
	from, to := s.from, s.to
	switch to.phase {
	case "held":
		if from.phase == "inbox" {
			return to.epoch == 1
		}
		return to.epoch == from.epoch+1 && to.committed == from.committed ||
			to.epoch == from.epoch && to.owner == from.owner && to.committed && !from.committed
	case "queue", "hold":
		return from.phase == "held" && !from.committed && to.epoch == from.epoch ||
			from.waits() && to.epoch == from.epoch+1
	case "inbox":
		return from.phase == "held" && !from.committed
	case "done":
		return from.phase == "held"
	case "failed", "rejected":
		return from.phase == "held" && !from.committed
	}
	return false
}
