package exchange_test

import (
	"reflect"
	"testing"

	"github.com/relay-events/relay/internal/exchange"
)

func TestImpliedFieldsAreThoseOfHTTP(t *testing.T) {
	own := exchange.Field{Name: "A", Value: "1"}
	for _, tt := range []struct {
		url  string
		body []byte
		want []exchange.Field
	}{
		{"https://example.com:8443/hook?x=1", []byte("ok"), []exchange.Field{{Name: "Host", Value: "example.com:8443"}, {Name: "Content-Length", Value: "2"}, own}},
		{"http://127.0.0.1?x", []byte{}, []exchange.Field{{Name: "Host", Value: "127.0.0.1"}, {Name: "Content-Length", Value: "0"}, own}},
		{"https://example.com/", nil, []exchange.Field{own}},
		{"kafka://cluster/topic", []byte("ok"), []exchange.Field{own}},
	} {
		r := exchange.Request{URL: tt.url, Header: []exchange.Field{own}, Body: tt.body}
		if r.AddImplied(); !reflect.DeepEqual(r.Header, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.url, r.Header, tt.want)
		}
	}
}

func TestValueIgnoresCase(t *testing.T) {
	fields := []exchange.Field{{Name: "retry-after", Value: "1"}, {Name: "Retry-After", Value: "2"}}
	if got := exchange.Value(fields, "Retry-After"); got != "1" {
		t.Errorf("got %q, want the first", got)
	}
	if got := exchange.Value(fields, "Date"); got != "" {
		t.Errorf("got %q for a field that is not there", got)
	}
}
