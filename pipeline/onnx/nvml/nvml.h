// What is used of NVIDIA's management library, declared from its documentation.
// The library comes with the driver, so it is opened at run time and never linked.

typedef struct {
	char uuid[96], name[96];
	unsigned long long total, free, used; // bytes
	unsigned domain, bus, slot;           // on PCI
	int parent;                           // of a MIG instance: its card's place in the list; else -1
	int celsius;                          // -1 where it is not known
	int divided;                          // MIG is on: only instances can be used
} uredit_card;

typedef struct uredit_nvml uredit_nvml;

// uredit_nvml_open opens and starts the library. *problem says in the library's
// own words why it does not start, or is empty where there is none to open.
uredit_nvml *uredit_nvml_open(const char *file, char *problem, unsigned size);
void uredit_nvml_close(uredit_nvml *l);
// uredit_nvml_versions fills the driver's version and the newest CUDA's that it
// runs, as 1000 * major + 10 * minor; "" and 0 where they are not known.
void uredit_nvml_versions(uredit_nvml *l, char *driver, unsigned size, int *cuda);
// uredit_nvml_list fills the cards, each followed by its instances, and returns
// how many there are; at most most of them are filled. -1 is a failure.
int uredit_nvml_list(uredit_nvml *l, uredit_card *list, int most, char *problem, unsigned size);
