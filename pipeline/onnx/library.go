package onnx

import (
	"os"
	"path/filepath"
)

const (
	libraryVariable = "UREDIT_ORT_LIBRARY"
	libraryName     = "libonnxruntime.so"
)

// libraryPaths returns where to look for the library, best first. A path that
// the user gave is the only one: another library in its place would be a
// surprise.
func libraryPaths(given string) []string {
	if given != "" {
		return []string{given}
	}
	if given = os.Getenv(libraryVariable); given != "" {
		return []string{given}
	}
	var paths []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		paths = besides(filepath.Dir(exe))
	}
	for _, dir := range libraryFolders() {
		paths = append(paths, filepath.Join(dir, libraryName))
	}
	return append(paths, bareNames()...)
}

// libraryFolders are the usual places.
func libraryFolders() []string {
	return []string{
		"/usr/local/lib", "/usr/lib/uredit",
		"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
		"/opt/onnxruntime/lib",
	}
}

// bareNames leave the search to the dynamic linker: LD_LIBRARY_PATH and the
// linker's cache.
func bareNames() []string { return []string{libraryName, libraryName + ".1"} }

// mayLoad reports whether there is something to load: a bare name may always be
// found.
func mayLoad(path string) bool {
	_, err := os.Stat(path)
	return err == nil || !filepath.IsAbs(path)
}

// besides returns the places relative to the executable's directory: unpacked
// beside it, in the source tree, and installed under a prefix.
func besides(dir string) []string {
	return []string{
		filepath.Join(dir, libraryName),
		filepath.Join(dir, "..", "build", "onnxruntime", libraryName),
		filepath.Join(dir, "..", "lib", "uredit", libraryName),
	}
}
