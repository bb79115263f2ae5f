package rawjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A text is found in any JSON that reads as the text, in any escaping and normal form, and in no
// other JSON.
func FuzzSearch(f *testing.F) {
	for _, text := range []string{"Søren", "Malmö", "Malmo\u0308", "\"a\\b/\"", "😀\n", "\u212b", "é́", "\x00", "K"} {
		f.Add(text, "ab ø ", "cd", byte(5))
	}
	f.Fuzz(func(t *testing.T, text, before, after string, how byte) {
		if text == "" || !utf8.ValidString(text) || !utf8.ValidString(before) || !utf8.ValidString(after) {
			return
		}
		// A combining mark after the text would become part of its last character.
		before, after = before+"|", "|"+after
		if strings.IndexFunc(text, func(r rune) bool { return norm.NFC.PropertiesString(string(r)).CCC() != 0 }) == 0 {
			return
		}
		whole := before + text + after
		if how&8 != 0 && !isASCII([]byte(text)) {
			whole = norm.NFD.String(whole)
		}
		data := []byte(`{"a":[` + writeJSON(whole, how) + `]}`)
		if err := Check(data, Limits{}); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		s := NewSearch(text)
		if !s.In(data) {
			t.Errorf("%q was not found in %s", text, data)
		}
		// A text longer than the JSON cannot be in it.
		if long := NewSearch(text + strings.Repeat("y", len(data)+1)); long.In(data) {
			t.Errorf("%s: found a longer text", data)
		}
		absent := "z" + text + "\u0142z"
		if !strings.Contains(norm.NFC.String(whole), norm.NFC.String(absent)) && !strings.Contains(string(data), absent) && NewSearch(absent).In(data) {
			t.Errorf("%q was found in %s", absent, data)
		}
	})
}

// writeJSON writes a string in one of the ways of JSON libraries.
func writeJSON(s string, how byte) string {
	if how&4 == 0 {
		b, _ := json.Marshal(s)
		if how&2 != 0 {
			b = []byte(strings.ReplaceAll(string(b), "/", `\/`))
		}
		return string(b)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s { // escapes characters beyond ASCII, or all of them
		if r < 0x80 && how&1 == 0 && r >= ' ' && r != '"' && r != '\\' {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func BenchmarkSearch(b *testing.B) {
	plain := []byte(`{"id":17,"text":"` + strings.Repeat("the quick brown fox ", 50) + `"}`)
	escaped := []byte(`{"id":17,"text":"` + strings.Repeat(`the quick br\u00f8wn fox `, 50) + `"}`)
	beyond := []byte(`{"id":17,"text":"` + strings.Repeat(`the quick brøwn fox `, 50) + `"}`)
	for _, c := range []struct {
		name, text string
		data       []byte
	}{{"plain", "lazy dog", plain}, {"plain-ø", "Søren", plain}, {"escaped", "lazy dog", escaped}, {"escaped-ø", "Søren", escaped}, {"beyond", "lazy dog", beyond}, {"beyond-ø", "Søren", beyond}} {
		b.Run(c.name, func(b *testing.B) {
			s := NewSearch(c.text)
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				if s.In(c.data) {
					b.Fatal("found")
				}
			}
		})
	}
}
