package problem

import "strings"

// maxClip is how much of a caller's text an error repeats, in bytes.
const maxClip = 64

// Clip shortens a caller's text for an error that repeats it.
func Clip(s string) string {
	if len(s) > maxClip {
		return strings.ToValidUTF8(s[:maxClip], "") + "…"
	}
	return s
}
