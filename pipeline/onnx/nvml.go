package onnx

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>

// What is used of NVIDIA's management library, from its documentation. It comes
// with the driver, so it is opened when needed and never linked.
typedef struct { unsigned long long total, free, used; } uredit_memory;

static const char *uredit_card(const char *library, unsigned index, const char *uuid,
	uredit_memory *memory, char *name, unsigned name_size) {
	void *lib = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL) return "the NVIDIA driver's libnvidia-ml is not there";
	const char *problem = NULL;
	int (*init)(void) = (int (*)(void))dlsym(lib, "nvmlInit_v2");
	int (*shut)(void) = (int (*)(void))dlsym(lib, "nvmlShutdown");
	int (*by_index)(unsigned, void **) = (int (*)(unsigned, void **))dlsym(lib, "nvmlDeviceGetHandleByIndex_v2");
	int (*by_uuid)(const char *, void **) = (int (*)(const char *, void **))dlsym(lib, "nvmlDeviceGetHandleByUUID");
	int (*get_memory)(void *, uredit_memory *) = (int (*)(void *, uredit_memory *))dlsym(lib, "nvmlDeviceGetMemoryInfo");
	int (*get_name)(void *, char *, unsigned) = (int (*)(void *, char *, unsigned))dlsym(lib, "nvmlDeviceGetName");
	void *card = NULL;
	if (!init || !shut || !by_index || !by_uuid || !get_memory || !get_name) problem = "libnvidia-ml is too old";
	else if (init() != 0) problem = "the NVIDIA driver does not run";
	else {
		if ((*uuid ? by_uuid(uuid, &card) : by_index(index, &card)) != 0) problem = "the NVIDIA driver knows no such card";
		else if (get_memory(card, memory) != 0) problem = "the card's memory is not known";
		else if (get_name(card, name, name_size) != 0) name[0] = 0;
		shut();
	}
	dlclose(lib);
	return problem;
}
*/
import "C"

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"
)

// managementLibrary is the library of the driver that knows the cards.
const managementLibrary = "libnvidia-ml.so.1"

// card is what the driver says of a card.
type card struct {
	name        string
	free, total int64 // bytes
}

// lookUp asks the driver, through its library, for a card that was named by
// visible.
func lookUp(library, id string) (card, error) {
	index, err := strconv.ParseUint(id, 10, 16)
	uuid := ""
	if err != nil {
		uuid = id
	}
	cLibrary, cUUID := append([]byte(library), 0), append([]byte(uuid), 0)
	var memory C.uredit_memory
	name := make([]byte, 96)
	problem := C.uredit_card((*C.char)(unsafe.Pointer(&cLibrary[0])), C.uint(index), (*C.char)(unsafe.Pointer(&cUUID[0])),
		&memory, (*C.char)(unsafe.Pointer(&name[0])), C.uint(len(name)))
	if problem != nil {
		return card{}, errors.New(C.GoString(problem))
	}
	text, _, _ := strings.Cut(string(name), "\x00")
	return card{name: text, free: int64(memory.free), total: int64(memory.total)}, nil
}

// visible returns the driver's number or UUID of what CUDA calls device n, given
// CUDA_VISIBLE_DEVICES. Both count in the order of the PCI bus. It is "" for a part
// of a card, which the driver describes in another way, and for no card.
func visible(n int, list string, set bool) string {
	if !set {
		return strconv.Itoa(n)
	}
	ids := strings.Split(list, ",")
	if n >= len(ids) {
		return ""
	}
	id := strings.TrimSpace(ids[n])
	if _, err := strconv.ParseUint(id, 10, 16); err != nil && !strings.HasPrefix(id, "GPU-") {
		return ""
	}
	return id
}
