package catalogue

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFormats checks that values allowed by the standards fit, and that common mistakes do not.
func TestFormats(t *testing.T) {
	for format, tt := range map[string]struct{ fit, unfit []string }{
		"uri-template": {
			[]string{"https://api.github.com/users/o/events{/privacy}", "/issues{?page,per_page}", "/a{/b,c*}", "{+base}/x{#frag}", "dictionary/{term:1}/{term}", "http://example.com/dictionary", "", "{;x,y,empty}{&z}{.who}", "{a.b}{%41}", "{x:9999}", "it's"},
			[]string{"/a{b", "/a}b", "{}", "{a b}", "{/}", "{x:0}", "{x:12345}", "{x*:3}", "a b", "%4", "{a,}", "{a..b}", "{ö}", `"`},
		},
		"uri":                   {[]string{"https://example.com/a?b=c#d", "urn:isbn:0451450523", "http://a%20b.example/", "http://[::1]:80/", "http://[fe80::1%25en0]/", "mailto:a@b.c", "http://[v1.x:y]/", "tel:+1-816-555-1212", "http://u:p@h:/x"}, []string{"/a", "a", "://x", "http://[::x]/", "http://a:b/", "1a:b", "http://[::1/", "http://h/%zz"}},
		"uri-reference":         {[]string{"/a", "a/b", "", "?x", "#f", "//h/p", "https://h", "./a:b"}, []string{`\\a`, "http://[::x]/", "%zz"}},
		"iri":                   {[]string{"https://ø.example/æ?å#ü"}, []string{"æ"}},
		"email":                 {[]string{"a@b.c", `"a\"b"@example.com`, `"a b"@x.y`, "a+b/c@x", "a@[127.0.0.1]", "a@[IPv6:::1]"}, []string{"a", "@b", "a.@b", ".a@b", "a..b@c", "a b@c", "a@b c", "a@-b", `"a"b"@c`, "a@[1.2.3]", "a@[IPv6:1.2.3.4]"}},
		"relative-json-pointer": {[]string{"0", "1/a/b", "0#", "10/x~1y", "1-1/foo", "2+10#"}, []string{"", "-1", "01", "0##", "a", "1/~2", "0+", "0+0/a", "0+01"}},
		"json-pointer":          {[]string{"", "/a~1b", "/"}, []string{"a", "/~", "#/a"}},
		"date-time":             {[]string{"2026-05-05T14:23:00Z", "2026-05-05t14:23:00.123z", "1990-12-31T15:59:60-08:00", "2026-05-05T14:23:00+05:30"}, []string{"2026-05-05", "2026-02-30T00:00:00Z", "2026-05-05T14:23:00", "2026-05-05T24:00:00Z", "1990-12-31T15:59:61-08:00"}},
		"date":                  {[]string{"2024-02-29"}, []string{"2025-02-29", "1/2/2026"}},
		"time":                  {[]string{"14:23:00Z", "23:59:60Z", "08:30:06.283185Z"}, []string{"14:23", "24:00:00Z", "12:00:60Z"}},
		"duration":              {[]string{"P1Y2M3DT4H5M6S", "P4W", "PT36H", "P0D"}, []string{"P", "PT", "P1YT", "4W", "P1H"}},
		"hostname":              {[]string{"a", "a-b.example.com", "xn--4gbwdl.xn--wgbh1c", "1a", "a.", "A"}, []string{"", "-a", "a-", "a_b", "a..b", strings.Repeat("a", 64)}},
		"ipv4":                  {[]string{"127.0.0.1"}, []string{"256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4/8"}},
		"ipv6":                  {[]string{"::", "::1", "::ffff:1.2.3.4", "2001:db8::8a2e:370:7334"}, []string{"1.2.3.4", ":1", "fe80::1%eth0", "12345::"}},
		"uuid":                  {[]string{"325030D6-8135-4e55-82b3-272eab6e77e3"}, []string{"325030d681354e5582b3272eab6e77e3", "x"}},
		"regex":                 {[]string{"^a$", "(?!x)", "[^]", `\u00e6`, strings.Repeat("(", 2000)}, []string{"(", "[a", `\`}},
		"semver":                {[]string{"v1.2", "latest"}, nil}, // not a format of JSON Schema, so its author may mean anything
		"period":                {[]string{"2026-Q1"}, nil},
		"of their own":          {[]string{"anything"}, nil},
	} {
		typ := typeWith(t, `{"format":"`+format+`"}`)
		for _, v := range tt.fit {
			data, err := json.Marshal(v)
			check(t, err)
			if list := typ.Validate(data, nil); list != nil {
				t.Errorf("%s %.60q: got %v, want none", format, v, list)
			}
		}
		for _, v := range tt.unfit {
			data, err := json.Marshal(v)
			check(t, err)
			if list := typ.Validate(data, nil); len(list) != 1 || !strings.Contains(list[0].Message, format) {
				t.Errorf("%s %q: got %v, want a violation", format, v, list)
			}
		}
	}
}
