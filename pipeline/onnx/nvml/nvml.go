// Package nvml asks the NVIDIA driver which cards there are, and how they do. Its
// library is opened at run time: building, testing and starting need no driver.
package nvml

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "nvml.h"
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"
)

// ErrNone says that there is no NVIDIA driver.
var ErrNone = errors.New("there is no NVIDIA driver here (no libnvidia-ml.so.1)")

// A Card is what CUDA computes on: a whole card, or a MIG instance, which is a
// part of one.
type Card struct {
	UUID string // "GPU-..." or "MIG-..."
	Name string // such as "NVIDIA A100-SXM4-40GB"; "" where the driver does not say

	Total, Free, Used int64 // bytes of memory

	Celsius   int    // temperature; -1 where it is not known
	Divided   bool   // MIG is on: only instances can be used
	Instances []Card // of a card that is divided
}

// String names the card for people.
func (c Card) String() string {
	return fmt.Sprintf("%s (%s, %.1f GB)", c.UUID, cmp.Or(c.Name, "of unknown name"), float64(c.Total)/1e9)
}

// Library is the driver's library. Its methods may be called from several
// goroutines.
type Library struct {
	mu     sync.Mutex // guards handle
	handle *C.uredit_nvml
}

// problemSize holds every sentence of the library's.
const problemSize = 256

// Open opens the library in a file, for "" the driver's own. The error is ErrNone
// where there is none, else it says why the driver does not answer.
func Open(library string) (*Library, error) {
	files := []string{"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"}
	if library != "" {
		files = []string{library}
	}
	for _, file := range files {
		name := C.CString(file)
		problem := make([]byte, problemSize)
		handle := C.uredit_nvml_open(name, text(problem), C.uint(len(problem)))
		C.free(unsafe.Pointer(name))
		if handle != nil {
			return &Library{handle: handle}, nil
		}
		if problem[0] != 0 {
			return nil, fmt.Errorf("the NVIDIA driver: %s: %s", file, C.GoString(text(problem)))
		}
	}
	return nil, ErrNone
}

// Close gives the library back. A nil library may be closed.
func (l *Library) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handle != nil {
		C.uredit_nvml_close(l.handle)
		l.handle = nil
	}
}

// Version says which driver it is: "driver 550.54.15, up to CUDA 12.4".
func (l *Library) Version() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handle == nil {
		return "closed"
	}
	driver := make([]byte, 96)
	var cuda C.int
	C.uredit_nvml_versions(l.handle, text(driver), C.uint(len(driver)), &cuda)
	s := "driver " + cmp.Or(C.GoString(text(driver)), "of unknown version")
	if cuda > 0 {
		s += fmt.Sprintf(", up to CUDA %d.%d", cuda/1000, cuda%1000/10)
	}
	return s
}

// Cards returns the cards in the order of the PCI bus, which the driver's own
// order need not be.
func (l *Library) Cards() ([]Card, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handle == nil {
		return nil, errors.New("the NVIDIA driver's library is closed")
	}
	list := make([]C.uredit_card, 64)
	for {
		problem := make([]byte, problemSize)
		n := C.uredit_nvml_list(l.handle, &list[0], C.int(len(list)), text(problem), C.uint(len(problem)))
		if n < 0 {
			return nil, fmt.Errorf("the NVIDIA driver: %s", C.GoString(text(problem)))
		}
		if int(n) <= len(list) {
			return tree(list[:n]), nil
		}
		list = make([]C.uredit_card, 2*len(list))
	}
}

// Card returns the card or instance of a UUID.
func (l *Library) Card(uuid string) (Card, error) {
	cards, err := l.Cards()
	if err != nil {
		return Card{}, err
	}
	for _, c := range cards {
		for _, part := range append(c.Instances, c) {
			if part.UUID == uuid {
				return part, nil
			}
		}
	}
	return Card{}, fmt.Errorf("the NVIDIA driver no longer shows %s", uuid)
}

// tree puts instances below their cards, and the cards in order.
func tree(list []C.uredit_card) []Card {
	type placed struct {
		Card
		bus [3]C.uint
	}
	cards := map[int]*placed{}
	for i := range list {
		c := &list[i]
		card := Card{
			UUID: C.GoString(&c.uuid[0]), Name: C.GoString(&c.name[0]),
			Total: int64(c.total), Free: int64(c.free), Used: int64(c.used),
			Celsius: int(c.celsius), Divided: c.divided != 0,
		}
		if c.parent < 0 {
			cards[i] = &placed{card, [3]C.uint{c.domain, c.bus, c.slot}}
			continue
		}
		parent := cards[int(c.parent)]
		parent.Instances = append(parent.Instances, card)
	}
	sorted := make([]*placed, 0, len(cards))
	for _, c := range cards {
		sorted = append(sorted, c)
	}
	slices.SortFunc(sorted, func(a, b *placed) int { return slices.Compare(a.bus[:], b.bus[:]) })
	whole := make([]Card, len(sorted))
	for i, c := range sorted {
		whole[i] = c.Card
	}
	return whole
}

func text(b []byte) *C.char { return (*C.char)(unsafe.Pointer(&b[0])) }
