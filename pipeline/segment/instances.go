package segment

import (
	"slices"

	"uredit/pipeline/frame"
)

// Instance is an object of a frame with its mask at the video's size.
type Instance struct {
	Object
	Mask frame.Plane // 0 or 255; valid until the next Instances
}

// Instances draws the objects of f one by one, and returns those that have a
// sample. A tracker's objects of one prompt share none: the one of the highest
// presence has it, of equals the first; a presence of 0 has none. An object that
// loses all its samples is returned still.
func (u *Union) Instances(f Frame) []Instance {
	u.instances = u.instances[:0]
	for _, o := range f.Objects {
		n := len(u.instances)
		if n == len(u.masks) {
			u.masks = append(u.masks, frame.NewPlane(u.width, u.height))
		}
		u.one[0] = o
		u.Draw(u.masks[n], u.one[:])
		if slices.Contains(u.masks[n].Pix, 255) {
			u.instances = append(u.instances, Instance{Object: o, Mask: u.masks[n]})
		}
	}
	if f.apart {
		u.separate()
	}
	return u.instances
}

// separate gives each sample that several instances of one prompt have to one of
// them.
func (u *Union) separate() {
	groups := make(map[int][]*Instance)
	for i := range u.instances {
		o := &u.instances[i]
		groups[o.Prompt] = append(groups[o.Prompt], o)
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		slices.SortStableFunc(group, func(a, b *Instance) int {
			switch {
			case a.Presence > b.Presence:
				return -1
			case a.Presence < b.Presence:
				return 1
			}
			return 0
		})
		u.taken = append(u.taken[:0], make([]byte, u.width*u.height)...)
		for _, o := range group {
			for i, v := range o.Mask.Pix {
				if o.Presence <= 0 {
					v = 0
				}
				o.Mask.Pix[i] = v &^ u.taken[i]
				u.taken[i] |= v
			}
		}
	}
}
