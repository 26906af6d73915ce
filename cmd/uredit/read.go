package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"uredit/daemon/job"
)

// readRequest reads a request file, one byte more than it may have at most.
func readRequest(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, job.MaxRequestBytes+1))
}

// smallLimit is more than any record of a job takes, in bytes.
const smallLimit = 16 << 20

// readSmall reads a record whose place belongs to other users: a pipe or a
// device there is an error, not something to wait for.
func readSmall(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > smallLimit {
		return nil, fmt.Errorf("%s is no small regular file", file)
	}
	return io.ReadAll(io.LimitReader(f, smallLimit))
}

// readDir lists a directory by name. One that is not there is empty.
func readDir(dir string) ([]fs.DirEntry, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !missing(err) {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	return list, nil
}

func isRequest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}
