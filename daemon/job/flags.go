package job

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"uredit/daemon/document"
)

// Flags is what a command line says about a request: a flag for each key, with
// its value as the user wrote it. A Draft reads and judges the values.
type Flags struct {
	given map[string]given // by key
}

// given is a flag that was set.
type given struct{ name, text string }

// NewFlags adds a flag for every value of a request to set.
func NewFlags(set *flag.FlagSet) *Flags {
	f := &Flags{given: map[string]given{}}
	standard := Default()
	for _, field := range standard.fields() {
		set.Var(&flagValue{flags: f, field: field}, field.flag, field.usage)
	}
	return f
}

// Has reports whether the flag of a key was given.
func (f *Flags) Has(key string) bool {
	_, ok := f.given[key]
	return ok
}

// Names returns the flags that were given, in the order of the alphabet:
// "--steps".
func (f *Flags) Names() []string {
	var names []string
	for g := range maps.Values(f.given) {
		names = append(names, g.name)
	}
	slices.Sort(names)
	return names
}

// lookup is a document.Lookup.
func (f *Flags) lookup(key string) (value, name string, ok bool) {
	if f == nil {
		return "", "", false
	}
	g, ok := f.given[key]
	return g.text, g.name, ok
}

// flagValue is the flag of one field. It implements flag.Value.
type flagValue struct {
	flags *Flags
	field field // of a request with every default
}

// String returns the default as the help shows it, "" for one that says
// nothing.
func (v *flagValue) String() string {
	if v.flags == nil || v.IsBoolFlag() {
		return "" // package flag asks an empty value what it hides
	}
	return v.field.text()
}

// Set notes the text. That every text fits here, and is judged with the rest of
// the request, is what gives all faults of a command line one form.
func (v *flagValue) Set(text string) error {
	if on, err := strconv.ParseBool(text); err == nil && v.IsBoolFlag() {
		text = strconv.FormatBool(on != v.negated())
	}
	v.flags.given[v.field.key] = given{name: "--" + v.field.flag, text: text}
	return nil
}

// IsBoolFlag lets the flag of a yes or no stand without a value.
func (v *flagValue) IsBoolFlag() bool {
	_, is := v.field.at.(*bool)
	return is
}

// negated reports whether the flag says the contrary of its key.
func (v *flagValue) negated() bool { return strings.HasPrefix(v.field.flag, "no-") }

// FlagError says in the words of this package what package flag found wrong
// with a command line for set.
func FlagError(set *flag.FlagSet, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		var known []string
		set.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
		hint := set.Name() + " -h lists the flags"
		if near := document.Nearest(name, known); near != "" {
			hint = "did you mean --" + near + "?"
		}
		return fmt.Errorf("there is no flag --%s (hint: %s)", name, hint)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return fmt.Errorf("the flag --%s needs a value", name)
	}
	return err
}
