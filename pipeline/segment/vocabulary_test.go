package segment

import (
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/text"
)

func TestPromptObeysVocabulary(t *testing.T) {
	d := newFolder(t, contract(t, &picture{}), nil).open(t)
	d.config.Vocabulary = text.Vocabulary{Words: []string{"dog"}, About: "dog"}
	if _, err := d.Prompt(t.Context(), "cat"); fault.Of(err).Code != fault.UnknownWords {
		t.Errorf("got %v, want code %s", err, fault.UnknownWords)
	}
	if _, err := d.Prompt(t.Context(), "dog"); err != nil {
		t.Error(err)
	}
}
