package metrics

import (
	"cmp"
	"maps"
	"slices"

	"uredit/daemon/spool"
)

// writeDevices writes what is known of each device, of the cards among them, and
// of the networks that ran on them. The share of its time in which networks ran on
// a device is rate(uredit_inference_seconds_sum), summed by device.
func (m *Metrics) writeDevices(t *text) {
	t.head("uredit_device_info", "gauge", "The devices; uuid and card are empty where the driver does not say.")
	for _, d := range m.devices {
		t.sample("uredit_device_info", 1, "device", d.Name, "uuid", d.UUID, "card", d.Card)
	}
	t.head("uredit_device_busy", "gauge", "1 while a job runs on the device.")
	for _, d := range m.devices {
		t.sample("uredit_device_busy", flag(d.JobID != ""), "device", d.Name, "uuid", d.UUID)
	}
	t.head("uredit_stage_frames_per_second", "gauge", "Speed of the stage that a device works on, since the stage began.")
	for _, d := range m.devices {
		if d.Stage != "" {
			t.sample("uredit_stage_frames_per_second", d.FPS, "device", d.Name, "uuid", d.UUID, "stage", d.Stage)
		}
	}
	m.writeCards(t)
	const took = "uredit_inference_seconds"
	t.head(took, "histogram", "How long one run of a network took.")
	for _, n := range slices.SortedFunc(maps.Keys(m.runs), func(a, b network) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.model, b.model))
	}) {
		t.histogram(took, m.runs[n], "device", n.device, "model", n.model)
	}
}

// writeCards writes the numbers of each card once, however many devices are on it.
func (m *Metrics) writeCards(t *text) {
	cards := slices.Clone(m.devices)
	seen := map[string]bool{"": true}
	cards = slices.DeleteFunc(cards, func(d spool.Device) bool {
		again := seen[d.UUID]
		seen[d.UUID] = true
		return again || d.MemoryTotal == 0
	})
	t.head("uredit_gpu_memory_used_bytes", "gauge", "Memory of the card that all programs use.")
	for _, d := range cards {
		t.sample("uredit_gpu_memory_used_bytes", float64(d.MemoryUsed), "uuid", d.UUID)
	}
	t.head("uredit_gpu_memory_total_bytes", "gauge", "Memory of the card.")
	for _, d := range cards {
		t.sample("uredit_gpu_memory_total_bytes", float64(d.MemoryTotal), "uuid", d.UUID)
	}
	t.head("uredit_gpu_temperature_celsius", "gauge", "Temperature of the card.")
	for _, d := range cards {
		if d.Celsius != nil {
			t.sample("uredit_gpu_temperature_celsius", float64(*d.Celsius), "uuid", d.UUID)
		}
	}
}
