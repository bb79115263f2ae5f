package webhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// slowNames is a URLChecker that takes its time for hosts whose name begins with "slow".
type slowNames struct {
	*egress.Client
	asked   chan string   // a host that is looked up
	release chan struct{} // one for each that may go on
	mu      sync.Mutex
	slow    bool
}

func (s *slowNames) CheckURL(_ context.Context, raw string) (egress.Target, error) {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	if slow && strings.Contains(raw, "//slow") {
		s.asked <- raw
		<-s.release
	}
	return s.ParseURL(raw)
}

// TestSlowNamesHoldUpNobodyElse: while the name in a change is looked up, other webhooks are changed, and this one, too; the
// change then holds for what the webhook has become.
func TestSlowNamesHoldUpNobodyElse(t *testing.T) {
	ctx := t.Context()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	client := egress.New(egress.Options{})
	t.Cleanup(client.Close)
	names := &slowNames{Client: client, asked: make(chan string, 10), release: make(chan struct{}, 10)}
	r, err := webhook.NewRegistry(ctx, store, names)
	if err != nil {
		t.Fatal(err)
	}
	create := func(url string) *webhook.Webhook {
		t.Helper()
		s := webhook.Default()
		s.URL = url
		w, err := r.Create(ctx, access.System(event.DefaultTenant), s, "")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	slow, other := create("https://slow.example.com/a"), create("https://quick.example.com/")
	names.mu.Lock()
	names.slow = true
	names.mu.Unlock()

	type result struct {
		w   *webhook.Webhook
		err error
	}
	update := func(w *webhook.Webhook, change func(*webhook.Settings)) <-chan result {
		done := make(chan result, 1)
		go func() {
			w, err := r.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { change(s); return nil })
			done <- result{w, err}
		}()
		return done
	}
	described := update(slow, func(s *webhook.Settings) { s.Description = "described" })
	<-names.asked
	if _, err := r.Pause(ctx, access.System(other.Tenant), other.ID); err != nil {
		t.Fatal(err)
	}
	if got := <-update(other, func(s *webhook.Settings) { s.Description = "b" }); got.err != nil {
		t.Fatal(got.err)
	}
	if err := r.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	moved := update(slow, func(s *webhook.Settings) { s.URL = "https://quick.example.com/moved" })
	if got := <-moved; got.err != nil || got.w.URL != "https://quick.example.com/moved" {
		t.Fatalf("a change that needs no slow name: got %+v, %v", got.w, got.err)
	}
	names.release <- struct{}{}
	if got := <-described; got.err != nil || got.w.Description != "described" || got.w.URL != "https://quick.example.com/moved" {
		t.Errorf("the change that waited: got %+v, %v; want it made on top of the other one", got.w, got.err)
	}

	// Overtaken again and again, it gives up.
	described = update(slow, func(s *webhook.Settings) { s.URL = strings.Replace(s.URL, "quick", "slow", 1) })
	for _, path := range []string{"1", "2", "3"} {
		<-names.asked
		if got := <-update(slow, func(s *webhook.Settings) { s.URL = "https://quick.example.com/" + path }); got.err != nil {
			t.Fatal(got.err)
		}
		names.release <- struct{}{}
	}
	if got := <-described; got.err == nil || !strings.Contains(got.err.Error(), "try again") {
		t.Errorf("overtaken three times: got %+v, %v; want a conflict", got.w, got.err)
	}
}

// TestSubscribe: everybody who asked is told of every change, in order.
func TestSubscribe(t *testing.T) {
	ctx := t.Context()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	client := egress.New(egress.Options{})
	t.Cleanup(client.Close)
	r, err := webhook.NewRegistry(ctx, store, client)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, name := range []string{"first", "second"} {
		r.Subscribe(func(old, new *webhook.Webhook) {
			told = append(told, fmt.Sprintf("%s %t %t", name, old != nil, new != nil))
		})
	}
	p := access.System(event.DefaultTenant)
	s := webhook.Default()
	s.URL = "https://example.com/"
	w, err := r.Create(ctx, p, s, "")
	if err == nil {
		_, err = r.Pause(ctx, p, w.ID)
	}
	if err == nil {
		err = r.Delete(ctx, p, w.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"first false true", "second false true", "first true true", "second true true", "first true false", "second true false"}
	if !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}
