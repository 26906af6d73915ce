package main

import (
	"testing"
	"time"
)

// TestEntryAfter: a token tells the second of its claim and no more.
func TestEntryAfter(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	early := entry{token: "260131T120000-zzzzzz", since: at.Add(time.Second)}
	for name, later := range map[string]entry{
		"claimed later":               {token: "260131T120001-aaaaaa", since: at},
		"ended later in that second":  {token: "260131T120000-aaaaaa", since: at.Add(2 * time.Second)},
		"claimed later, never looked": {token: "260131T120002-aaaaaa"},
	} {
		if !later.after(early) || early.after(later) || later.after(later) {
			t.Errorf("%s: not after", name)
		}
	}
}
