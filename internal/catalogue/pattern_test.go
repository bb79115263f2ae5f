package catalogue

import (
	"strings"
	"testing"
)

// TestPatterns checks that patterns follow ECMA-262, and that patterns that RE2 cannot express are
// left unchecked, with the place and the reason.
func TestPatterns(t *testing.T) {
	for _, tt := range []struct{ pattern, fit, unfit, unchecked string }{
		{`^[a-z]+$`, "abc", "Abc", ""},
		{`^(?!foo)[a-z]+$`, "", "", "look-ahead"},
		{`(?=.*[0-9])x`, "", "", "look-ahead"},
		{`(?<=a)b`, "", "", "look-behind"},
		{`(?<!a)b`, "", "", "look-behind"},
		{`^(a|b)\1$`, "", "", "back-references"},
		{`^(?<x>a)\k<x>$`, "", "", "back-references"},
		{`^.{1,2000}$`, strings.Repeat("é", 2000), strings.Repeat("é", 2001), ""},
		{`^.{1,2000}$`, "a", "", ""},
		{`^.{1,2000}$`, "a", "a\nb", ""},
		{`^[\s\S]{2,}$`, "\n\n", "\n", ""},
		{`^[^"]{1500}$`, strings.Repeat("x", 1500), strings.Repeat("x", 1499), ""},
		{`^\d{3,1200}$`, "123", "12a", ""},
		{`^(a{1,1500}){2}$`, "", "", "1,000"},
		{`^\u00e6$`, "æ", "u00e6", ""},
		{`^\ud83d\ude00$`, "😀", "x", ""},
		{`^\u{1F600}$`, "😀", "x", ""},
		{`[\ud800-\udbff]`, "", "", "surrogates"},
		{`^a[^]b$`, "a\nb", "ab", ""},
		{`^[]$`, "", "x", ""},
		{`^\cA\x41\0$`, "\x01A\x00", "cA", ""},
		{`^\p{Script=Greek}+$`, "αβγ", "abc", ""},
		{`^\p{sc=Latin}+$`, "abc", "αβγ", ""},
		{`^[\p{Lowercase_Letter}\p{gc=Nd}]+$`, "é1", "É", ""},
		{`^\P{L}$`, "1", "a", ""},
		{`^\p{Script=Klingon}$`, "", "", "Klingon"},
		{`^\p{Emoji}$`, "", "", "Emoji"},
		{`^\s\S$`, "\u00a0x", "x\u00a0", ""},
		{`^[\w-.]+@x$`, "a-b.c@x", "a b@x", ""},
		{`^[a-z\d-]+$`, "a-1", "A", ""},
		{`^[[a]+$`, "[a", "b", ""},
		{`^a{,3}$`, "a{,3}", "aaa", ""},
		{`^a{2}{x}$`, "aa{x}", "aa", ""},
		{`^\/\_\-\e$`, "/_-e", "x", ""},
		{`^\$\{x\}$`, "${x}", "x", ""},
		{`^.$`, "x", "\u2028", ""},
		{`(?i)^abc$`, "ABC", "x", ""}, // RE2 syntax that earlier versions accepted
		{`\Aabc\z`, "abc", "abcd", ""},
		{`^(?<year>\d{4})$`, "2026", "x", ""},
		{`^(a{1,300}){3}$`, "", "", "instructions"},
	} {
		p, err := new(patterns).compile(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if tt.unchecked != "" {
			if !strings.Contains(p.unchecked, strings.ReplaceAll(tt.unchecked, ",", "")) && !strings.Contains(p.unchecked, tt.unchecked) || !p.MatchString("anything") {
				t.Errorf("%s: got unchecked %q, want it for %s", tt.pattern, p.unchecked, tt.unchecked)
			}
			continue
		}
		if p.unchecked != "" || !p.MatchString(tt.fit) && tt.fit != "" || p.MatchString(tt.unfit) {
			t.Errorf("%s: unchecked %q, matches %.20q: %v, matches %.20q: %v; want true and false", tt.pattern, p.unchecked, tt.fit, p.MatchString(tt.fit), tt.unfit, p.MatchString(tt.unfit))
		}
	}
	for _, bad := range []string{`(`, `a)`, `[a`, `*a`, `a{2,1}`, `\`, `(?!a`, `[z-a]`, `a**`, "\xff", `(?<n>a`} {
		if _, err := new(patterns).compile(bad); err == nil || strings.Contains(err.Error(), "(?:") {
			t.Errorf("%q: got %v, want it refused in its author's terms", bad, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{`^(?!a)[\w-.]{1,2000}$`, `[^]\cA\u{1F600}\p{Script=Greek}`, `[[:alpha:]-\d]{3}`, `^[\]]{101,}$`, `\Q(\E`, `(?i:a)|b*?`} {
		f.Add(s, "text")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := new(patterns).compile(pattern)
		if err != nil || p.unchecked != "" {
			return
		}
		if p.re == nil {
			t.Fatal("neither compiled nor unchecked")
		}
		p.MatchString(text)
		_ = matching(pattern, 5)
	})
}

// TestUncheckedPatterns checks that a schema with unsupported patterns is accepted and lists them.
func TestUncheckedPatterns(t *testing.T) {
	typ := &Type{Name: "a", Schema: []byte(`{"properties":{"n/a":{"type":"string","pattern":"^(?!foo)[a-z]+$","maxLength":3},"pattern":{"type":"integer"}},
		"patternProperties":{"(?<=x)y":{"type":"integer"},"^z":{"type":"integer"}},"default":{"pattern":"("}}`), AttributesSchema: []byte(`{"propertyNames":{"pattern":"(a)\\1"}}`)}
	check(t, typ.normalize())
	var got []string
	for _, u := range typ.Unchecked() {
		got = append(got, u.Path+": "+u.Reason)
	}
	want := "schema#/patternProperties/(?<=x)y: look-behind is not supported\nschema#/properties/n~1a/pattern: look-ahead is not supported\nattributesSchema#/propertyNames/pattern: back-references are not supported"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	list := typ.Validate([]byte(`{"n/a":"food","xy":"not an integer","z":"1","pattern":1}`), []byte(`{"ab":1}`))
	if len(list) != 2 || list[0].Path != "data.z" && list[1].Path != "data.z" {
		t.Errorf("got %v, want only the rest of the schema violated", list)
	}
	bad := &Type{Name: "a", Schema: []byte(`{"properties":{"b":{"pattern":"("}}}`)}
	if err := bad.normalize(); err == nil || !strings.Contains(err.Error(), "#/properties/b/pattern") || !strings.Contains(err.Error(), "missing closing )") {
		t.Errorf("a broken pattern: got %v, want its place and what is wrong", err)
	}
}

// TestManyPatternsAreBounded checks that the patterns of a schema are limited together, and that
// equal ones count once.
func TestManyPatternsAreBounded(t *testing.T) {
	var equal, different strings.Builder
	for i := range 200 {
		equal.WriteString(`"a` + strings.Repeat("x", i) + `":{"pattern":"^a{1,200}b$"},`)
		different.WriteString(`"a` + strings.Repeat("x", i) + `":{"pattern":"^a{1,200}` + strings.Repeat("x", i) + `$"},`)
	}
	for text, want := range map[string]bool{equal.String(): false, different.String(): true} {
		typ := typeWith(t, `{"properties":{`+text+`"z":{}}}`)
		if got := typ.Unchecked(); (len(got) > 0) != want || want && !strings.Contains(got[0].Reason, "together") {
			t.Errorf("got %d unchecked patterns, want some: %v", len(got), want)
		}
	}
}
