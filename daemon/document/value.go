package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says what a value is, for messages.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case isNull(n):
		return "null"
	case n.ShortTag() == "!!str":
		return `text "` + shorten(n.Value) + `"`
	}
	return shorten(n.Value)
}

// shorten keeps messages readable whatever a file holds.
func shorten(s string) string {
	const most = 40
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// number returns the value of an int or float node, as YAML writes them.
func number(n *yaml.Node) (float64, error) {
	text := strings.ReplaceAll(n.Value, "_", "")
	if n.ShortTag() == "!!int" {
		if v, err := strconv.ParseInt(text, 0, 64); err == nil {
			return float64(v), nil
		}
	}
	switch strings.ToLower(strings.TrimLeft(text, "+-")) {
	case ".nan", ".inf":
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("read number: %w", err)
	}
	return v, nil
}

// numberHint is what to write instead of a value that is not a number.
func numberHint(n *yaml.Node) string {
	finite := func(s string) bool {
		v, err := strconv.ParseFloat(s, 64)
		return err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	text := strings.TrimSpace(n.Value)
	if finite(text) && n.ShortTag() == "!!str" {
		return "write " + text + " without quotes"
	}
	if comma := strings.Replace(text, ",", ".", 1); finite(comma) && comma != text {
		return "write " + comma + ", with a decimal point"
	}
	return "write digits"
}

func plainDigits(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign = "-"
	}
	digits := strings.TrimLeft(s, "+-0")
	if digits == "" {
		digits = "0"
	}
	return sign + digits
}

// plain returns a node as values of Go, or a message that says why not. A whole
// number is an int however it was written.
func plain(n *yaml.Node) (any, string) {
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, message := plain(c)
			if message != "" {
				return nil, message
			}
			list = append(list, v)
		}
		return list, ""
	case yaml.MappingNode:
		return plainMap(n)
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, ""
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), ""
	case "!!int":
		if v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, strconv.IntSize); err == nil {
			return int(v), ""
		}
		return n.Value, ""
	case "!!float":
		v, err := number(n)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, shorten(n.Value) + " is not a finite number"
		}
		if v == math.Trunc(v) && math.Abs(v) <= 1<<53 {
			return int(v), ""
		}
		return v, ""
	}
	return n.Value, ""
}

func plainMap(n *yaml.Node) (any, string) {
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, describe(key) + " stands where a key is wanted"
		}
		if _, twice := out[key.Value]; twice {
			return nil, fmt.Sprintf("the key %s is there twice", shorten(key.Value))
		}
		v, message := plain(n.Content[i+1])
		if message != "" {
			return nil, message
		}
		out[key.Value] = v
	}
	return out, ""
}
