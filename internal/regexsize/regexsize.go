// Package regexsize estimates how large regular expressions become before they are compiled.
package regexsize

import "regexp/syntax"

// Of returns an upper estimate of the number of instructions that a pattern compiles to. It does
// not compile the pattern: x{1000} becomes a thousand copies of x before the size could be checked.
func Of(re *syntax.Regexp) int {
	const enough = 1 << 30
	size := 1
	for _, sub := range re.Sub {
		size += Of(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		size += len(re.Rune)
	case syntax.OpRepeat:
		times := max(re.Min, re.Max) + 1
		size = size*times + times
	default:
		size++
	}
	return min(size, enough)
}
