// Package nearest suggests the intended word for a misspelt one.
package nearest

import (
	"iter"
	"strings"
)

// longest bounds the words that are compared, in bytes: the work grows with the square of the
// length.
const longest = 128

// Of returns the candidate most similar to the word, ignoring case, or "" if none is similar
// enough. At most a third of the letters, and at most two, may be changed, added or removed: a
// greater difference is hardly a slip.
func Of(word string, candidates iter.Seq[string]) string {
	if len(word) > longest {
		return ""
	}
	lower := strings.ToLower(word)
	best, least := "", min(2, len(word)/3)+1
	for c := range candidates {
		if c == word || len(c) > longest || len(c) >= len(word)+least || len(word) >= len(c)+least {
			continue
		}
		if d := distance(lower, strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance returns how many bytes to change, add, remove or swap with their neighbour to turn one
// word into the other (optimal string alignment).
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
