package document

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Pair is one key and its value: a string, bool, number, list or map.
type Pair struct {
	Key   string
	Value any
}

// Write returns the YAML of the pairs in their order, ended by the line "..."
// that makes a file complete.
func Write(pairs []Pair) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range pairs {
		value := new(yaml.Node)
		if err := value.Encode(p.Value); err != nil {
			return nil, fmt.Errorf("write %s: %w", p.Key, err)
		}
		quote(value)
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: p.Key}, value)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	b.WriteString("...\n")
	return b.Bytes(), nil
}

// quote puts text of more than one line in double quotes. Blocks do not keep
// every mixture of spaces and line ends.
func quote(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && strings.ContainsAny(n.Value, "\n\r\t\u0085\u2028\u2029\ufeff") {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		quote(c)
	}
}
