package spool

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// Vitals is how the devices of a daemon do: HostsDir/INSTANCE.json, for people.
// No daemon reads another's.
type Vitals struct {
	SchemaVersion int       `json:"schema_version"` // VitalsVersion
	UpdatedAt     time.Time `json:"updated_at"`     // when something was another than before
	Devices       []Device  `json:"devices"`
}

// VitalsVersion is the version of Vitals that this package writes.
const VitalsVersion = 1

// Device is how a device does.
type Device struct {
	Name        string   `json:"name"`                         // as it is configured: "cuda:0"
	UUID        string   `json:"uuid,omitempty"`               // of the card or MIG instance
	Card        string   `json:"card,omitempty"`               // what the card is sold as
	MemoryUsed  int64    `json:"memory_used_bytes,omitempty"`  // of the card, by all programs
	MemoryTotal int64    `json:"memory_total_bytes,omitempty"` // 0 where it is not known
	Celsius     *int     `json:"temperature_celsius,omitempty"`
	JobID       string   `json:"job_id,omitempty"` // the job at work; "" for none
	Stage       string   `json:"stage,omitempty"`
	FPS         float64  `json:"frames_per_second"`       // of the stage
	Networks    *float64 `json:"network_share,omitempty"` // of the last seconds, how many networks ran on average
}

const vitalsSuffix = ".json"

// VitalsName returns the name of an instance's vitals in HostsDir.
func VitalsName(i Instance) string { return i.String() + vitalsSuffix }

func vitalsFile(i Instance) string { return path.Join(HostsDir, VitalsName(i)) }

// Tell writes the vitals of this process. It may block as long as the share does.
func (s *Spool) Tell(v Vitals) error {
	v.SchemaVersion = VitalsVersion
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = s.write.replace(s.root, vitalsFile(s.instance), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the devices' state: %w", err)
	}
	return nil
}

// ParseVitals reads the vitals of an instance: the name of the file in HostsDir,
// and its content.
func ParseVitals(name string, data []byte) (i Instance, v Vitals, err error) {
	text, found := strings.CutSuffix(name, vitalsSuffix)
	if !found {
		return i, v, fmt.Errorf("%q holds no vitals", name)
	}
	if i, err = ParseInstance(text); err != nil {
		return i, v, err
	}
	if err = json.Unmarshal(data, &v); err == nil && v.SchemaVersion != VitalsVersion {
		err = fmt.Errorf("schema_version is %d, known is %d", v.SchemaVersion, VitalsVersion)
	}
	if err != nil {
		return i, Vitals{}, fmt.Errorf("%s: %w", name, err)
	}
	return i, v, nil
}
