package text

import (
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

func TestVocabulary(t *testing.T) {
	v := Vocabulary{
		Words: []string{"dog", "red", "traffic", "light"}, PassedOver: []string{"the", "and"}, About: "dog and red",
	}
	for prompt, wrong := range map[string]string{
		"dog": "", "The red DOG, and traffic light!": "",
		"dragon":           `"dragon"`,
		"red dragon, wyrm": `"dragon", "wyrm"`,
		"the":              "names nothing",
		"doglike":          `"doglike"`,
	} {
		err := v.Check("mask_prompt", prompt)
		if wrong == "" {
			if err != nil {
				t.Errorf("%q: %v", prompt, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, want an error with %s", prompt, err, wrong)
			continue
		}
		if f := fault.Of(err); f.Code != fault.UnknownWords || !strings.Contains(f.Hint, "dog and red") {
			t.Errorf("%q: code %s, hint %q", prompt, f.Code, f.Hint)
		}
	}
	if err := (Vocabulary{}).Check("mask_prompt", "dragon"); err != nil {
		t.Errorf("without a vocabulary: %v", err)
	}
}
