package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
)

// build tells one build of this program from another: a change of its code, or of
// what it is linked with, changes it, whatever the version says. It is what the
// linker noted in the program itself; the same sources, built the same way, have
// the same.
func build() (string, error) {
	program, err := elf.Open("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	defer program.Close()
	note := program.Section(".note.go.buildid")
	if note == nil {
		return "", fmt.Errorf("read this program: it has no Go build ID")
	}
	id, err := note.Data()
	if err != nil {
		return "", fmt.Errorf("read this program's build ID: %w", err)
	}
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:8]), nil
}
