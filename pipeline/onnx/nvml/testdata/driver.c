// A driver of two cards, listed in another order than that of the PCI bus. The
// second on the bus is divided into two instances, its slot between them empty.
// NVML_FAULT=N makes the start fail with code N.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char old[16]; unsigned domain, bus, slot, id, subsystem; char text[32]; } pci;
static const struct { const char *uuid, *name; unsigned long long total, used; unsigned bus; } all[] = {
	{"GPU-bbbb2222-0000-0000-0000-000000000000", "Test Card 40GB", 40000000000ull, 10000000000ull, 0x81},
	{"GPU-aaaa1111-0000-0000-0000-000000000000", "Test Card 24GB", 24000000000ull, 18000000000ull, 0x04},
	{"MIG-cccc3333-0000-0000-0000-000000000000", "Test Card 40GB MIG 3g.20gb", 20000000000ull, 1000000000ull, 0},
	{"MIG-dddd4444-0000-0000-0000-000000000000", "Test Card 40GB MIG 2g.10gb", 10000000000ull, 0, 0},
};
static long at(void *card) { return (long)card - 1; }

int nvmlInit_v2(void) { const char *f = getenv("NVML_FAULT"); return f ? atoi(f) : 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "Unknown Error"; }
int nvmlSystemGetDriverVersion(char *to, unsigned size) { snprintf(to, size, "550.54.15"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *to) { *to = 12040; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card) { *card = (void *)(long)(i + 1); return i > 1; }
int nvmlDeviceGetUUID(void *card, char *to, unsigned size) { snprintf(to, size, "%s", all[at(card)].uuid); return 0; }
int nvmlDeviceGetName(void *card, char *to, unsigned size) { snprintf(to, size, "%s", all[at(card)].name); return 0; }
int nvmlDeviceGetMemoryInfo(void *card, unsigned long long *m) {
	m[0] = all[at(card)].total, m[2] = all[at(card)].used, m[1] = m[0] - m[2];
	return 0;
}
int nvmlDeviceGetPciInfo_v3(void *card, pci *p) {
	memset(p, 0, sizeof *p);
	p->bus = all[at(card)].bus;
	return 0;
}
int nvmlDeviceGetTemperature(void *card, int sensor, unsigned *to) { *to = 40 + (unsigned)at(card); return sensor; }
int nvmlDeviceGetMigMode(void *card, unsigned *now, unsigned *pending) {
	*now = *pending = 1;
	return at(card) == 0 ? 0 : 3; // not supported by the other
}
int nvmlDeviceGetMaxMigDeviceCount(void *card, unsigned *n) { *n = 7; return at(card); }
int nvmlDeviceGetMigDeviceHandleByIndex(void *card, unsigned i, void **part) {
	*part = (void *)(long)(i == 0 ? 3 : 4);
	return at(card) != 0 || (i != 0 && i != 2) ? 6 : 0;
}
