package document

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Mapping is the keys and values of one level of a file. A method that takes a
// key makes it a known one; a destination is written only when the key is there
// and its value fits. What does not fit is a fault.
type Mapping struct {
	file   string
	prefix string // "log." for the mapping below "log"
	values map[string]*yaml.Node
	lines  map[string]int
	order  []string
	known  []string
	bad    map[string]bool   // keys that already have a fault
	lookup Lookup            // may be nil
	from   map[string]string // keys that have another name outside of the file, and that name
	below  map[string]*Mapping
	faults *[]*Fault // one list for a file
}

func newMapping(file string, root *yaml.Node) *Mapping {
	m := &Mapping{file: file, faults: new([]*Fault)}
	m.fill(root)
	return m
}

func (m *Mapping) fill(node *yaml.Node) {
	m.values, m.lines = map[string]*yaml.Node{}, map[string]int{}
	m.bad, m.from, m.below = map[string]bool{}, map[string]string{}, map[string]*Mapping{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			m.add(key.Line, "", describe(key)+" stands where a key is wanted", "")
			continue
		}
		if first, twice := m.lines[key.Value]; twice {
			m.add(key.Line, key.Value, fmt.Sprintf("the key is there twice, first in line %d", first), "remove one")
			continue
		}
		m.values[key.Value], m.lines[key.Value] = value, key.Line
		m.order = append(m.order, key.Value)
	}
}

func (m *Mapping) add(line int, key, message, hint string) {
	if key != "" {
		m.bad[key] = true
		if name, outside := m.from[key]; outside {
			*m.faults = append(*m.faults, &Fault{Key: name, Message: message, Hint: hint})
			return
		}
		key = m.prefix + shorten(key)
	}
	*m.faults = append(*m.faults, &Fault{File: m.file, Line: line, Key: key, Message: message, Hint: hint})
}

// Fault adds a fault of a key's value, unless the key already has one. A key of
// a mapping that was read with Mapping comes with its parents.
func (m *Mapping) Fault(key, message, hint string) {
	m, key = m.home(key)
	m.fault(key, message, hint)
}

func (m *Mapping) fault(key, message, hint string) {
	if !m.bad[key] {
		m.add(m.lines[key], key, message, hint)
	}
}

// Name says what a key is called where there is no file: faults say that then.
func (m *Mapping) Name(key, name string) {
	m, key = m.home(key)
	m.from[key] = name
}

// home returns the mapping in which a key lies, and its name there.
func (m *Mapping) home(key string) (*Mapping, string) {
	if parent, rest, nested := strings.Cut(key, "."); nested && m.below[parent] != nil {
		return m.below[parent].home(rest)
	}
	return m, key
}

// Faults returns all faults of the file so far, in the order of its lines;
// those without a line come last.
func (m *Mapping) Faults() []*Fault {
	list := slices.Clone(*m.faults)
	slices.SortStableFunc(list, func(a, b *Fault) int {
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line - a.Line
		}
		return a.Line - b.Line
	})
	return list
}

// Line returns the line of a key, or 0.
func (m *Mapping) Line(key string) int { return m.lines[key] }

// Origin says where the value of a key that was read came from: "FILE:LINE", its
// name outside of the file, or "" where there is none.
func (m *Mapping) Origin(key string) string {
	if name, outside := m.from[key]; outside {
		return name
	}
	if m.values[key] == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", m.file, m.lines[key])
}

// Has reports whether the key is there, whatever its value.
func (m *Mapping) Has(key string) bool { return m.values[key] != nil }

// Null reports whether the key is there with no value or null.
func (m *Mapping) Null(key string) bool {
	n := m.find(key)
	return n != nil && isNull(n)
}

// Keys returns the keys in the order of the file.
func (m *Mapping) Keys() []string { return m.order }

func (m *Mapping) find(key string) *yaml.Node {
	if !slices.Contains(m.known, key) {
		m.known = append(m.known, key)
		if value, name, ok := m.lookup.find(m.prefix + key); ok {
			n := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
			if isNull(n) {
				n.Tag = "!!str" // outside of a file nothing is null
			}
			m.values[key], m.from[key] = n, name
		}
	}
	return m.values[key]
}

// scalar returns the value of a key when it is there and is a plain value.
func (m *Mapping) scalar(key, wanted string) *yaml.Node {
	n := m.find(key)
	switch {
	case n == nil:
		return nil
	case isNull(n):
		m.fault(key, "the key has no value", "give "+wanted+" or remove the line")
		return nil
	case n.Kind != yaml.ScalarNode:
		m.fault(key, fmt.Sprintf("%s is not %s", describe(n), wanted), "write one value")
		return nil
	}
	return n
}

// Any returns a value of any kind as nil, bool, int, float64, string, []any or
// map[string]any.
func (m *Mapping) Any(key string) any {
	n := m.find(key)
	if n == nil {
		return nil
	}
	v, message := plain(n)
	if message != "" {
		m.fault(key, message, "")
	}
	return v
}

// Unknown adds a fault for each key that no method was asked for. The hints
// are for keys that people are known to write here.
func (m *Mapping) Unknown(hints map[string]string) {
	for _, key := range m.order {
		if slices.Contains(m.known, key) {
			continue
		}
		hint := hints[key]
		if near := Nearest(key, m.known); hint == "" && near != "" {
			hint = "did you mean " + near + "?"
		}
		if hint == "" {
			hint = "remove the line"
		}
		m.fault(key, "no such key", hint)
	}
}
