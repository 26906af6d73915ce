package preset

import "math"

// Mean is the loop's smoothing: every sample of a frame moves towards the mean of
// its neighbours in time, which count exp(-d/2) at a distance of d frames. It
// knows neither cuts nor motion nor masks, and rounds down.
type Mean struct {
	half  int
	alpha float64

	frames  [][]byte // frame i in frames[i%len(frames)], as it came
	held    []*Picture
	pushed  int
	emitted int
	done    []*Picture
}

// NewMean returns a Mean over window frames, half of it before a frame and half
// after. alpha is the share of the mean in the result, 0..1.
func NewMean(window int, alpha float64) *Mean {
	half := window / 2
	return &Mean{half: half, alpha: alpha, frames: make([][]byte, 2*half+1)}
}

// Delay returns the number of pictures that are held after a Push.
func (m *Mean) Delay() int { return m.half }

// Push takes the next picture and returns those that are complete, in order, with
// their RGB smoothed. A picture belongs to the Mean until it is returned. The
// slice is valid until the next call.
func (m *Mean) Push(p *Picture) []*Picture {
	m.done = m.done[:0]
	slot := &m.frames[m.pushed%len(m.frames)]
	*slot = append((*slot)[:0], p.RGB...)
	m.held = append(m.held, p)
	m.pushed++
	if m.pushed > m.half {
		m.emit()
	}
	return m.done
}

// Flush returns the pictures that are still held.
func (m *Mean) Flush() []*Picture {
	m.done = m.done[:0]
	for len(m.held) > 0 {
		m.emit()
	}
	return m.done
}

// emit smooths the oldest picture that is held. The order of the operations and
// their precision are NumPy's: where nothing changes in time, rounding down makes
// a level of the last bit.
func (m *Mean) emit() {
	p := m.held[0]
	m.held = m.held[:copy(m.held, m.held[1:])]
	from, to := max(0, m.emitted-m.half), min(m.pushed, m.emitted+m.half+1)
	weights := make([]float64, to-from)
	for i := range weights {
		weights[i] = math.Exp(-math.Abs(float64(from+i-m.emitted)) / 2)
	}
	sum := total(weights)
	for i := range weights {
		weights[i] /= sum
	}
	sum = total(weights)
	rest := float32(1 - m.alpha)
	for x, own := range m.frames[m.emitted%len(m.frames)] {
		mean := 0.0
		for i, w := range weights {
			mean += float64(m.frames[(from+i)%len(m.frames)][x]) * w
		}
		v := m.alpha*(mean/sum) + float64(rest*float32(own))
		p.RGB[x] = byte(min(max(v, 0), 255))
	}
	m.emitted++
	m.done = append(m.done, p)
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}
