package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
)

// Auto is the device that stands for all cards that CUDA shows, or the CPU.
const Auto = "auto"

// visibleVariable makes CUDA show the cards that it lists, in its order.
const visibleVariable = "CUDA_VISIBLE_DEVICES"

// A Place is where a device that was asked for lies.
type Place struct {
	Name string // as it was asked for; of Auto the card's UUID, or "cpu"
	Spec string // what Runtime.Device takes
	UUID string // of the card or MIG instance; "" for the CPU, and where the driver does not say
}

// Locate finds the devices that were asked for: Auto, which stands alone; "cpu";
// N, "cuda" and "cuda:N", where N counts the cards that CUDA shows, in the order
// of the PCI bus; or a UUID of a card ("GPU-...") or of a MIG instance
// ("MIG-..."), of which a beginning is enough. "tensorrt:" before a number or UUID
// is the same card with TensorRT. cards are what the driver shows, or absent says
// why they are not known.
//
// To find cards by UUID it sets CUDA_VISIBLE_DEVICES of this process, which CUDA
// reads once: Locate comes before the first card is used. CUDA shows a process
// one MIG instance and nothing beside it. An error has code fault.DeviceFault.
func Locate(specs []string, cards []nvml.Card, absent error) (places []Place, warnings []string, err error) {
	list, set := os.LookupEnv(visibleVariable)
	l := &locator{cards: cards, absent: absent, list: list, limited: set}
	if places, err = l.locate(specs); err != nil {
		return nil, nil, err
	}
	if l.shown != nil {
		if err := os.Setenv(visibleVariable, strings.Join(l.shown, ",")); err != nil {
			return nil, nil, err
		}
	}
	return places, l.warnings, nil
}

// locator is one call of Locate.
type locator struct {
	cards    []nvml.Card
	absent   error
	list     string // CUDA_VISIBLE_DEVICES, where limited
	limited  bool
	visible  []nvml.Card // what CUDA shows, in its order
	shown    []string    // the UUIDs that CUDA is to show; nil leaves it as it is
	warnings []string
}

// request is a device's name in parts.
type request struct {
	name string
	kind string // "cpu", "cuda" or "tensorrt"
	card string // a number or a UUID
}

func parseRequest(name string) request {
	kind, card, parts := strings.Cut(name, ":")
	switch {
	case parts:
		return request{name, kind, card}
	case kind == "cpu":
		return request{name, kind, ""}
	case kind == "cuda" || kind == "tensorrt":
		return request{name, kind, "0"}
	}
	return request{name, "cuda", name}
}

func (r request) numbered() (n int, ok bool) {
	u, err := strconv.ParseUint(r.card, 10, 8)
	return int(u), err == nil
}

