package gate

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Whatever cannot be seen, and other ways of writing the same, make no difference.
func TestContactsCompare(t *testing.T) {
	for _, in := range []string{
		"+4512345678", "\u202a+4512345678\u202c", "\u200e+45 12 34 56 78", "+45\u200b12345678", "\u2068+4512345678\u2069", "\ufeff+4512345678",
		"+45\u00ad12345678", "+45\u200712\u200934\u202f5678", "+45\u201012\u201234\u22125678", "＋４５１２３４５６７８", "tel:+45-1234-5678", "TEL:+4512345678",
		"+45_12_34_56_78", "+45·12·34·56·78", "+4512345678\n", "0045 12345678", "(+45) 12 34.56/78", "+٤٥١٢٣٤٥٦٧٨", "+45\u206012345678", "+४५१२३४५६७८",
	} {
		if got := normalPhone(in); got != "+4512345678" {
			t.Errorf("normalPhone(%q) = %q", in, got)
		}
	}
	for _, in := range []string{
		"a.b@example.com", " A.B@Example.COM\n", "a.b@\u200bexample.com", "a.b@example.com\u202c", "\ufeffa.b@example.com", "a\u00ad.b@example.com", "mailto:a.b@example.com",
		"Anna Berg <a.b@example.com>", "a.b＠example.com", "MAILTO:a.b@example.com?subject=x", "\u2066a.b@example.com\u2069", "a.b@example\u3000.com",
	} {
		if got := normalEmail(in); got != "a.b@example.com" {
			t.Errorf("normalEmail(%q) = %q", in, got)
		}
	}
	for in, sure := range map[string]bool{"+4512345678": true, "12345678": false, "abc": false, "\u200b+45 12345678": true} {
		if got := len(Unsure("", in)) == 0; got != sure {
			t.Errorf("Unsure(%q): got sure %v, want %v", in, got, sure)
		}
	}
	if why := Unsure("not an address", "1"); len(why) != 2 {
		t.Errorf("got %v, want both named", why)
	}
}

func FuzzContactsCompare(f *testing.F) {
	f.Add("+45 12 34", 2, "\u202a")
	f.Fuzz(func(t *testing.T, s string, at int, between string) {
		between = strings.Map(func(r rune) rune {
			if !isBlank(r) || !norm.NFKC.IsNormalString(string(r)) && r > unicode.MaxASCII {
				return -1
			}
			return r
		}, between)
		if at = max(at, 0); len(s) > 0 {
			at %= len(s)
		} else {
			at = 0
		}
		for i := range s { // between two characters that do not combine
			if i >= at {
				at = i
				break
			}
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) || at > len(s) {
			return
		}
		with := s[:at] + between + s[at:]
		if a, b := normalPhone(s), normalPhone(with); a != b {
			t.Errorf("normalPhone(%q) = %q, but normalPhone(%q) = %q", s, a, with, b)
		}
		if a, b := normalEmail(s), normalEmail(with); a != b {
			t.Errorf("normalEmail(%q) = %q, but normalEmail(%q) = %q", s, a, with, b)
		}
	})
}

// A search finds composed and decomposed letters by each other, and looks through what cannot be seen.
func TestSearchForm(t *testing.T) {
	for _, s := range []string{"éte", "e\u0301te", "E\u0301TE", "é\u200bte", "ÉTE\u00ad"} {
		if got := searchForm(s); got != "éte" {
			t.Errorf("searchForm(%q) = %q, want éte", s, got)
		}
	}
}

// A verdict's reason cannot turn the direction of what stands beside it.
func TestReasonKeepsItsDirection(t *testing.T) {
	for _, mark := range []string{"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"} {
		if got := clean("no" + mark + "pe"); got != "nope" {
			t.Errorf("clean with %U: got %q, want it gone", []rune(mark), got)
		}
	}
	if got := clean("ja \u05e9\u05dc\u05d5\u05dd\n👩\u200d💻"); got != "ja \u05e9\u05dc\u05d5\u05dd 👩\u200d💻" {
		t.Errorf("got %q, want letters of any direction and joined characters as they are", got)
	}
}
