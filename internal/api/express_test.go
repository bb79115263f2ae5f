package api_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestExpressAnswersAsTheOrdinaryWay publishes both ways (a Relay-Tenant header is out of the ordinary) and wants the
// same answers.
func TestExpressAnswersAsTheOrdinaryWay(t *testing.T) {
	w := newWorld(t)
	const body = `{"type":"a.b","data":1,"id":"once","timestamp":"2026-05-05T14:23:00.000Z"}`
	w.do("POST", "/v1/events", body)
	short, long := w.do("POST", "/v1/events", body), w.do("POST", "/v1/events", body, "Relay-Tenant", "default")
	for _, a := range []answer{short, long} {
		for _, name := range []string{"Date", "X-Request-Id"} {
			if a.header.Get(name) == "" {
				t.Errorf("no header %s in %v", name, a.header)
			}
			a.header.Del(name)
		}
	}
	if short.status != long.status || string(short.body) != string(long.body) || !maps.EqualFunc(short.header, long.header, slices.Equal) {
		t.Errorf("the short way: %d %v %s\nthe ordinary one: %d %v %s", short.status, short.header, short.body, long.status, long.header, long.body)
	}
}

// TestExpressHandsOver sends several requests over one connection, pipelined, of which the short way serves some.
func TestExpressHandsOver(t *testing.T) {
	w := newWorld(t)
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	publish := func(body, key string) string {
		return fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			w.addr, key, len(body), body)
	}
	good := `{"type":"a.b","data":"` + strings.Repeat("x", 20_000) + `"}`
	requests := publish(good, adminKey) + publish(good, adminKey) + publish(`{"type":"a b","data":1}`, adminKey) +
		publish(good, adminKey) + "GET /v1/events?limit=1 HTTP/1.1\r\nHost: a\r\nApiKey: " + adminKey + "\r\n\r\n" + publish(good, "wrong")
	go func() {
		// In pieces that end where it hurts.
		for len(requests) > 0 {
			n := min(len(requests), 7001)
			io.WriteString(c, requests[:n])
			requests = requests[n:]
		}
	}()
	r := bufio.NewReader(c)
	for i, want := range []int{202, 202, 422, 202, 200, 401} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i+1, err)
		}
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != want {
			t.Errorf("answer %d: got %d, want %d", i+1, resp.StatusCode, want)
		}
	}
	if n := w.eventCount(); n != 3 {
		t.Errorf("stored: got %d events, want 3", n)
	}
}

// TestExpressRefusesWhatTheOrdinaryWayRefuses: a key without the scope, a revoked one, another content type.
func TestExpressRefusesWhatTheOrdinaryWayRefuses(t *testing.T) {
	w := newWorld(t)
	body := `{"type":"a.b","data":1}`
	for _, tc := range []struct {
		name    string
		status  int
		headers []string
	}{
		{"no key", 401, []string{"Authorization", ""}},
		{"another scheme", 401, []string{"Authorization", "Basic " + adminKey}},
		{"another type", 415, []string{"Content-Type", "text/plain"}},
		{"key too long", 400, []string{"Idempotency-Key", strings.Repeat("k", 257)}},
	} {
		if a := w.do("POST", "/v1/events", body, tc.headers...); a.status != tc.status {
			t.Errorf("%s: got %d %s, want %d", tc.name, a.status, a.body, tc.status)
		}
	}
	if n := w.eventCount(); n != 0 {
		t.Errorf("stored: got %d events, want none", n)
	}
}
