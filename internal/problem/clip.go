package problem

import "strings"

// MaxClip is how much of a caller's text an error repeats, in bytes.
const MaxClip = 64

// Clip shortens a caller's text for an error that repeats it.
func Clip(s string) string {
	if len(s) > MaxClip {
		return strings.ToValidUTF8(s[:MaxClip], "") + "…"
	}
	return s
}
