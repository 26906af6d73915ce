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

// maxDepth bounds how deep values lie within each other.
const maxDepth = 32

// Parse reads the one mapping of a file of at most limit bytes. The name goes
// into the faults; one that ends in ".json" makes anything but JSON a fault. The
// fault that is returned is one of the file as a whole: nothing more can be said
// about its keys then.
func Parse(name string, data []byte, limit int) (*Mapping, *Fault) {
	if len(data) > limit {
		return nil, &Fault{File: name,
			Message: fmt.Sprintf("the file has %d bytes, more than %d", len(data), limit)}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at := invalidUTF8(data); at >= 0 {
		return nil, &Fault{File: name, Line: 1 + bytes.Count(data[:at], []byte("\n")),
			Message: "the text is not UTF-8", Hint: "save the file as UTF-8"}
	}
	var root *yaml.Node
	var fault *Fault
	if text, ok := asJSON(name, data); ok {
		root, fault = parseJSON(text)
	} else {
		root, fault = parseYAML(data)
	}
	if fault == nil {
		fault = check(root, 0)
	}
	if fault == nil && root.Kind != yaml.MappingNode {
		fault = &Fault{Line: root.Line, Message: describe(root) + " stands where keys and values are wanted",
			Hint: "write lines such as  key: value"}
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
		return nil, &Fault{Message: "the file is empty"}
	} else if err != nil {
		return nil, syntaxFault(err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		return nil, &Fault{Line: next.Line, Message: "a second document begins",
			Hint: "one file holds one document: remove the line --- or split the file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxFault(err)
	}
	if len(doc.Content) != 1 || isNull(doc.Content[0]) {
		return nil, &Fault{Message: "the file is empty"}
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxFault splits the YAML library's "yaml: line 3: did not find ...".
func syntaxFault(err error) *Fault {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	f := &Fault{}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	f.Message = "not YAML: " + text
	switch {
	case strings.Contains(text, "mapping values are not allowed"):
		f.Hint = `put a value that contains ": " in quotes, and begin keys of one level in one column`
	case strings.Contains(text, "cannot start any token"):
		f.Hint = `indent with spaces, and put a value that begins with @, % or a backquote in quotes`
	case strings.Contains(text, "could not find expected ':'"):
		f.Hint = "every line is  key: value"
	}
	return f
}

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
