package egress

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var badFields = []Field{
	{"X", "b\r\nHost: evil"}, {"X", "b\nX: y"}, {"X", "b\x00c"}, {"X", "b\x7fc"}, {"X", "b\rc"}, {"X", "\x1b[0m"},
	{"X A", "v"}, {"X:", "v"}, {"", "v"}, {"X\n", "v"}, {"Xü", "v"}, {"(X)", "v"}, {":authority", "v"},
	{"Host", "evil"}, {"hOST", "evil"}, {"Content-Length", "0"}, {"content-length", "0"}, {"Transfer-Encoding", "chunked"},
	{"transfer-encoding", "chunked"}, {"Connection", "close"}, {"Upgrade", "h2c"}, {"TE", "trailers"}, {"te", "trailers"},
	{"Trailer", "X"}, {"Keep-Alive", "timeout=5"}, {"Proxy-Authorization", "x"}, {"Proxy-Connection", "x"},
	{"proxy-x", "x"}, {"Proxy-", "x"}, {"Expect", "100-continue"}, {"HTTP2-Settings", "x"},
}

var reservedFields = []Field{
	{"X-Relay-Event", "v"}, {"x-relay-anything", "v"}, {"webhook-id", "v"}, {"Webhook-Signature", "v"},
}

func TestCheckHeader(t *testing.T) {
	long := []Field{{strings.Repeat("a", maxFieldName+1), "v"}, {"X", strings.Repeat("a", maxFieldValue+1)}, {"X", " v"}, {"X", "v\t"}}
	for _, list := range [][]Field{badFields, reservedFields, long} {
		for _, f := range list {
			var he *HeaderError
			if err := CheckHeader(f.Name, f.Value); !errors.As(err, &he) {
				t.Errorf("CheckHeader(%q, %.40q): got %v, want a *HeaderError", f.Name, f.Value, err)
			} else if len(f.Value) > 3 && strings.Contains(err.Error(), f.Value) {
				t.Errorf("CheckHeader(%q, %.40q): got %q, want the value left out", f.Name, f.Value, err)
			}
		}
	}
	for _, f := range []Field{
		{"Authorization", "Bearer abc"}, {"X-Api-Key", ""}, {"X-Text", "a\tb ü"}, {"User-Agent", "mine"}, {"X-Relayed", "v"},
		{"webhooks", "v"}, {"X-Host", "v"}, {"Hosts", "v"}, {"Accept-Encoding", "gzip"}, {"Idempotency-Key", "k"},
		{strings.Repeat("a", maxFieldName), strings.Repeat("a", maxFieldValue)}, {"Upgrades", "x"}, {"Trailers", "x"},
	} {
		if err := CheckHeader(f.Name, f.Value); err != nil {
			t.Errorf("CheckHeader(%q, %.40q): got %v, want no error", f.Name, f.Value, err)
		}
	}
}

// What a transform or a token puts into a header never reaches a socket either.
func TestDoRefusesBadRequestsBeforeDialling(t *testing.T) {
	trap := canary(t)
	c := newClient(t, Options{Dev: true})
	target := mustParse(t, c, "http://127.0.0.1:"+trap.port+"/")
	reqs := []*Request{
		{Method: "POST"}, {Method: "", Target: target}, {Method: "GET / HTTP/1.1\r\nX:", Target: target},
	}
	for _, f := range badFields {
		reqs = append(reqs, &Request{Method: "POST", Target: target, Header: []Field{{"Content-Type", "text/plain"}, f}})
	}
	for _, req := range reqs {
		req.Timeout = time.Second
		if res, _, err := c.Do(t.Context(), req); res != nil || err == nil || err.Kind != KindRequest {
			t.Errorf("Do with method %q, header %q: got %v, %v, want kind %s", req.Method, req.Header, res, err, KindRequest)
		}
	}
	for _, f := range reservedFields {
		if err := checkField(f.Name, f.Value); err != nil {
			t.Errorf("checkField(%q): got %v, want Relay's own fields allowed", f.Name, err)
		}
	}
}
