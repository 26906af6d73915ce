package document

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// String reads text.
func (m *Mapping) String(key string, dst *string) {
	n := m.scalar(key, "text")
	if n == nil {
		return
	}
	if _, outside := m.from[key]; n.ShortTag() != "!!str" && !outside {
		m.fault(key, describe(n)+" is not text", `write "`+shorten(n.Value)+`", in quotes`)
		return
	}
	*dst = n.Value
}

// Word reads text that may look like a whole number, written without quotes.
func (m *Mapping) Word(key string, dst *string) {
	n := m.find(key)
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		m.String(key, dst)
		return
	}
	var number int
	if m.Int(key, &number); !m.bad[key] {
		*dst = strconv.Itoa(number)
	}
}

// Int reads a whole number.
func (m *Mapping) Int(key string, dst *int) {
	const wanted = "a whole number"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	switch n.ShortTag() {
	case "!!int":
		digits := strings.TrimLeft(n.Value, "+-")
		if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
			m.fault(key, shorten(n.Value)+" begins with a zero", "write "+plainDigits(n.Value))
			return
		}
		v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, strconv.IntSize)
		if err != nil {
			m.fault(key, shorten(n.Value)+" is too large", "")
			return
		}
		*dst = int(v)
	case "!!float":
		v, err := number(n)
		switch {
		case err != nil || math.IsNaN(v):
			m.fault(key, shorten(n.Value)+" is not "+wanted, "")
		case math.Abs(v) > 1<<53:
			m.fault(key, shorten(n.Value)+" is too large", "")
		case v != math.Trunc(v):
			m.fault(key, shorten(n.Value)+" is not "+wanted,
				fmt.Sprintf("write %.0f or %.0f", math.Floor(v), math.Ceil(v)))
		default:
			*dst = int(v)
		}
	default:
		m.fault(key, describe(n)+" is not "+wanted, numberHint(n))
	}
}

// Float reads a finite number.
func (m *Mapping) Float(key string, dst *float64) {
	const wanted = "a number"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	if _, err := strconv.ParseFloat(n.Value, 64); errors.Is(err, strconv.ErrRange) && n.Style == 0 {
		m.fault(key, shorten(n.Value)+" is too large", "")
		return
	}
	if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" {
		m.fault(key, describe(n)+" is not "+wanted, numberHint(n))
		return
	}
	v, err := number(n)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		m.fault(key, shorten(n.Value)+" is not a finite number", "")
		return
	}
	*dst = v
}

// Bool reads true or false.
func (m *Mapping) Bool(key string, dst *bool) {
	const wanted = "true or false"
	n := m.scalar(key, wanted)
	if n == nil {
		return
	}
	if n.ShortTag() != "!!bool" {
		m.fault(key, describe(n)+" is not "+wanted, "write true or false, without quotes")
		return
	}
	*dst = strings.EqualFold(n.Value, "true")
}

// Duration reads a time span that is not negative: "300ms", "2s", "1h30m".
func (m *Mapping) Duration(key string, dst *time.Duration) {
	n := m.scalar(key, "a time span")
	if n == nil {
		return
	}
	d, err := time.ParseDuration(n.Value)
	switch {
	case err != nil && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float"):
		m.fault(key, shorten(n.Value)+" has no unit", "write "+shorten(n.Value)+"s for seconds")
	case err != nil:
		m.fault(key, describe(n)+" is not a time span", "write 300ms, 2s or 1h30m")
	case d < 0:
		m.fault(key, shorten(n.Value)+" is negative", "")
	default:
		*dst = d
	}
}
