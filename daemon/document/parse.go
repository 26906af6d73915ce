package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// emptyHint is what belongs in a file that holds nothing.
const emptyHint = "write lines such as  key: value"

// maxDepth bounds how deep values lie within each other.
const maxDepth = 32

// Parse reads the one mapping of a file of at most limit bytes; data may be cut
// off after one byte more. The name goes
// into the faults; one that ends in ".json" makes anything but JSON a fault. The
// fault that is returned is one of the file as a whole: nothing more can be said
// about its keys then.
func Parse(name string, data []byte, limit int) (*Mapping, *Fault) {
	if len(data) > limit {
		return nil, &Fault{File: name,
			Message: fmt.Sprintf("the file has more than %d bytes", limit)}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at := invalidUTF8(data); at >= 0 {
		return nil, &Fault{File: name, Line: lineAfter(data[:at]),
			Message: "the text is not UTF-8", Hint: "save the file as UTF-8"}
	}
	if at := bytes.IndexFunc(data, isControl); at >= 0 {
		return nil, &Fault{File: name, Line: lineAfter(data[:at]),
			Message: fmt.Sprintf("the text contains the control character %q", data[at]), Hint: "save the file as plain UTF-8 text"}
	}
	text := body(data)
	var root *yaml.Node
	var fault *Fault
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		fault = &Fault{Message: "the file is empty", Hint: emptyHint}
	case isJSON(name, text):
		root, fault = parseJSON(text)
	default:
		root, fault = parseYAML(data)
	}
	if fault == nil {
		fault = check(root, 0)
	}
	if fault == nil && root.Kind != yaml.MappingNode {
		fault = &Fault{Line: root.Line, Message: describe(root) + " stands where keys and values are wanted",
			Hint: emptyHint}
	}
	if fault != nil {
		fault.File = name
		return nil, fault
	}
	return newMapping(name, root), nil
}

// Complete reports whether data ends in a line "...", YAML's own end of a
// document.
func Complete(data []byte) bool {
	data = bytes.TrimRight(data, " \t\r\n")
	return bytes.Equal(data, []byte("...")) || bytes.HasSuffix(data, []byte("\n..."))
}

// body returns data without the line "..." at its end.
func body(data []byte) []byte {
	if !Complete(data) {
		return data
	}
	return bytes.TrimSuffix(bytes.TrimRight(data, " \t\r\n"), []byte("..."))
}

func isControl(r rune) bool { return (r < ' ' && r != '\t' && r != '\n' && r != '\r') || r == 0x7f }

func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

func parseYAML(data []byte) (*yaml.Node, *Fault) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &Fault{Message: "the file is empty", Hint: emptyHint}
	} else if err != nil {
		return nil, syntaxFault(data, err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		return nil, &Fault{Line: next.Line, Message: "a second document begins",
			Hint: "one file holds one document: remove the line --- or split the file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxFault(data, err)
	}
	if len(doc.Content) != 1 || isNull(doc.Content[0]) {
		return nil, &Fault{Message: "the file is empty", Hint: emptyHint}
	}
	return doc.Content[0], nil
}

var (
	yamlLine      = regexp.MustCompile(`^line (\d+): `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxFault splits the YAML library's "yaml: line 3: did not find ...". The
// library counts from 0 in what its parser finds, from 1 in what its scanner
// finds, and names no first line.
func syntaxFault(data []byte, err error) *Fault {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	f := &Fault{}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	if strings.HasPrefix(text, "did not find expected") {
		f.Line++
	}
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		if before, _, ok := bytes.Cut(data, []byte("*"+m[1])); ok {
			f.Line = lineAfter(before)
		}
	}
	f.Line = max(f.Line, 1)
	f.Message = "not YAML: " + text
	switch {
	case strings.Contains(text, "mapping values are not allowed"):
		f.Hint = `put a value that contains ": " in quotes, and begin keys of one level in one column`
	case strings.Contains(text, "cannot start any token"):
		f.Hint = `indent with spaces, and put a value that begins with @, % or a backquote in quotes`
	case strings.Contains(text, "could not find expected ':'"):
		f.Hint = "every line is  key: value"
	case strings.HasPrefix(text, "did not find expected"):
		f.Hint = "look for a quote, bracket or indentation that is wrong here or in the next lines"
	case strings.HasPrefix(text, "unknown anchor"):
		f.Hint = "put text that begins with * in quotes"
	}
	return f
}

// lineAfter returns the line in which the text after before begins.
func lineAfter(before []byte) int { return 1 + bytes.Count(before, []byte("\n")) }

// check refuses what makes a document mean something else than it shows.
func check(n *yaml.Node, depth int) *Fault {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return &Fault{Line: n.Line, Message: "anchors and aliases (& and *) are not taken",
			Hint: "write the value out, and put text that begins with & or * in quotes"}
	case n.Style&yaml.TaggedStyle != 0:
		return &Fault{Line: n.Line, Message: fmt.Sprintf("the tag %s is not taken", n.Tag),
			Hint: "put text that begins with ! in quotes"}
	case depth > maxDepth:
		return &Fault{Line: n.Line, Message: fmt.Sprintf("values lie more than %d deep", maxDepth)}
	}
	for _, c := range n.Content {
		if f := check(c, depth+1); f != nil {
			return f
		}
	}
	return nil
}
