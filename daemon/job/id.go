package job

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxIDBytes is the longest job_id, in bytes of UTF-8. With the endings of the
// output files it stays below what file systems allow for a name.
const MaxIDBytes = 100

// CheckID says why id is no job_id, or returns nil. A job_id is a plain name:
// letters and digits of any script, then also dots, underscores and hyphens, at
// most MaxIDBytes bytes. It cannot name another directory, a hidden file or an
// option.
func CheckID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("the name is empty")
	case !utf8.ValidString(id):
		return fmt.Errorf("the name is not UTF-8")
	case len(id) > MaxIDBytes:
		return fmt.Errorf("the name has %d bytes, more than %d", len(id), MaxIDBytes)
	}
	for i, r := range id {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			continue
		}
		if r != '.' && r != '_' && r != '-' {
			return fmt.Errorf("the name contains %q", r)
		}
		if i == 0 {
			return fmt.Errorf("the name begins with %q", r)
		}
	}
	return nil
}