func (l *locator) locate(specs []string) ([]Place, error) {
	l.visible = visible(l.cards, l.list, l.limited)
	if slices.Contains(specs, Auto) {
		if len(specs) > 1 {
			return nil, fault.New(fault.DeviceFault, "write [auto], or name each device", errors.New("devices: auto stands for all of them"))
		}
		specs = l.all()
	}
	// A number alone is CUDA's own, and needs no driver that answers; among UUIDs
	// and parts of cards it is found by its UUID like the others.
	byUUID := slices.ContainsFunc(l.cards, func(c nvml.Card) bool { return c.Divided })
	for _, s := range specs {
		r := parseRequest(s)
		_, number := r.numbered()
		byUUID = byUUID || r.kind != "cpu" && !number
	}
	var places []Place
	for _, s := range specs {
		p, err := l.place(parseRequest(s), byUUID)
		if err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	if i := slices.IndexFunc(l.shown, isInstance); i >= 0 && len(l.shown) > 1 {
		return nil, fault.New(fault.DeviceFault, "run a daemon for each on the same root, such as uredit@a and uredit@b",
			fmt.Errorf("devices %s: CUDA shows a process one MIG instance (%s) and nothing beside it", strings.Join(specs, ", "), l.shown[i]))
	}
	return places, nil
}

func isInstance(uuid string) bool { return strings.HasPrefix(uuid, "MIG-") }

// all returns what Auto stands for.
func (l *locator) all() []string {
	if l.absent != nil && !errors.Is(l.absent, nvml.ErrNone) {
		l.warnings = append(l.warnings, fmt.Sprintf("devices: auto is the CPU, for no card can be found: %v", l.absent))
	}
	var whole, instances []string
	for _, c := range l.visible {
		if isInstance(c.UUID) {
			instances = append(instances, c.UUID)
		} else if !c.Divided {
			whole = append(whole, c.UUID)
		}
		for _, part := range c.Instances {
			instances = append(instances, part.UUID)
		}
	}
	if len(whole) == 0 && len(instances) > 0 {
		whole, instances = instances[:1], instances[1:]
	}
	if len(instances) > 0 {
		l.warnings = append(l.warnings, fmt.Sprintf("devices: auto leaves out %s: CUDA shows a process one MIG instance and nothing beside it; "+
			"run a daemon for each", strings.Join(instances, ", ")))
	}
	if len(whole) == 0 {
		return []string{"cpu"}
	}
	return whole
}

// place finds one device. Where byUUID, cards are shown to CUDA by their UUIDs.
func (l *locator) place(r request, byUUID bool) (Place, error) {
	if r.kind == "cpu" {
		return Place{Name: r.name, Spec: "cpu"}, nil
	}
	n, number := r.numbered()
	if number && n >= len(l.visible) && l.absent == nil {
		return Place{}, l.unknown(r, "there is no such card")
	}
	if !byUUID {
		p := Place{Name: r.name, Spec: fmt.Sprintf("%s:%d", r.kind, n)}
		if n < len(l.visible) {
			p.UUID = l.visible[n].UUID
		}
		return p, nil
	}
	var c nvml.Card
	var err error
	if !number {
		c, err = l.find(r)
	} else if n < len(l.visible) {
		c = l.visible[n]
	} else {
		err = l.silent(r)
	}
	if err != nil {
		return Place{}, err
	}
	if c.Divided {
		return Place{}, fault.New(fault.DeviceFault, "name one of its instances, or switch MIG off for the card",
			fmt.Errorf("device %s: the card is divided (MIG), and only its instances can be used: %s", r.name, describeCards(c.Instances)))
	}
	at := slices.Index(l.shown, c.UUID)
	if at < 0 {
		at = len(l.shown)
		l.shown = append(l.shown, c.UUID)
	}
	return Place{Name: r.name, Spec: fmt.Sprintf("%s:%d", r.kind, at), UUID: c.UUID}, nil
}

// find returns the card or instance whose UUID begins as was asked for.
func (l *locator) find(r request) (nvml.Card, error) {
	if l.absent != nil {
		return nvml.Card{}, l.silent(r)
	}
	switch found := matching(l.visible, r.card); len(found) {
	case 1:
		return found[0], nil
	case 0:
	default:
		return nvml.Card{}, l.unknown(r, "more than one card's UUID begins so")
	}
	if len(matching(l.cards, r.card)) > 0 {
		return nvml.Card{}, fault.New(fault.DeviceFault, "remove "+visibleVariable+" from the environment, or name a card that it lists",
			fmt.Errorf("device %s: %s=%s hides it", r.name, visibleVariable, l.list))
	}
	return nvml.Card{}, l.unknown(r, "there is no such card")
}

// silent says that the driver does not know a card, for it does not answer.
func (l *locator) silent(r request) error {
	return fault.New(fault.DeviceFault, "check `nvidia-smi`, or use device cpu", fmt.Errorf("device %s: %w", r.name, l.absent))
}

func (l *locator) unknown(r request, why string) error {
	here := "no card is visible"
	if len(l.visible) > 0 {
		here = "visible are " + describeCards(l.visible)
	}
	return fault.New(fault.DeviceFault, "name one that is there (`nvidia-smi -L` lists them too), or use auto or cpu",
		fmt.Errorf("device %s: %s; %s", r.name, why, here))
}

// describeCards lists cards, and instances in place of those that are divided.
func describeCards(cards []nvml.Card) string {
	var list []string
	for _, c := range cards {
		if !c.Divided {
			list = append(list, c.String())
		}
		for _, part := range c.Instances {
			list = append(list, part.String())
		}
	}
	return cmp.Or(strings.Join(list, ", "), "none")
}

// matching returns the cards and instances whose UUID begins with a text.
func matching(cards []nvml.Card, uuid string) (found []nvml.Card) {
	for _, c := range cards {
		for _, part := range append([]nvml.Card{c}, c.Instances...) {
			if uuid != "" && strings.HasPrefix(part.UUID, uuid) {
				found = append(found, part)
			}
		}
	}
	return found
}

// visible returns what CUDA shows of the cards: all, or where limited what list
// names up to the first name that is none, as CUDA reads it.
func visible(cards []nvml.Card, list string, limited bool) []nvml.Card {
	if !limited {
		return cards
	}
	var shown []nvml.Card
	for id := range strings.SplitSeq(list, ",") {
		id = strings.TrimSpace(id)
		if n, err := strconv.ParseUint(id, 10, 16); err == nil && int(n) < len(cards) {
			shown = append(shown, cards[n])
		} else if found := matching(cards, id); len(found) == 1 {
			shown = append(shown, found[0])
		} else {
			break
		}
	}
	return shown
}
