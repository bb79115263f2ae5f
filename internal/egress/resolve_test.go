package egress

import (
	"errors"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	c := New(Options{})
	t.Cleanup(c.Close)
	type q = map[string]string
	for _, tt := range []struct {
		base, ref string
		query     q
		want      string // empty: refused
	}{
		{"https://example.com/hook?a=1", "", nil, "https://example.com/hook?a=1"},
		{"https://example.com/hook?a=1", "/orders/7", nil, "https://example.com/orders/7"},
		{"https://example.com/hook?a=1", "/orders?b=2", q{"c": "x y&z"}, "https://example.com/orders?b=2&c=x+y%26z"},
		{"https://example.com/hook?a=1&b=%20&a=2&c", "", q{"a": "3", "b": "é"}, "https://example.com/hook?c&a=3&b=%C3%A9"},
		{"https://example.com/hook", "", q{"#": "?"}, "https://example.com/hook?%23=%3F"},
		{"https://example.com/hook", "https://example.com/x", nil, "https://example.com/x"},
		{"https://example.com/hook", "HTTPS://EXAMPLE.com:443", nil, "https://example.com/"},
		{"https://example.com:8443/hook", "https://example.com:8443/x", nil, "https://example.com:8443/x"},
		{"https://example.com/hook", "/a/../../é", nil, "https://example.com/a/../../%C3%A9"},
		{"https://example.com/hook", "/%0d%0aHost:%20evil", nil, "https://example.com/%0d%0aHost:%20evil"},

		{"https://example.com/hook", "https://evil.example/x", nil, ""},
		{"https://example.com/hook", "//evil.example/x", nil, ""},
		{"https://example.com/hook", "https://example.com@evil.example/x", nil, ""},
		{"https://example.com/hook", "https://user:pw@example.com/x", nil, ""},
		{"https://example.com/hook", "https://example.com.evil.example/x", nil, ""},
		{"https://example.com/hook", "https://example.com:8443/x", nil, ""},
		{"https://example.com:8443/hook", "https://example.com/x", nil, ""},
		{"https://example.com/hook", "http://example.com/x", nil, ""},
		{"https://example.com/hook", "https:/example.com/x", nil, ""},
		{"https://example.com/hook", `https:\\evil.example`, nil, ""},
		{"https://example.com/hook", `/\evil.example`, nil, ""},
		{"https://example.com/hook", "orders", nil, ""},
		{"https://example.com/hook", "?a=1", nil, ""},
		{"https://example.com/hook", "/a#b", nil, ""},
		{"https://example.com/hook", "/a b", nil, ""},
		{"https://example.com/hook", "/a\r\nHost: evil", nil, ""},
		{"https://example.com/hook", "/%zz", nil, ""},
		{"https://example.com/hook", "/" + strings.Repeat("a", maxURL), nil, ""},
		{"https://example.com/hook", "", q{"a": strings.Repeat("a", maxURL)}, ""},
	} {
		base, err := c.ParseURL(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := base.Resolve(tt.ref, tt.query)
		var refused *URLError
		switch {
		case tt.want == "" && !errors.As(err, &refused):
			t.Errorf("%s resolve %q %v: got %q, %v; want a *URLError", tt.base, tt.ref, tt.query, got, err)
		case tt.want != "" && (err != nil || got.String() != tt.want):
			t.Errorf("%s resolve %q %v: got %q, %v; want %q", tt.base, tt.ref, tt.query, got, err, tt.want)
		case tt.want != "":
			if again, err := c.ParseURL(got.String()); err != nil || again.String() != got.String() || again.key != got.key {
				t.Errorf("ParseURL(%q): got %q, %v; want the same target", got, again, err)
			}
		}
	}
	if got, err := (Target{}).Resolve("/x", nil); err == nil {
		t.Errorf("of no target: got %q, want an error", got)
	}
}
