// Package csvcell makes texts safe for cells of CSV files that people open in spreadsheets.
package csvcell

import (
	"strings"
	"unicode"
)

// Text returns a text that no spreadsheet takes for a formula, nor any part of it: what could begin one gets an apostrophe
// before it, as OWASP recommends (https://owasp.org/www-community/attacks/CSV_Injection).
//
// Not only at its beginning: a spreadsheet whose country writes decimals with a comma splits lines at semicolons, where a
// cell's quotes mean nothing, so that what follows a semicolon, a tab or a line break begins a cell there.
func Text(s string) string {
	if !strings.ContainsAny(s, "=+-@\t\r\n＝＋－＠") {
		return s
	}
	var b strings.Builder
	begins := true
	for i, c := range s {
		switch c {
		case '=', '+', '-', '@', '＝', '＋', '－', '＠': // the wide ones are taken for the others in Japanese
			if begins {
				b.WriteByte('\'')
			}
			begins = false
		case '\t', '\r', '\n':
			if i == 0 {
				b.WriteByte('\'')
			}
			begins = true
		case ';':
			begins = true
		case '"': // taken away before a cell, as is what cannot be seen
		default:
			begins = begins && unicode.In(c, unicode.Z, unicode.Cc, unicode.Cf)
		}
		b.WriteRune(c)
	}
	return b.String()
}
