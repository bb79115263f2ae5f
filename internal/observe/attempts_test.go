package observe_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/observe"
)

func webhookID(number uint32) string {
	return map[uint32]string{1: "wh_one", 2: "wh_two", 3: "wh_three"}[number]
}

func TestLineForEachAttempt(t *testing.T) {
	at := time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC)
	var b bytes.Buffer
	l := observe.NewAttemptLog(slog.New(slog.NewJSONHandler(&b, nil)), webhookID)
	l.Attempts([]*delivery.Attempt{
		{
			ID: 1 << 20, Tenant: 3, Event: 2 << 20, EventName: "secret-name", EventType: "call.completed", Webhook: 1, Number: 2, At: at, Outcome: delivery.Retrying,
			ErrorKind: exchange.Status, Error: "the endpoint answered 503", NextAt: at.Add(time.Minute),
			Request:  exchange.Request{URL: "https://example.com/?token=secret", Body: []byte("secret")},
			Response: &exchange.Response{Status: 503, Body: []byte("secret"), BodyBytes: 6},
			Timing:   exchange.Timing{Connect: 2 * time.Millisecond, FirstByte: 1500 * time.Microsecond, Total: 12 * time.Millisecond},
		},
		{ID: 3 << 20, Event: 2 << 20, Webhook: 1, Outcome: delivery.Expired},
		{ID: 4 << 20, Event: 2 << 20, Webhook: 9, Number: 1, Outcome: delivery.Delivered, At: at},
	})
	l.Close()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q, want a line for each of two attempts, and none for what ended without one", lines)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"msg": "attempt", "tenant": 3.0, "webhook": "wh_one", "type": "call.completed", "number": 2.0, "outcome": "retrying", "status": 503.0, "kind": "status",
		"answerBytes": 6.0, "at": "2026-05-05T14:23:00Z", "next": "2026-05-05T14:24:00Z", "ms": 12.0, "connectMs": 2.0, "firstByteMs": 1.5,
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	for _, prefix := range []string{`"attempt":"att_`, `"delivery":"whk_`, `"event":"evt_`} {
		if !strings.Contains(lines[0], prefix) {
			t.Errorf("got %s, want %s in it", lines[0], prefix)
		}
	}
	if strings.Contains(b.String(), "secret") {
		t.Errorf("got %s, want nothing of tenants' data", b.String())
	}
}

// A log that nobody reads delays no attempt: lines are lost, and counted.
func TestSlowLogLosesLines(t *testing.T) {
	r, w := io.Pipe() // whoever writes waits for us
	l := observe.NewAttemptLog(slog.New(slog.NewJSONHandler(w, nil)), webhookID)
	const all = 10_000
	for range all {
		l.Attempts([]*delivery.Attempt{{Webhook: 1, Outcome: delivery.Delivered}})
	}
	go func() { l.Close(); w.Close() }()
	written, lost := 0, 0
	for s := bufio.NewScanner(r); s.Scan(); {
		var line struct {
			Msg  string
			Lost int
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Msg == "attempt" {
			written++
		}
		lost += line.Lost
	}
	if lost == 0 || written+lost != all {
		t.Errorf("%d written, %d lost, want %d in all, and some lost", written, lost, all)
	}
}

func TestTopWebhooks(t *testing.T) {
	top := observe.NewTopWebhooks(2, webhookID)
	one := func(webhook uint32, o delivery.Outcome) *delivery.Attempt {
		return &delivery.Attempt{Webhook: webhook, Outcome: o, Timing: exchange.Timing{Total: time.Second}}
	}
	follower := one(1, delivery.Delivered)
	follower.Event, follower.Batch = 2, &delivery.Batch{Lead: 1}
	top.Attempts([]*delivery.Attempt{
		one(1, delivery.Delivered), one(2, delivery.Failed), one(2, delivery.Retrying), one(3, delivery.Delivered), one(3, delivery.Delivered), one(3, delivery.Delivered),
		one(9, delivery.Delivered), one(9, delivery.Delivered), one(9, delivery.Delivered), one(9, delivery.Delivered), // which is gone
		one(1, delivery.Expired), follower,
	})
	c := &counters{snapshot: idle()}
	got := page(t, observe.NewMetrics(observe.MetricsOptions{Engine: c, Ingester: c, Webhooks: top}))
	for _, want := range []string{
		`relay_webhook_attempts_total{outcome="delivered",webhook="wh_three"} 3`, `relay_webhook_attempts_total{outcome="failed",webhook="wh_two"} 1`,
		`relay_webhook_attempts_total{outcome="retrying",webhook="wh_two"} 1`, `relay_webhook_attempt_seconds_total{webhook="wh_three"} 3`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if strings.Contains(got, "wh_one") || strings.Count(got, "relay_webhook_attempts_total{") != 6 {
		t.Errorf("got %s\nwant the two busiest that exist", got)
	}
}
