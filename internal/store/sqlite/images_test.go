package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite/powercut"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/webhook"
)

// promise is what was answered at some moment of a run, and so must survive a power cut after it.
type promise struct {
	change   int // the tape's length at the answer
	events   int
	webhooks int
}

// TestPowerCutImages has the power fail at many moments while events are stored and delivered and
// the configuration is changed. On each image the store opens, and has all that was answered,
// unchanged and once, and nothing that was not published.
func TestPowerCutImages(t *testing.T) {
	images := testenv.Count(t, "RELAY_FAULT_IMAGES", 40, 12)
	rng := testenv.Random(t)
	tape := powercut.Record(t)
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	born := tape.Len()
	var (
		events   []event.Event
		intakes  []event.ID
		hooks    []*webhook.Webhook
		promises []promise
	)
	promised := func() {
		promises = append(promises, promise{change: tape.Len(), events: len(events), webhooks: len(hooks)})
	}
	ctx := context.Background()
	for i := range 150 {
		var items []ingest.Item
		for n := range 1 + rng.IntN(6) {
			items = append(items, storetest.Event(fmt.Sprintf("k%d-%d", i, n), "a", strings.Repeat(fmt.Sprint(i, n), 1+rng.IntN(400))))
		}
		for _, in := range storetest.MustAppend(t, s, storetest.Publication(items...)) {
			events = append(events, in.Events...)
			intakes = append(intakes, in.ID)
		}
		promised()
		switch i % 5 {
		case 0:
			r := &delivery.Record{Attempts: storetest.MakeAttempts(time.Now(), 10), Close: intakes[max(0, len(intakes)-5):]}
			r.Owe = []delivery.Owed{{Event: intakes[len(intakes)-1], Webhook: 1, Tenant: event.DefaultTenant, Due: time.Now(), Since: time.Now()}}
			if err := s.Record(ctx, r); err != nil {
				t.Fatal(err)
			}
		case 2:
			w := &webhook.Webhook{ID: webhook.NewID(), Tenant: event.DefaultTenant}
			w.URL = fmt.Sprintf("https://example.com/%d", i)
			if _, err := s.WebhookCreate(ctx, w, nil, nil); err != nil {
				t.Fatal(err)
			}
			hooks = append(hooks, w)
			promised()
		case 4:
			if err := s.keys.flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if i%40 == 39 { // checkpoints come behind writers; here they come while much is unsynced
			s.append.file.wakeCheckpointer()
		}
	}
	end := tape.Len()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	cuts := make([]int, images)
	for i := range cuts {
		switch cuts[i] = 1 + rng.IntN(end); i % 4 {
		case 0: // right after an answer
			cuts[i] = promises[rng.IntN(len(promises))].change
		case 1: // while the files are made
			cuts[i] = 1 + rng.IntN(born)
		}
	}
	slices.Sort(cuts)
	player := tape.Play()
	for i, cut := range cuts {
		player.To(cut)
		image := filepath.Join(t.TempDir(), fmt.Sprint("image", i))
		player.Cut(t, rng, dir, image)
		must := promise{}
		for _, p := range promises {
			if p.change <= cut {
				must = p
			}
		}
		if !checkImage(t, rng, image, must, events, hooks) {
			t.Fatalf("image %d: the power failed behind change %d of %d", i, cut, end)
		}
		if err := os.RemoveAll(image); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Report(t, testenv.Figures{Faults: images, Accepted: len(events)})
	t.Logf("%d images of %d changes, %d events, %d webhooks", images, end, len(events), len(hooks))
}

// checkImage opens a store after a power cut and reports whether it holds what it must.
func checkImage(t *testing.T, rng *rand.Rand, dir string, must promise, events []event.Event, hooks []*webhook.Webhook) bool {
	t.Helper()
	ctx := context.Background()
	s := openStore(t, dir)
	got := storetest.MustList(t, s, ingest.Query{Limit: 250})
	slices.Reverse(got)
	if len(got) < must.events {
		t.Errorf("got %d events, want at least the %d acknowledged", len(got), must.events)
	}
	for i, e := range got[:min(len(got), len(events))] {
		if e.ID != events[i].ID || string(e.Data) != string(events[i].Data) {
			t.Errorf("event %d is %d with %d bytes, want %d with %d", i, e.ID, len(e.Data), events[i].ID, len(events[i].Data))
		}
	}
	if len(got) > len(events) {
		t.Errorf("got %d events, only %d were published", len(got), len(events))
	}
	list, err := s.WebhookList(ctx)
	if err != nil || len(list) < must.webhooks {
		t.Errorf("got %d webhooks, %v, want at least %d", len(list), err, must.webhooks)
	}
	for _, w := range hooks[:must.webhooks] {
		if !slices.ContainsFunc(list, func(o *webhook.Webhook) bool { return o.ID == w.ID && o.URL == w.URL }) {
			t.Errorf("webhook %s is missing or changed", w.ID)
		}
	}
	// Idempotency keys are written behind their events, and made anew from them.
	for range min(5, must.events) {
		e := events[rng.IntN(must.events)]
		p := storetest.Publication(storetest.Event(e.Name, "a", string(e.Data)))
		if storetest.MustAppend(t, s, p); !p.Items[0].Duplicate || p.Items[0].Event.ID != e.ID {
			t.Errorf("publishing %q again: got duplicate %t of %d, want of %d", e.Name, p.Items[0].Duplicate, p.Items[0].Event.ID, e.ID)
		}
	}
	if err := s.IntakeOpen(ctx, func(delivery.Intake) error { return nil }); err != nil {
		t.Errorf("reading open intakes: %v", err)
	}
	if _, _, err := s.AttemptList(ctx, delivery.LogQuery{Tenant: event.DefaultTenant, Limit: 250}); err != nil {
		t.Errorf("reading the log: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	checkFiles(t, dir)
	return !t.Failed()
}
