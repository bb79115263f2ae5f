package egress

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var badFields = []Field{
	{Name: "X", Value: "b\r\nHost: evil"}, {Name: "X", Value: "b\nX: y"}, {Name: "X", Value: "b\x00c"}, {Name: "X", Value: "b\x7fc"}, {Name: "X", Value: "b\rc"}, {Name: "X", Value: "\x1b[0m"},
	{Name: "X A", Value: "v"}, {Name: "X:", Value: "v"}, {Name: "", Value: "v"}, {Name: "X\n", Value: "v"}, {Name: "Xü", Value: "v"}, {Name: "(X)", Value: "v"}, {Name: ":authority", Value: "v"},
	{Name: "Host", Value: "evil"}, {Name: "hOST", Value: "evil"}, {Name: "Content-Length", Value: "0"}, {Name: "content-length", Value: "0"}, {Name: "Transfer-Encoding", Value: "chunked"},
	{Name: "transfer-encoding", Value: "chunked"}, {Name: "Connection", Value: "close"}, {Name: "Upgrade", Value: "h2c"}, {Name: "TE", Value: "trailers"}, {Name: "te", Value: "trailers"},
	{Name: "Trailer", Value: "X"}, {Name: "Keep-Alive", Value: "timeout=5"}, {Name: "Proxy-Authorization", Value: "x"}, {Name: "Proxy-Connection", Value: "x"},
	{Name: "proxy-x", Value: "x"}, {Name: "Proxy-", Value: "x"}, {Name: "Expect", Value: "100-continue"}, {Name: "HTTP2-Settings", Value: "x"},
}

var reservedFields = []Field{
	{Name: "X-Relay-Event", Value: "v"}, {Name: "x-relay-anything", Value: "v"}, {Name: "webhook-id", Value: "v"}, {Name: "Webhook-Signature", Value: "v"},
}

func TestCheckHeader(t *testing.T) {
	long := []Field{{Name: strings.Repeat("a", maxFieldName+1), Value: "v"}, {Name: "X", Value: strings.Repeat("a", maxFieldValue+1)}, {Name: "X", Value: " v"}, {Name: "X", Value: "v\t"}}
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
		{Name: "Authorization", Value: "Bearer abc"}, {Name: "X-Api-Key", Value: ""}, {Name: "X-Text", Value: "a\tb ü"}, {Name: "User-Agent", Value: "mine"}, {Name: "X-Relayed", Value: "v"},
		{Name: "webhooks", Value: "v"}, {Name: "X-Host", Value: "v"}, {Name: "Hosts", Value: "v"}, {Name: "Accept-Encoding", Value: "gzip"}, {Name: "Idempotency-Key", Value: "k"},
		{Name: strings.Repeat("a", maxFieldName), Value: strings.Repeat("a", maxFieldValue)}, {Name: "Upgrades", Value: "x"}, {Name: "Trailers", Value: "x"},
	} {
		if err := CheckHeader(f.Name, f.Value); err != nil {
			t.Errorf("CheckHeader(%q, %.40q): got %v, want no error", f.Name, f.Value, err)
		}
	}
}

// Invalid headers of a transform or a token never reach a socket either.
func TestDoRefusesBadRequestsBeforeDialling(t *testing.T) {
	trap := canary(t)
	c := newClient(t, Options{Dev: true})
	target := mustParse(t, c, "http://127.0.0.1:"+trap.port+"/")
	reqs := []*Request{
		{Method: "POST"}, {Method: "", Target: target}, {Method: "GET / HTTP/1.1\r\nX:", Target: target},
	}
	for _, f := range badFields {
		reqs = append(reqs, &Request{Method: "POST", Target: target, Header: []Field{{Name: "Content-Type", Value: "text/plain"}, f}})
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
