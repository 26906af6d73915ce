package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// isJSON reports whether text is to be read as JSON. YAML contains nearly all of
// JSON, but not its surrogate pairs, which is how many writers spell characters
// beyond U+FFFF.
func isJSON(name string, text []byte) bool {
	return strings.HasSuffix(name, ".json") || bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Valid(text)
}

// jsonReader turns JSON tokens into the nodes that YAML would have given.
type jsonReader struct {
	dec      *json.Decoder
	newlines []int // offsets, ascending
}

func parseJSON(text []byte) (*yaml.Node, *Fault) {
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	for i, c := range text {
		if c == '\n' {
			r.newlines = append(r.newlines, i)
		}
	}
	n, err := r.value(0)
	if err == nil {
		if _, more := r.dec.Token(); !errors.Is(more, io.EOF) {
			return nil, &Fault{Line: r.line(), Message: "something follows the JSON value",
				Hint: "one file holds one document"}
		}
		return n, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &Fault{Line: r.line(), Message: "not JSON: the text ends too early"}
	}
	what := strings.TrimPrefix(err.Error(), "json: ")
	fault := &Fault{Line: r.line(), Message: "not JSON: " + what, Hint: jsonHint(what)}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		fault.Hint = "a file that ends in .json holds JSON; YAML belongs in one that ends in .yaml"
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		fault.Line = r.lineAt(syntax.Offset)
	}
	return nil, fault
}

// jsonHint says what is usually behind a message of the JSON library.
func jsonHint(what string) string {
	switch {
	case strings.Contains(what, `'\''`):
		return "JSON takes double quotes"
	case strings.Contains(what, "looking for beginning of object key"), strings.HasPrefix(what, "invalid character ']'"):
		return "no comma stands after the last value, and keys stand in double quotes"
	case strings.Contains(what, "after object key:value pair"), strings.Contains(what, "after array element"):
		return "a comma stands between two values"
	case strings.Contains(what, "looking for beginning of value"):
		return "a value is a number, true, false, null, or text in double quotes"
	}
	return ""
}

func (r *jsonReader) line() int { return r.lineAt(r.dec.InputOffset()) }

func (r *jsonReader) lineAt(offset int64) int {
	return 1 + sort.SearchInts(r.newlines, int(offset))
}

var errTooDeep = fmt.Errorf("values lie more than %d deep", maxDepth)

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line()}
	switch v := token.(type) {
	case json.Delim:
		return n, r.collection(n, v, depth)
	case string:
		n.Tag, n.Value, n.Style = "!!str", v, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(v)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// collection fills n with what lies between an opening delimiter and its end;
// within an object keys and values alternate, as they do in a mapping node.
func (r *jsonReader) collection(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind, n.Tag = yaml.MappingNode, "!!map"
	if open == '[' {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	for r.dec.More() {
		c, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, c)
	}
	_, err := r.dec.Token()
	return err
}
