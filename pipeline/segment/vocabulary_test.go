package segment

import (
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

func TestVocabulary(t *testing.T) {
	v := vocabulary{
		Words: []string{"dog", "red", "traffic", "light"}, PassedOver: []string{"the", "and"}, About: "dog and red",
	}
	for prompt, wrong := range map[string]string{
		"dog": "", "The red DOG, and traffic light!": "",
		"dragon":           `"dragon"`,
		"red dragon, wyrm": `"dragon", "wyrm"`,
		"the":              "names nothing",
		"doglike":          `"doglike"`,
	} {
		err := v.check(prompt)
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
	if err := (vocabulary{}).check("dragon"); err != nil {
		t.Errorf("without a vocabulary: %v", err)
	}
}

func TestPromptObeysVocabulary(t *testing.T) {
	d := newFolder(t, contract(t, &picture{}), nil).open(t)
	d.config.Vocabulary = vocabulary{Words: []string{"dog"}, About: "dog"}
	if _, err := d.Prompt(t.Context(), "cat"); fault.Of(err).Code != fault.UnknownWords {
		t.Errorf("got %v, want code %s", err, fault.UnknownWords)
	}
	if _, err := d.Prompt(t.Context(), "dog"); err != nil {
		t.Error(err)
	}
}
