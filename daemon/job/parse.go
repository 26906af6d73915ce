package job

import "bytes"

// MaxRequestBytes is the largest request file.
const MaxRequestBytes = 256 << 10

// Complete reports whether data ends in a line "...", YAML's own end of a
// document: such a file is not still being written.
func Complete(data []byte) bool {
	data = bytes.TrimRight(data, " \t\r\n")
	return bytes.Equal(data, []byte("...")) || bytes.HasSuffix(data, []byte("\n..."))
}
