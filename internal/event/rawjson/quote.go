package rawjson

import "unicode/utf8"

// AppendQuoted appends s as a JSON string with quotes. It escapes only the characters that RFC
// 8259, section 7, requires: quote, backslash and the control characters below U+0020. Other
// characters, including U+2028, "<" and "&", stay as they are; bytes that are not UTF-8 become
// U+FFFD. The result always passes [Check].
func AppendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	// The copy is checked in place: nearly all texts need no escapes and are done after one copy.
	plain := plainEnd(dst, start) - start
	dst = dst[:start+plain]
	for s = s[plain:]; s != ""; {
		c := s[0]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s)
			dst = utf8.AppendRune(dst, r)
			s = s[n:]
			continue
		}
		s = s[1:]
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c < ' ' {
				const hex = "0123456789abcdef"
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}
