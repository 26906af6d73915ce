package document

import "strings"

// Nearest returns the known key that was probably meant, or "".
func Nearest(key string, known []string) string {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
	}
	best, least := "", max(1, len(key)/4)
	if len(key) > 64 {
		return ""
	}
	for _, k := range known {
		if d := distance(fold(key), fold(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" && len(key) >= 4 { // a key that was cut short
		for _, k := range known {
			if strings.HasPrefix(fold(k), fold(key)) && (best == "" || len(k) < len(best)) {
				best = k
			}
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with
// their neighbour to turn a into b.
func distance(a, b string) int {
	above, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], above[j-2]+1)
			}
		}
		above, prev, cur = prev, cur, above
	}
	return prev[len(b)]
}
