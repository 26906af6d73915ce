package document

import (
	"fmt"
	"math"
	"slices"
	"strconv"
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
	bad    map[string]bool // keys that already have a fault
	faults *[]*Fault       // one list for a file
}

func newMapping(file string, root *yaml.Node) *Mapping {
	m := &Mapping{file: file, faults: new([]*Fault)}
	m.fill(root)
	return m
}

func (m *Mapping) fill(node *yaml.Node) {
	m.values, m.lines, m.bad = map[string]*yaml.Node{}, map[string]int{}, map[string]bool{}
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
		key = m.prefix + shorten(key)
	}
	*m.faults = append(*m.faults, &Fault{File: m.file, Line: line, Key: key, Message: message, Hint: hint})
}

// Fault adds a fault of a key's value, unless the key already has one.
func (m *Mapping) Fault(key, message, hint string) {
	if !m.bad[key] {
		m.add(m.lines[key], key, message, hint)
	}
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
		m.Fault(key, "the key has no value", "give "+wanted+" or remove the line")
		return nil
	case n.Kind != yaml.ScalarNode:
		m.Fault(key, fmt.Sprintf("%s is not %s", describe(n), wanted), "")
		return nil
	}
	return n
}

// String reads text.
func (m *Mapping) String(key string, dst *string) {
	n := m.scalar(key, "text")
	if n == nil {
		return
	}
	if n.ShortTag() != "!!str" {
		m.Fault(key, describe(n)+" is not text", `write "`+shorten(n.Value)+`", in quotes`)
		return
	}
	*dst = n.Value
}

// Int reads a whole number.
func (m *Mapping) Int(key string, dst *int) {
	const wanted = "a whole number"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	switch n.ShortTag() {
	case "!!int":
		digits := strings.TrimLeft(n.Value, "+-")
		if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
			m.Fault(key, shorten(n.Value)+" begins with a zero", "write "+plainDigits(n.Value))
			return
		}
		v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, strconv.IntSize)
		if err != nil {
			m.Fault(key, shorten(n.Value)+" is too large", "")
			return
		}
		*dst = int(v)
	case "!!float":
		v, err := number(n)
		switch {
		case err != nil || math.IsNaN(v) || math.Abs(v) > 1<<53:
			m.Fault(key, shorten(n.Value)+" is not "+wanted, "")
		case v != math.Trunc(v):
			m.Fault(key, shorten(n.Value)+" is not "+wanted,
				fmt.Sprintf("write %.0f or %.0f", math.Floor(v), math.Ceil(v)))
		default:
			*dst = int(v)
		}
	default:
		m.Fault(key, describe(n)+" is not "+wanted, numberHint(n))
	}
}

// Float reads a finite number.
func (m *Mapping) Float(key string, dst *float64) {
	const wanted = "a number"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" {
		m.Fault(key, describe(n)+" is not "+wanted, numberHint(n))
		return
	}
	v, err := number(n)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		m.Fault(key, shorten(n.Value)+" is not a finite number", "")
		return
	}
	*dst = v
}

// Bool reads true or false.
func (m *Mapping) Bool(key string, dst *bool) {
	const wanted = "true or false"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	if n.ShortTag() != "!!bool" {
		m.Fault(key, describe(n)+" is not "+wanted, "write true or false, without quotes")
		return
	}
	*dst = strings.EqualFold(n.Value, "true")
}

// Strings reads a list of text.
func (m *Mapping) Strings(key string, dst *[]string) {
	n := m.find(key)
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		m.Fault(key, describe(n)+" is not a list", "write  "+key+": [first, second]")
		return
	}
	list := make([]string, 0, len(n.Content))
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode || c.ShortTag() != "!!str" {
			m.add(c.Line, key, describe(c)+" is not text", "")
			return
		}
		list = append(list, c.Value)
	}
	*dst = list
}

// Mapping returns the keys below a key. Where there are none it is empty, and
// not nil.
func (m *Mapping) Mapping(key string) *Mapping {
	sub := &Mapping{file: m.file, prefix: m.prefix + key + ".", faults: m.faults}
	n := m.find(key)
	switch {
	case n == nil || isNull(n):
		n = &yaml.Node{}
	case n.Kind != yaml.MappingNode:
		m.Fault(key, describe(n)+" stands where keys and values are wanted", "")
		n = &yaml.Node{}
	}
	sub.fill(n)
	return sub
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
		m.Fault(key, message, "")
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
		if near := nearest(key, m.known); hint == "" && near != "" {
			hint = "did you mean " + near + "?"
		}
		m.Fault(key, "no such key", hint)
	}
}
