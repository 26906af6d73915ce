package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"uredit/daemon/spool"
)

// hostSilent is the state of a host that was silent for so long.
const hostSilent = "silent"

// hostLine is one daemon.
type hostLine struct {
	Host  string    `json:"host"`
	State string    `json:"state"` // run, drain, or hostSilent
	Beat  time.Time `json:"beat"`  // by its own clock
	Busy  int       `json:"busy"`
	// Devices is how they do; empty of a daemon that does not say.
	Devices []spool.Device `json:"devices"`
	// Remark is what does not work on the host, "" when all does.
	Remark string `json:"remark,omitempty"`
}

// hosts reads the heartbeats, and says what each host does.
func (v view) hosts(now time.Time, busy map[string]int) ([]hostLine, error) {
	files, err := readDir(v.path(spool.HostsDir))
	if err != nil {
		return nil, err
	}
	list := []hostLine{}
	for _, f := range files {
		data, err := readSmall(v.path(spool.HostsDir, f.Name()))
		if err != nil {
			continue // it ended meanwhile
		}
		i, b, err := spool.ParseHeartbeat(f.Name(), data)
		if err != nil {
			continue // torn, or of a newer version
		}
		h := hostLine{Host: i.Host, State: b.State, Beat: b.Wall, Busy: busy[i.Host], Devices: v.devices(i), Remark: b.Remark}
		if now.Sub(b.Wall) > silent {
			h.State = hostSilent
		}
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b hostLine) int { return strings.Compare(a.Host, b.Host) })
	return list, nil
}

// devices returns how the devices of a daemon do.
func (v view) devices(i spool.Instance) []spool.Device {
	none := []spool.Device{}
	name := spool.VitalsName(i)
	data, err := readSmall(v.path(spool.HostsDir, name))
	if err != nil {
		return none // it ended meanwhile, or is of an older version
	}
	_, vitals, err := spool.ParseVitals(name, data)
	if err != nil || vitals.Devices == nil {
		return none // of a newer version
	}
	return vitals.Devices
}

// hostTable shows each host, and below it how its devices do.
func hostTable(hosts []hostLine, now time.Time) []string {
	lines := []string{fmt.Sprintf("%-20s %-7s %5s  %s", "HOST", "STATE", "BUSY", "HEARTBEAT")}
	for _, h := range hosts {
		line := fmt.Sprintf("%-20s %-7s %5d  %s ago  %s", h.Host, h.State, h.Busy, age(h.Beat, now), firstLine(h.Remark))
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if len(hosts) == 0 {
		return append(lines, "no daemon: nothing runs until one is started")
	}
	lines = append(lines, "", fmt.Sprintf("%-20s %-20s %-22s %8s %8s %13s %5s", "HOST", "DEVICE", "AT WORK ON", "FRAMES/S", "NETWORKS", "CARD'S MEMORY", "TEMP"))
	for _, h := range hosts {
		for _, d := range h.Devices {
			lines = append(lines, fmt.Sprintf("%-20s %s", h.Host, deviceLine(d)))
		}
	}
	return lines
}

// deviceLine says how a device does; what is not known is left empty.
func deviceLine(d spool.Device) string {
	var work, speed, networks, memory, temperature string
	if d.JobID != "" {
		work = d.JobID + ", " + d.Stage
		speed = fmt.Sprintf("%.1f", d.FPS)
	}
	if d.Networks != nil {
		networks = fmt.Sprintf("%.0f %%", 100**d.Networks)
	}
	if d.MemoryTotal > 0 {
		memory = fmt.Sprintf("%.1f/%.1f GB", float64(d.MemoryUsed)/1e9, float64(d.MemoryTotal)/1e9)
	}
	if d.Celsius != nil {
		temperature = fmt.Sprintf("%d C", *d.Celsius)
	}
	name := d.Name
	if len(name) > 20 {
		name = name[:17] + "..." // of a UUID, enough to tell it from others
	}
	return fmt.Sprintf("%-20s %-22s %8s %8s %13s %5s", name, work, speed, networks, memory, temperature)
}
