package event

import (
	"fmt"
	"strings"
)

// maxStars bounds the * in a pattern, and with them the time that Glob takes.
const maxStars = 5

// CheckPattern reports why a pattern names no event types: it must be a type's name in which "*"
// may stand for any run of characters.
func CheckPattern(pattern string) error {
	if strings.Count(pattern, "*") > maxStars {
		return fmt.Errorf("must have at most five *, got %q", pattern)
	}
	if plain := strings.ReplaceAll(pattern, "*", "x"); CheckType(plain) != nil {
		return fmt.Errorf("must be an event type's name, in which * stands for any characters, got %q", pattern)
	}
	return nil
}

// Glob matches s against a pattern in which * stands for any run of characters. It takes time in
// proportion to len(pattern) × len(s) at most.
func Glob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
