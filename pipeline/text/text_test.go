package text

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// goldens are the ids between the frame tokens that CLIP's own tokenizer gives.
var goldens = []struct {
	text string
	ids  []int64
}{
	{"a photo of a cat", []int64{320, 1125, 539, 320, 2368}},
	{"A painting of a squirrel eating a burger", []int64{320, 3086, 539, 320, 14004, 4371, 320, 6548}},
	{"make the yellow dress red, keep its origin style", []int64{1078, 518, 4481, 2595, 736, 267, 1726, 902, 12372, 1844}},
	{"Turn him into a CYBORG!", []int64{2105, 1269, 1095, 320, 36650, 256}},
	{"turn into cyborg", []int64{2105, 1095, 36650}},
	{"make the hair curly and black", []int64{1078, 518, 2225, 20795, 537, 1449}},
	{"give the person a big curly black afro hairstyle", []int64{1781, 518, 2533, 320, 1205, 20795, 1449, 21795, 22324}},
	{"it's 3D & 100% café — don't", []int64{585, 568, 274, 323, 261, 272, 271, 271, 260, 15304, 2005, 847, 713}},
	{"  weird   spacing\n\ttabs ", []int64{5613, 588, 9442, 29163}},
	{"weird\u00a0\u3000\u2028spacing\u0085tabs", []int64{5613, 588, 9442, 29163}},
	{"naïve résumé", []int64{1097, 35689, 563, 29106, 7054, 4166}},
	{"nai\u0308ve re\u0301sume\u0301", []int64{1097, 35689, 563, 29106, 7054, 4166}}, // decomposed
	{"I'LL we've they're", []int64{328, 1342, 649, 1200, 889, 982}},
	{"emoji 🔥🔥 test", []int64{16327, 11771, 1628}},
	{"把头发变成红色", []int64{162, 232, 232, 23170, 112, 34517, 239, 34517, 246, 162, 230, 238, 163, 118, 95, 164, 231, 366}},
	{"", nil},
	{" \n\u00a0", nil},
}

func TestGoldens(t *testing.T) {
	files := clipFolder(t)
	merges, _ := clip()
	pairs := make([][]string, len(merges))
	for i, m := range merges {
		pairs[i] = strings.Fields(m)
	}
	model := map[string]any{"type": "BPE", "end_of_word_suffix": endOfWord, "vocab": clipVocab(merges)}
	whole := func(merges any) map[string]string {
		m := maps.Clone(model)
		m["merges"] = merges
		return map[string]string{wholeFile: marshal(t, map[string]any{"model": m})}
	}
	for name, files := range map[string]map[string]string{
		"vocab.json and merges.txt":    files,
		"tokenizer.json, pairs":        whole(pairs),
		"tokenizer.json, old spelling": whole(merges),
	} {
		t.Run(name, func(t *testing.T) {
			tok := load(t, files)
			for _, g := range goldens {
				for range 2 { // the second time from the cache
					ids, attention, cut := tok.Encode(g.text, 77)
					want := slices.Concat([]int64{clipBegin}, g.ids, []int64{clipEnd})
					used := len(want)
					for len(want) < 77 {
						want = append(want, clipEnd)
					}
					if !slices.Equal(ids, want) {
						t.Errorf("Encode(%q) = %v, want %v", g.text, ids[:used+1], want[:used+1])
					}
					if i := slices.Index(attention, 0); i != used || slices.Contains(attention[i:], 1) {
						t.Errorf("Encode(%q): attention %v, want %d ones", g.text, attention, used)
					}
					if cut != nil {
						t.Errorf("Encode(%q) cut %q", g.text, cut)
					}
				}
			}
		})
	}
}

func TestLowerCaseIsUnicodes(t *testing.T) {
	tok := sharedCLIP(t)
	for _, pair := range [][2]string{
		{"ΟΔΟΣ", "οδοσ"},          // each letter alone: no final sigma
		{"İSTANBUL", "i̇stanbul"}, // one letter becomes two
	} {
		got, _, _ := tok.Encode(pair[0], 77)
		want, _, _ := tok.Encode(pair[1], 77)
		if !slices.Equal(got, want) {
			t.Errorf("%q is not read as %q: %v, %v", pair[0], pair[1], got[:12], want[:12])
		}
	}
}

// TestSpecialTokensInPrompts: spelled exactly they are themselves, in other
// letters they are text; a padding token that is a plain character is taken for
// itself, as in Stable Diffusion 2.
func TestSpecialTokensInPrompts(t *testing.T) {
	files := clipFolder(t)
	files[specialFile] = `{"pad_token":"!"}`
	plain, padded := sharedCLIP(t), load(t, files)
	for _, tt := range []struct {
		tok  *Tokenizer
		text string
		ids  []int64
	}{
		{plain, "x<|endoftext|>y", []int64{343, clipEnd, 344}},
		{plain, "<|startoftext|>'s", []int64{clipBegin, 568}},
		{plain, "<|startoftext|>S<|endoftext|>İ", []int64{clipBegin, 338, clipEnd, 328, 16384}},
		{plain, "make <|ENDOFTEXT|>", []int64{1078, 27, 347, 40786, 4160, 91, 285}},
		{plain, "<|endof\u0301text|>", []int64{27, 347, 945, 539, 136, 479, 4160, 91, 285}},
		{plain, "<|ENDOFTEXT|>\x1c", []int64{27, 347, 40786, 4160, 91, 285, 472}},
		{plain, "a cyborg! ok!!", []int64{320, 36650, 256, 2481, 748}},
		{padded, "a cyborg! ok!!", []int64{320, 36650, 0, 2481, 0, 0}},
	} {
		ids, _, _ := tt.tok.Encode(tt.text, 2+len(tt.ids))
		if got := ids[1 : 1+len(tt.ids)]; !slices.Equal(got, tt.ids) {
			t.Errorf("%q: %v, want %v", tt.text, got, tt.ids)
		}
	}
}

