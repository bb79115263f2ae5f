package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/receiver"
)

// TestListenLosesNothing interrupts the listener again and again, while every second request to the
// server is lost and the program that receives refuses some events: each event arrives, its first
// arrivals are in order, and its signature is right.
func TestListenLosesNothing(t *testing.T) {
	url, _ := scriptServer(t)
	var n atomic.Int32
	flaky := httptest.NewServer(flakyProxy(url, &n))
	defer flaky.Close()
	env := map[string]string{"RELAY_URL": flaky.URL, "RELAY_KEY": operatorKey, "HOME": t.TempDir()}
	code, secret, stderr := script(env, nil, "listen", "--print-secret")
	if code != 0 {
		t.Fatalf("listen --print-secret: exit code %d, %s", code, stderr)
	}
	rc, err := receiver.New(receiver.Config{Secrets: []string{strings.TrimSpace(secret)}})
	if err != nil {
		t.Fatal(err)
	}

	const events, interruptEvery = 120, 25
	var (
		mu    sync.Mutex
		order []int
		seen  = make(map[int]bool)
		ids   = make(map[string]int)
		calls int
		stop  chan os.Signal
	)
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := rc.Verify(r.Header, body); err != nil {
			t.Errorf("the signature of %s: %v", body, err)
		}
		var e struct {
			WebhookID string
			Data      struct{ N int }
		}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable) // comes again
			return
		}
		if was, ok := ids[e.WebhookID]; ok && was != e.Data.N {
			t.Errorf("webhookId %q: got the events %d and %d", e.WebhookID, was, e.Data.N)
		}
		ids[e.WebhookID] = e.Data.N
		if seen[e.Data.N] {
			return
		}
		seen[e.Data.N] = true
		order = append(order, e.Data.N)
		if len(order)%interruptEvery == 0 || len(order) == events {
			select {
			case stop <- syscall.SIGTERM:
			default:
			}
		}
	}))
	defer program.Close()

	c, err := client.New(client.Options{URL: url, Key: operatorKey})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(i int, eventType string) {
		t.Helper()
		if _, err := c.Publish(context.Background(), client.NewEvent{Type: eventType, Data: map[string]int{"n": i}}); err != nil {
			t.Fatal(err)
		}
	}
	publish(-1, "listen.early") // before the first start: --since 1h asks for it, and no pattern does
	args := []string{"listen", "--forward", "listen.a=" + program.URL + "/a", "--since", "1h"}
	for i := range events / 2 {
		publish(i, "listen.a")
	}
	deadline := time.Now().Add(time.Minute)
	for next := events / 2; ; {
		mu.Lock()
		done := len(order) == events
		stop = make(chan os.Signal, 1)
		signals := stop
		mu.Unlock()
		if done {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d of %d events in a minute", len(order), events)
		}
		for range min(events-next, events/8) { // while no listener runs
			publish(next, "listen.a")
			next++
		}
		code, _, stderr := script(env, signals, args...)
		if code != 0 {
			t.Fatalf("listen: exit code %d, %s", code, stderr)
		}
		if !strings.Contains(stderr, "connecting to") || !strings.Contains(stderr, "connected to") {
			t.Errorf("standard error: got %q, want that it says connecting and connected", stderr)
		}
		args = slices.Clone(args[:3]) // the later starts continue at the position
	}
	want := make([]int, events)
	for i := range want {
		want[i] = i
	}
	if !slices.Equal(order, want) {
		t.Errorf("first arrivals: got %v, want the order of acceptance", order)
	}
	if len(ids) != events {
		t.Errorf("got %d ids of %d events, want one each", len(ids), events)
	}
}

func TestListenRefuses(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir(), "RELAY_KEY": operatorKey}
	for args, want := range map[string]string{
		"":                                  "--forward must be given",
		"--forward http://localhost:3000":   "must be types=url",
		"--forward a.*=localhost:3000":      "must end in an address",
		"--forward a.*=ftp://x":             "must end in an address",
		"--forward *=http://x --name ../up": "--name must be a plain word",
		"--forward *=http://x --since soon": "--since must be a time",
	} {
		code, _, stderr := script(env, nil, append([]string{"listen"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("listen %s: got exit code %d and %q, want %d and %q", args, code, stderr, exitUsage, want)
		}
	}
	if got := fmt.Sprint(parseForward("a.*=http://h/x?b=c")); got != "{a.* http://h/x?b=c} <nil>" {
		t.Errorf("an address with a query: got %s", got)
	}
}
