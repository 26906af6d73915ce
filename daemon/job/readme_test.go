package job

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestReadme: the table of the README has a row for each field, with its flag
// and its default, and no other.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "## The fields of a request\n")
	table, _, _ = strings.Cut(table, "\n## ")
	r := Default()
	for _, f := range r.fields() {
		standard := ""
		switch {
		case f.required():
			standard = " required"
		case f.text() != "":
			standard = " `" + f.text() + "`"
		}
		if row := fmt.Sprintf("\n| `%s` | `--%s` |%s | ", f.key, f.flag, standard); !strings.Contains(table, row) {
			t.Errorf("the README has no row %q", row)
		}
	}
	if got, want := strings.Count(table, "\n| `"), len(r.fields()); got != want {
		t.Errorf("the README has %d rows, there are %d fields", got, want)
	}
}
