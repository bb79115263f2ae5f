// Package regexsize tells how large regular expressions become, before they are compiled.
package regexsize

import "regexp/syntax"

// Of estimates from above how many instructions a pattern compiles to, without compiling it: x{1000} is
// a thousand copies of x, made before anybody can look at the size.
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
