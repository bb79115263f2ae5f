package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// answering returns a server that sends the answer to each request, and then does more.
func answering(t *testing.T, answer string, more func(c net.Conn)) *server {
	return serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		for {
			if _, err := readRequest(c); err != nil {
				return
			}
			io.WriteString(c, answer)
			if more != nil {
				more(c)
				return
			}
		}
	})
}

// burst makes requests, so many at a time, and returns how many were answered.
func burst(ctx context.Context, c *Client, target Target, requests, atATime int64) (answered int64) {
	var begun, done atomic.Int64
	var wg sync.WaitGroup
	for range atATime {
		wg.Go(func() {
			for begun.Add(1) <= requests {
				if _, _, err := c.Do(ctx, &Request{Method: "POST", Target: target, Body: []byte("{}"), Timeout: 30 * time.Second}); err == nil {
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return done.Load()
}

// TestBurstToUnknownReceiver: a burst to a receiver that nothing is known about makes a bounded number of connections.
func TestBurstToUnknownReceiver(t *testing.T) {
	const watch, requests = time.Second, 6000
	for _, atATime := range []int64{1, 16, 64} {
		t.Run(fmt.Sprint(atATime), func(t *testing.T) {
			t.Parallel()
			s := answering(t, ok200, nil)
			c := newClient(t, Options{Dev: true, Probation: watch})
			target := mustParse(t, c, "http://127.0.0.1:"+s.port+"/")
			if n := burst(t.Context(), c, target, requests, atATime); n != requests {
				t.Errorf("got %d answers, want %d", n, requests)
			}
			// Those under way before the first answer, the bounded ones, and those under way after the watch.
			if got, most := s.accepts.Load(), maxUnproven+2*atATime; got > most {
				t.Errorf("got %d connections for %d requests, want %d at most", got, requests, most)
			}
		})
	}
}

// TestWatchHoldsUpNobody: where nothing can come of watching, no request waits for it. The watch lasts an hour here, so
// that one that waited would not come back.
func TestWatchHoldsUpNobody(t *testing.T) {
	const requests = 2*maxUnproven + 100
	for name, answer := range map[string]string{
		"closes":            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"ends with the end": "HTTP/1.1 200 OK\r\n\r\nok",
		"sends too much":    ok200 + "and more",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := answering(t, answer, func(net.Conn) {})
			c := newClient(t, Options{Dev: true, Probation: time.Hour})
			if n := burst(t.Context(), c, mustParse(t, c, "http://127.0.0.1:"+s.port+"/"), requests, 8); n != requests {
				t.Errorf("got %d answers, want %d", n, requests)
			}
		})
	}
}

// TestUnclearWatch: a receiver that closes its connections early, so that watching them shows nothing, is waited for once.
func TestUnclearWatch(t *testing.T) {
	const requests = 3 * maxUnproven
	s := answering(t, ok200, func(net.Conn) {})
	c := newClient(t, Options{Dev: true, Probation: 200 * time.Millisecond})
	target := mustParse(t, c, "http://127.0.0.1:"+s.port+"/")
	if n := burst(t.Context(), c, target, requests, 8); n != requests {
		t.Errorf("got %d answers, want %d", n, requests)
	}
	c.pool.mu.Lock()
	h := c.pool.hosts[(&Request{Target: target}).poolKey()]
	unclear := h.unclear
	c.pool.mu.Unlock()
	if !unclear || c.pool.hold((&Request{Target: target}).poolKey()) != nil {
		t.Errorf("got unclear %t and requests that wait, want true and none", unclear)
	}
}

// TestWaitingEnds: a request that waits for the end of a watch ends with its caller, and with the client.
func TestWaitingEnds(t *testing.T) {
	for name, end := range map[string]func(cancel context.CancelFunc, c *Client){
		"caller": func(cancel context.CancelFunc, _ *Client) { cancel() },
		"client": func(_ context.CancelFunc, c *Client) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := answering(t, ok200, nil)
			c := newClient(t, Options{Dev: true, Probation: time.Hour})
			target := mustParse(t, c, "http://127.0.0.1:"+s.port+"/")
			if n := burst(t.Context(), c, target, maxUnproven+1, 1); n != maxUnproven+1 {
				t.Fatalf("got %d answers, want %d", n, maxUnproven+1)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			failed := make(chan *Error, 1)
			go func() {
				_, _, err := c.Do(ctx, &Request{Method: "POST", Target: target, Timeout: 30 * time.Second})
				failed <- err
			}()
			for waiting := false; !waiting; time.Sleep(time.Millisecond) {
				c.pool.mu.Lock()
				waiting = c.pool.hosts[(&Request{Target: target}).poolKey()].decided != nil
				c.pool.mu.Unlock()
			}
			end(cancel, c)
			if err := <-failed; err == nil || err.Kind != KindCanceled {
				t.Errorf("got %v, want kind %s", err, KindCanceled)
			}
		})
	}
}
