package text

import "testing"

func TestSpecialTokens(t *testing.T) {
	for _, tt := range []struct {
		name    string
		special string
		config  string
		pad     int64
		length  int
	}{
		{name: "neither file", pad: 1},
		{name: "map, string", special: `{"unk_token":"?","pad_token":"?"}`, pad: 7},
		{name: "map, object", special: `{"unk_token":{"content":"?"},"pad_token":{"content":"?","lstrip":false}}`, pad: 7},
		{name: "config", config: `{"pad_token":"?","model_max_length":77}`, pad: 7, length: 77},
		{name: "the map wins", special: `{"unk_token":"?","pad_token":"?"}`, config: `{"pad_token":"<|endoftext|>"}`, pad: 7},
		{name: "null", special: `{"unk_token":"?","pad_token":null}`, config: `{"pad_token":null}`, pad: 1},
		{name: "no limit", config: `{"model_max_length":1000000000000000019884624838656}`, pad: 1},
		{name: "another end token", special: `{"unk_token":"?","eos_token":"?","bos_token":"a"}`, pad: 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := small()
			if tt.special != "" {
				files[specialFile] = tt.special
			}
			if tt.config != "" {
				files[configFile] = tt.config
			}
			tok := load(t, files)
			ids, _, _ := tok.Encode("a", 5)
			if ids[4] != tt.pad {
				t.Errorf("pads with %d, want %d", ids[4], tt.pad)
			}
			if tok.MaxLength() != tt.length {
				t.Errorf("MaxLength() = %d, want %d", tok.MaxLength(), tt.length)
			}
		})
	}
}
