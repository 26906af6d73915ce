// Package document reads one mapping of YAML or JSON strictly, and writes one.
// It is the only user of the YAML library.
//
// Reading collects every fault with its line instead of stopping at the first.
// What a lenient decoder lets pass is a fault here: unknown and repeated keys, a
// second document, 3.5 for a whole number, "yes" for true, NaN, anchors,
// aliases and tags of one's own, text that is not UTF-8.
package document

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a file.
type Fault struct {
	File    string
	Line    int    // from 1; 0 where no line is to blame
	Key     string // with its parents: "log.max_size"
	Message string // what is wrong: lower case, no full stop
	Hint    string // what to write instead; may be empty
}

// Error returns FILE:LINE: KEY: MESSAGE (hint: HINT), without the parts that
// are empty.
func (f *Fault) Error() string {
	var b strings.Builder
	switch {
	case f.File != "" && f.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	case f.File != "":
		b.WriteString(f.File + ": ")
	case f.Line > 0:
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (hint: " + f.Hint + ")")
	}
	return b.String()
}
