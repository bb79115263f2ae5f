package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestInside reaches a server within the program over no network, and by its name and http:// alone: not with a port, over
// TLS or under a name that looks like it, and nothing else is let through beside it.
func TestInside(t *testing.T) {
	conns := make(chan net.Conn)
	l := pipeListener{conns, make(chan struct{})}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Host", r.Host)
		w.Write(append(b, r.URL.Path...))
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	c := New(Options{Inside: map[string]func(context.Context) (net.Conn, error){
		"here.relay.internal": func(ctx context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			select {
			case conns <- far:
				return near, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}})
	t.Cleanup(c.Close)
	target, err := c.CheckURL(t.Context(), "http://here.relay.internal/a?b=c")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the second one over the connection that is there
		res, timing, fail := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: []byte("hello ")})
		if fail != nil {
			t.Fatal(fail)
		}
		if got := string(res.Body); got != "hello /a" || timing.Total <= 0 {
			t.Errorf("got %q in %v", got, timing.Total)
		}
	}
	for _, raw := range []string{
		"https://here.relay.internal/", "http://here.relay.internal:8080/", "http://here.relay.internal./", "http://HERE.relay.internal/",
		"http://there.relay.internal/", "http://x.here.relay.internal/", "http://127.0.0.1/", "http://example.com/", "http:here.relay.internal/",
		"http://a@here.relay.internal/", "http://here.relay.internal@127.0.0.1/",
	} {
		var refused *URLError
		if _, err := c.ParseURL(raw); !errors.As(err, &refused) {
			t.Errorf("ParseURL(%q) returned %v, want a refusal", raw, err)
		}
	}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.done); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "inside"} }