func TestCut(t *testing.T) {
	tok := sharedCLIP(t)
	for _, tt := range []struct {
		length int
		ids    []int64
		cut    []string
	}{
		{8, []int64{clipBegin, 585, 568, 36650, 256, clipEnd, clipEnd, clipEnd}, nil},
		{6, []int64{clipBegin, 585, 568, 36650, 256, clipEnd}, nil},
		{5, []int64{clipBegin, 585, 568, 36650, clipEnd}, []string{"!"}},
		{4, []int64{clipBegin, 585, 568, clipEnd}, []string{"cyborg", "!"}},
		{2, []int64{clipBegin, clipEnd}, []string{"it", "'s", "cyborg", "!"}},
		{1, []int64{clipBegin}, []string{"it", "'s", "cyborg", "!"}},
		{0, nil, []string{"it", "'s", "cyborg", "!"}},
		{-1, nil, []string{"it", "'s", "cyborg", "!"}},
	} {
		ids, attention, cut := tok.Encode("It's CYBORG!", tt.length)
		if !slices.Equal(ids, tt.ids) || !slices.Equal(cut, tt.cut) || len(attention) != len(ids) {
			t.Errorf("length %d: %v %q, want %v %q", tt.length, ids, cut, tt.ids, tt.cut)
		}
	}
	// A word of several tokens may fit in part.
	if ids, _, cut := tok.Encode("naïve résumé", 5); !slices.Equal(ids, []int64{clipBegin, 1097, 35689, 563, clipEnd}) ||
		!slices.Equal(cut, []string{"résumé"}) {
		t.Errorf("partly: %v %q", ids, cut)
	}
	if ids, _, cut := tok.Encode("naïve", 3); len(ids) != 3 || !slices.Equal(cut, []string{"naïve"}) {
		t.Errorf("within a word: %v %q", ids, cut)
	}
}

func TestCacheIsBounded(t *testing.T) {
	tok := load(t, clipFolder(t))
	var word [3]byte
	for i := range 2*cacheWords + 1 {
		word = [3]byte{'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26)}
		tok.Encode(string(word[:]), 77)
	}
	tok.Encode(strings.Repeat("long", cacheWordSize), 77)
	if len(tok.cache) == 0 || len(tok.cache) > cacheWords {
		t.Errorf("%d words cached, want 1..%d", len(tok.cache), cacheWords)
	}
	for w := range tok.cache {
		if len(w) > cacheWordSize {
			t.Errorf("a word of %d bytes is cached", len(w))
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := sharedCLIP(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, g := range goldens {
				if ids, _, _ := tok.Encode(g.text, 77); len(g.ids) > 0 && ids[1] != g.ids[0] {
					t.Errorf("Encode(%q)[1] = %d, want %d", g.text, ids[1], g.ids[0])
				}
			}
		})
	}
	wg.Wait()
}

// TestMergeOrder compares the queue with CLIP's own way of merging: again and
// again all places of the pair with the lowest rank, from left to right.
func TestMergeOrder(t *testing.T) {
	tok := sharedCLIP(t)
	naive := func(w string) []int32 {
		tokens := make([]int32, len(w))
		for i := range len(w) {
			tokens[i] = tok.symbols.inner[w[i]]
		}
		tokens[len(w)-1] = tok.symbols.last[w[len(w)-1]]
		for {
			best, found := merge{}, pair{-1, -1}
			for i := range len(tokens) - 1 {
				p := pair{tokens[i], tokens[i+1]}
				if m, ok := tok.merges[p]; ok && (found.left < 0 || m.rank < best.rank) {
					best, found = m, p
				}
			}
			if found.left < 0 {
				return tokens
			}
			for i := 0; i < len(tokens)-1; i++ {
				if (pair{tokens[i], tokens[i+1]}) == found {
					tokens = slices.Replace(tokens, i, i+2, best.id)
				}
			}
		}
	}
	for _, w := range []string{
		"a", "aa", "aaa", "aaaa", "aaaaaaaaa", "ababab", "hahahahaha", "mississippi", "antidisestablishmentarianism",
		"zzzzzzzzzzzzz", "!!!!!!!", "...---...", "straßenbahnhaltestelle", "ooooohhhhh", "lololololol", "😀😀😀😀",
	} {
		if got, want := tok.encodeWord(w), naive(w); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", w, got, want)
		}
	}
}
