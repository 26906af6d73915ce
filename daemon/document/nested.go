package document

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// Lookup finds the value of a key outside of the file, such as in the
// environment, and what it is called there. It wins over the file. The key comes
// with its parents: "log.level".
type Lookup func(key string) (value, name string, ok bool)

func (l Lookup) find(key string) (value, name string, ok bool) {
	if l == nil {
		return "", "", false
	}
	return l(key)
}

// Override lets values be found outside of the file: plain ones, and lists of
// text with commas between. It is called before any value is read.
func (m *Mapping) Override(l Lookup) { m.lookup = l }

// Empty returns a mapping without keys.
func Empty() *Mapping { return newMapping("", &yaml.Node{}) }

// Strings reads a list of text.
func (m *Mapping) Strings(key string, dst *[]string) {
	n := m.find(key)
	if n == nil {
		return
	}
	if _, outside := m.from[key]; outside {
		*dst = strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' })
		return
	}
	if n.Kind != yaml.SequenceNode {
		m.fault(key, describe(n)+" is not a list", "write  "+key+": [first, second]")
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
	sub := &Mapping{file: m.file, prefix: m.prefix + key + ".", faults: m.faults, lookup: m.lookup}
	n := m.find(key)
	switch {
	case n == nil || isNull(n):
		n = &yaml.Node{}
	case n.Kind != yaml.MappingNode:
		m.fault(key, describe(n)+" stands where keys and values are wanted", "write  "+key+": {key: value}")
		n = &yaml.Node{}
	}
	sub.fill(n)
	m.below[key] = sub
	return sub
}

// StringMap reads keys of any name and their texts.
func (m *Mapping) StringMap(key string, dst *map[string]string) {
	sub := m.Mapping(key)
	sub.lookup = nil // any name may be a key
	if len(sub.order) == 0 {
		return
	}
	out := make(map[string]string, len(sub.order))
	for _, name := range sub.order {
		var text string
		sub.String(name, &text)
		out[name] = text
	}
	*dst = out
}
