#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvml.h"

typedef void *card;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct {
	char old[16];
	unsigned domain, bus, slot, id, subsystem;
	char text[32];
} pci;

struct uredit_nvml {
	void *file;
	int (*init)(void), (*shutdown)(void);
	const char *(*text)(int);
	int (*driver)(char *, unsigned), (*cuda)(int *);
	int (*count)(unsigned *), (*by_index)(unsigned, card *);
	int (*uuid)(card, char *, unsigned), (*name)(card, char *, unsigned);
	int (*memory)(card, memory *), (*pci)(card, pci *);
	int (*celsius)(card, int, unsigned *);
	int (*mig)(card, unsigned *, unsigned *), (*most)(card, unsigned *), (*instance)(card, unsigned, card *);
};

static void explain(uredit_nvml *l, int code, char *problem, unsigned size) {
	snprintf(problem, size, "%s", l->text ? l->text(code) : "the NVIDIA driver does not answer");
}

uredit_nvml *uredit_nvml_open(const char *file, char *problem, unsigned size) {
	problem[0] = 0;
	void *opened = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!opened) return NULL;
	uredit_nvml *l = calloc(1, sizeof *l);
	if (!l) abort();
	l->file = opened;
	const struct { void *at; const char *name; } table[] = {
		{&l->init, "nvmlInit_v2"}, {&l->shutdown, "nvmlShutdown"}, {&l->count, "nvmlDeviceGetCount_v2"},
		{&l->by_index, "nvmlDeviceGetHandleByIndex_v2"}, {&l->uuid, "nvmlDeviceGetUUID"}, {&l->name, "nvmlDeviceGetName"},
		{&l->memory, "nvmlDeviceGetMemoryInfo"}, {&l->pci, "nvmlDeviceGetPciInfo_v3"},
		// From here on, old drivers may lack them.
		{&l->text, "nvmlErrorString"}, {&l->driver, "nvmlSystemGetDriverVersion"}, {&l->cuda, "nvmlSystemGetCudaDriverVersion_v2"},
		{&l->celsius, "nvmlDeviceGetTemperature"}, {&l->mig, "nvmlDeviceGetMigMode"}, {&l->most, "nvmlDeviceGetMaxMigDeviceCount"},
		{&l->instance, "nvmlDeviceGetMigDeviceHandleByIndex"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		void *f = dlsym(opened, table[i].name);
		memcpy(table[i].at, &f, sizeof f);
		if (!f && i < 8) {
			snprintf(problem, size, "it has no %s", table[i].name);
			uredit_nvml_close(l);
			return NULL;
		}
	}
	int code = l->init();
	if (code == 0) return l;
	explain(l, code, problem, size);
	l->shutdown = NULL;
	uredit_nvml_close(l);
	return NULL;
}

void uredit_nvml_close(uredit_nvml *l) {
	if (l->init && l->shutdown) l->shutdown();
	dlclose(l->file);
	free(l);
}

void uredit_nvml_versions(uredit_nvml *l, char *driver, unsigned size, int *cuda) {
	driver[0] = 0;
	if (l->driver && l->driver(driver, size) != 0) driver[0] = 0;
	if (!l->cuda || l->cuda(cuda) != 0) *cuda = 0;
}

// describe fills what cards and instances both have.
static int describe(uredit_nvml *l, card c, uredit_card *to) {
	memory m;
	int code = l->uuid(c, to->uuid, sizeof to->uuid);
	if (code == 0) code = l->memory(c, &m);
	if (code != 0) return code;
	to->total = m.total, to->free = m.free, to->used = m.used;
	if (l->name(c, to->name, sizeof to->name) != 0) to->name[0] = 0;
	to->parent = to->celsius = -1;
	to->divided = 0;
	return 0;
}

// whole fills what only a card has.
static int whole(uredit_nvml *l, card c, uredit_card *to) {
	pci p;
	unsigned value = 0, pending = 0;
	int code = describe(l, c, to);
	if (code == 0) code = l->pci(c, &p);
	if (code != 0) return code;
	to->domain = p.domain, to->bus = p.bus, to->slot = p.slot;
	if (l->celsius && l->celsius(c, 0, &value) == 0) to->celsius = (int)value;
	to->divided = l->mig && l->mig(c, &value, &pending) == 0 && value == 1;
	return 0;
}

int uredit_nvml_list(uredit_nvml *l, uredit_card *list, int most, char *problem, unsigned size) {
	unsigned cards = 0, slots = 0;
	int n = 0, code = l->count(&cards);
	for (unsigned i = 0; code == 0 && i < cards; i++) {
		card c, part;
		if (n >= most) return n + 1;
		if ((code = l->by_index(i, &c)) != 0 || (code = whole(l, c, &list[n])) != 0) break;
		int parent = n++;
		if (!list[parent].divided || !l->most || !l->instance || l->most(c, &slots) != 0) continue;
		for (unsigned j = 0; j < slots; j++) {
			if (l->instance(c, j, &part) != 0) continue; // the slot is empty
			if (n >= most) return n + 1;
			if (describe(l, part, &list[n]) != 0) continue; // it was just destroyed
			list[n].celsius = list[parent].celsius;
			list[n++].parent = parent;
		}
	}
	if (code == 0) return n;
	explain(l, code, problem, size);
	return -1;
}
