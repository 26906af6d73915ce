// Command generate writes a model bundle that understands the colour words of
// a palette:
//
//	go run ./models/generate -out DIR [-palette FILE.json]
//
// DIR must not exist or be empty. The same palette gives the same bytes on
// every machine. models/README.md says what the bundle computes.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"uredit/models/colours"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "generate:", err)
		}
		os.Exit(2)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "", "the bundle's `folder`, new or empty")
	file := flags.String("palette", "", "a palette `file`; without it the built-in bundle's")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || flags.NArg() > 0 {
		flags.Usage()
		return errors.New("want -out and no other arguments")
	}
	var palette []byte // nil is the built-in one
	if *file != "" {
		var err error
		if palette, err = os.ReadFile(*file); err != nil {
			return err
		}
	}
	files, err := colours.Bundle(palette)
	if err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(*file, "built in"), err)
	}
	return write(*out, files)
}

// write creates the files, by slash-separated path, below dir.
func write(dir string, files map[string][]byte) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
