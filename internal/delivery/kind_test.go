package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// board is a kind of destination in memory: all there is of it is in this file and in rig.kinds. Webhooks name a board in
// their options; messages are pinned to it.
type board struct {
	mu     sync.Mutex
	pinned map[string][]pin
	opened map[string]int // senders not closed yet
	// answer returns the result of the nth message to a board, from 1; nil: done.
	answer func(n int, m *destination.Message) destination.Result
}

// pin is a message as a board holds it.
type pin struct {
	at     time.Time
	id     string
	number int
	events []string // the publisher's ids
	body   string
}

func newBoard() *board { return &board{pinned: make(map[string][]pin), opened: make(map[string]int)} }

type boardOptions struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Check implements destination.Kind.
func (b *board) Check(_ context.Context, s *webhook.Settings) error {
	var o boardOptions
	if err := json.Unmarshal(s.Destination.Options, &o); err != nil || o.Name == "" {
		return problem.InvalidField("destination.name", "must be given")
	}
	s.URL = "board://" + o.Name
	return nil
}

// Open implements destination.Kind.
func (b *board) Open(w *webhook.Webhook, _ destination.Sender) destination.Sender {
	var o boardOptions
	_ = json.Unmarshal(w.Destination.Options, &o) // it was checked
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened[o.Name]++
	return &boardSender{board: b, name: o.Name, password: o.Password}
}

type boardSender struct {
	board          *board
	name, password string
	once           sync.Once
}

func (s *boardSender) Target() exchange.Request {
	return exchange.Request{Method: "pin", URL: "board://" + s.name}
}

func (s *boardSender) Describe(*destination.Message) (exchange.Request, error) {
	r := s.Target()
	r.Header = []exchange.Field{{Name: "password", Value: "***"}}
	return r, nil
}

func (s *boardSender) Close() {
	s.once.Do(func() {
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		s.board.opened[s.name]--
	})
}

func (s *boardSender) Send(ctx context.Context, m *destination.Message) destination.Result {
	p := pin{at: time.Now(), id: m.ID, number: m.Number, body: string(m.Body)}
	for _, item := range m.Items {
		p.events = append(p.events, item.Event.Name)
	}
	s.board.mu.Lock()
	s.board.pinned[s.name] = append(s.board.pinned[s.name], p)
	n, answer := len(s.board.pinned[s.name]), s.board.answer
	s.board.mu.Unlock()
	r := destination.Result{Response: &exchange.Response{Header: []exchange.Field{{Name: "place", Value: fmt.Sprint(n)}}}}
	if answer != nil {
		r = answer(n, m)
	}
	if r.Request = s.Target(); ctx.Err() != nil {
		r.Class = destination.Interrupted
	}
	return r
}

func (b *board) pins(name string) []pin {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.pinned[name])
}

func (b *board) open(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened[name]
}

func (b *board) setAnswer(f func(n int, m *destination.Message) destination.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

// boardRig returns a started rig with boards.
func boardRig(t *testing.T) (*rig, *board) {
	r, b := newRig(t), newBoard()
	r.kinds = map[string]destination.Kind{"board": b}
	r.start()
	return r, b
}

// toBoard makes a webhook that delivers to a board.
func (r *rig) toBoard(name string, change ...func(*webhook.Settings)) *webhook.Webhook {
	r.t.Helper()
	options := fmt.Sprintf(`{"name":%q,"password":"s3cret"}`, name)
	return r.webhook(&endpoint{}, append([]func(*webhook.Settings){func(s *webhook.Settings) {
		s.Destination = webhook.Destination{Type: "board", Options: json.RawMessage(options)}
	}}, change...)...)
}

// names returns the events of all pins.
func names(pins []pin) (list []string) {
	for _, p := range pins {
		list = append(list, p.events...)
	}
	return list
}

// busy is the answer of a board that cannot bear more.
func busy(int, *destination.Message) destination.Result {
	return destination.Result{Class: destination.Overloaded, Reason: exchange.Status, Code: 503, Text: "the board is full"}
}

// TestKindOfDestination has a kind of destination that the engine does not know pass through all that the engine does.
func TestKindOfDestination(t *testing.T) {
	ctx := context.Background()
	t.Run("delivery, log and preview", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, b := boardRig(t)
			w := r.toBoard("a")
			if w.URL != "board://a" {
				t.Errorf("got the address %q", w.URL)
			}
			ev := r.publish(`{"id":"e1","type":"a","data":{"n":1}}`)[0]
			time.Sleep(time.Second)
			if got := b.pins("a"); len(got) != 1 || got[0].id != (event.DeliveryID{Event: ev.ID, Webhook: w.Number}).String() || !strings.Contains(got[0].body, `"n":1`) {
				t.Fatalf("got %+v", got)
			}
			log := r.attempts(w)
			if len(log) != 1 || log[0].Outcome != delivery.Delivered || log[0].Request.Method != "pin" || log[0].Request.URL != "board://a" ||
				log[0].Response.Header[0].Value != "1" || !strings.Contains(string(log[0].Request.Body), `"n":1`) {
				t.Errorf("got the log %+v", log)
			}
			list, err := r.ledger.Preview(ctx, w, []*event.Event{&ev})
			if err != nil || list[0].Request == nil || list[0].Request.Method != "pin" || list[0].Request.Header[0].Value != "***" {
				t.Errorf("preview: got %+v, %v", list, err)
			}
			if a, err := r.engine.Test(ctx, w, event.Event{Type: "a", Data: []byte("{}")}); err != nil || a.Outcome != delivery.Delivered {
				t.Errorf("test: got %+v, %v", a, err)
			}
			r.end()
		})
	})
	t.Run("retries by the policy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, b := boardRig(t)
			w := r.toBoard("a", func(s *webhook.Settings) {
				s.Retry = webhook.Retry{Attempts: 3, Waits: []time.Duration{time.Minute}, RetryOn: []string{"503"}}
			})
			b.setAnswer(busy)
			ev := r.publish(`{"id":"e1","type":"a","data":1}`)[0]
			time.Sleep(time.Hour)
			if d := r.delivery(ev, w); d.State != ledger.StateFailed || d.Attempts != 3 || d.Last.Error != "the board is full" {
				t.Errorf("got %+v, want it given up after the third attempt", d)
			}
			b.setAnswer(func(int, *destination.Message) destination.Result {
				return destination.Result{Class: destination.Unreachable, Reason: exchange.Timeout, Text: "no answer"}
			})
			ev = r.publish(`{"id":"e2","type":"a","data":1}`)[0]
			time.Sleep(time.Hour)
			if d := r.delivery(ev, w); d.State != ledger.StateFailed || d.Attempts != 1 {
				t.Errorf("got %+v, want one attempt: the policy does not name timeouts", d)
			}
			b.setAnswer(func(n int, m *destination.Message) destination.Result {
				if n == 5 {
					r := busy(n, m)
					r.After = 30 * time.Minute
					return r
				}
				return destination.Result{}
			})
			r.publish(`{"id":"e3","type":"a","data":1}`)
			time.Sleep(time.Hour)
			if got := b.pins("a"); len(got) != 6 || got[5].number != 2 || got[5].at.Sub(got[4].at) < 30*time.Minute || got[5].id != got[4].id {
				t.Errorf("got %+v, want the sixth half an hour after the fifth", got[4:])
			}
			r.end()
		})
	})
	t.Run("order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, b := boardRig(t)
			r.toBoard("a", func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
			b.setAnswer(func(n int, m *destination.Message) destination.Result {
				if n == 1 {
					return busy(n, m)
				}
				return destination.Result{}
			})
			for i := range 5 {
				r.publish(fmt.Sprintf(`{"id":"e%d","type":"a","key":"k","data":1}`, i))
			}
			time.Sleep(time.Hour)
			if got := names(b.pins("a")); !slices.Equal(got, []string{"e0", "e0", "e1", "e2", "e3", "e4"}) {
				t.Errorf("got %v, want the first one again and then the others in order", got)
			}
			r.end()
		})
	})
	t.Run("batches", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, b := boardRig(t)
			w := r.toBoard("a", inBatches(3, time.Second, 1<<20))
			b.setAnswer(func(n int, m *destination.Message) destination.Result {
				if n == 1 {
					return busy(n, m)
				}
				return destination.Result{}
			})
			r.publish(`{"id":"e1","type":"a","data":1}`, `{"id":"e2","type":"a","data":1}`, `{"id":"e3","type":"a","data":1}`)
			time.Sleep(time.Hour)
			got := b.pins("a")
			if len(got) != 2 || got[0].id != got[1].id || len(got[1].events) != 3 || got[0].body != got[1].body {
				t.Errorf("got %+v, want the same batch of three twice", got)
			}
			if log := r.attempts(w); len(log) != 2 || log[0].Batch == nil || log[0].Batch.Count != 3 {
				t.Errorf("got the log %+v", log)
			}
			r.end()
		})
	})
	t.Run("pause, change and restart", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, b := boardRig(t)
			w := r.toBoard("a")
			b.setAnswer(busy)
			r.publish(`{"id":"e1","type":"a","data":1}`)
			time.Sleep(time.Second)
			if _, err := r.hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if n := len(b.pins("a")); n != 1 {
				t.Errorf("paused: got %d messages, want the first alone", n)
			}
			b.setAnswer(nil)
			r.restart() // options are stored
			if _, err := r.hooks.Resume(ctx, access.System(w.Tenant), w.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if got := names(b.pins("a")); !slices.Equal(got, []string{"e1", "e1"}) {
				t.Errorf("resumed: got %v", got)
			}
			_, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
				s.Destination.Options = json.RawMessage(`{"name":"b"}`)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			r.publish(`{"id":"e2","type":"a","data":1}`)
			time.Sleep(time.Second)
			if got := names(b.pins("b")); !slices.Equal(got, []string{"e2"}) || b.open("a") != 0 || b.open("b") != 1 {
				t.Errorf("changed: got %v, and %d and %d open senders", got, b.open("a"), b.open("b"))
			}
			r.end()
			if n := b.open("b"); n != 0 {
				t.Errorf("stopped: %d senders are open", n)
			}
		})
	})
	t.Run("a server without the kind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, _ := boardRig(t)
			w := r.toBoard("a")
			r.stop()
			r.kinds = nil
			r.start()
			ev := r.publish(`{"id":"e1","type":"a","data":1}`)[0]
			time.Sleep(time.Second)
			if d := r.delivery(ev, w); d.State != ledger.StateWaiting || !strings.Contains(d.Reason, `no destination "board"`) {
				t.Errorf("got %+v, want a retry, and why", d)
			}
			s := webhook.Default()
			s.Destination.Type = "board"
			if _, err := r.hooks.Create(ctx, access.System(w.Tenant), s, ""); problem.KindOf(err) != problem.Invalid || !strings.Contains(err.Error(), "destination.type") {
				t.Errorf("creating one: got %v", err)
			}
			r.end()
		})
	})
}

// TestVerdictsPerItem: delivered and rejected items are settled, and the rest stays one batch.
func TestVerdictsPerItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := boardRig(t)
		w := r.toBoard("a", inBatches(4, time.Second, 1<<20), func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 3, Waits: []time.Duration{time.Minute}, RetryOn: []string{"timeout"}}
		})
		b.setAnswer(func(_ int, m *destination.Message) destination.Result {
			res := destination.Result{Code: 207, Text: "some failed"}
			for _, item := range m.Items {
				v := destination.Verdict{Outcome: destination.ItemDelivered}
				switch item.Event.Name {
				case "bad":
					v = destination.Verdict{Outcome: destination.ItemRejected, Text: "the number is not valid"}
				case "later1", "later2":
					if m.Number < 3 {
						v.Outcome = destination.ItemRetry
					}
				}
				res.Verdicts = append(res.Verdicts, v)
			}
			return res
		})
		events := r.publish(`{"id":"later1","type":"a","data":1}`, `{"id":"bad","type":"a","data":1}`, `{"id":"good","type":"a","data":1}`, `{"id":"later2","type":"a","data":1}`)
		time.Sleep(10 * time.Second)
		for i, want := range []ledger.State{ledger.StateWaiting, ledger.StateFailed, ledger.StateDelivered, ledger.StateWaiting} {
			if d := r.delivery(events[i], w); d.State != want {
				t.Errorf("%s after the first request: got %s (%s), want %s", events[i].Name, d.State, d.Reason, want)
			}
		}
		if d := r.delivery(events[1], w); d.Last.Error != "the number is not valid" {
			t.Errorf("got %q", d.Last.Error)
		}
		time.Sleep(time.Hour)
		got := b.pins("a")
		if len(got) != 3 || !slices.Equal(got[1].events, []string{"later1", "later2"}) || !slices.Equal(got[2].events, got[1].events) {
			t.Errorf("got %+v, want the two that were not accepted together again, twice", got)
		}
		for _, i := range []int{0, 3} {
			if d := r.delivery(events[i], w); d.State != ledger.StateDelivered || d.Attempts != 3 {
				t.Errorf("%s: got %s after %d attempts", events[i].Name, d.State, d.Attempts)
			}
		}
		if h := r.engine.Health(w); !h.FailingSince.IsZero() {
			t.Errorf("got health %+v: the destination answered well", h)
		}
		r.end()
	})
}

// TestBatchSplits: a batch that is refused as a whole for one of its items is halved until that one is alone, and all others
// are delivered, however few attempts the policy allows.
func TestBatchSplits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, bad = 64, 41
		r, b := boardRig(t)
		w := r.toBoard("a", inBatches(n, time.Second, 1<<20), func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{time.Minute}, RetryOn: []string{"400"}}
		})
		b.setAnswer(func(_ int, m *destination.Message) destination.Result {
			for _, item := range m.Items {
				if item.Event.Name == fmt.Sprintf("e%d", bad) {
					return destination.Result{Class: destination.Refused, Reason: exchange.Status, Code: 400, Text: "bad request", Split: true}
				}
			}
			return destination.Result{}
		})
		var raw []string
		for i := range n {
			raw = append(raw, fmt.Sprintf(`{"id":"e%d","type":"a","data":1}`, i))
		}
		events := r.publish(raw...)
		time.Sleep(10 * time.Minute)
		for i, ev := range events {
			want := ledger.StateDelivered
			if i == bad {
				want = ledger.StateFailed
			}
			if d := r.delivery(ev, w); d.State != want {
				t.Errorf("%s: got %s (%s), want %s", ev.Name, d.State, d.Reason, want)
			}
		}
		if got := len(b.pins("a")); got != 1+2*6 {
			t.Errorf("got %d requests, want one and two for each of the six halvings", got)
		}
		seen := make(map[string]bool)
		for _, p := range b.pins("a") {
			if seen[p.id] {
				t.Errorf("two batches have the id %s", p.id)
			}
			seen[p.id] = true
		}
		r.end()
	})
}

// sorter is a board whose senders make the messages themselves: a request carries events of one type only.
type sorter struct{ *board }

func (s sorter) Open(w *webhook.Webhook, before destination.Sender) destination.Sender {
	return sorterSender{s.board.Open(w, before)}
}

type sorterSender struct{ destination.Sender }

func (sorterSender) Compose(_ context.Context, m *destination.Message) error {
	for i := range m.Items {
		m.Items[i].Later = m.Items[i].Event.Type != m.Items[0].Event.Type
	}
	m.Body = []byte(m.Items[0].Event.Type)
	return nil
}

// TestComposerSortsBatches: items that a Composer leaves for later make requests of their own, and none waits for long.
func TestComposerSortsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := newRig(t), newBoard()
		r.kinds = map[string]destination.Kind{"board": sorter{b}}
		r.start()
		r.toBoard("a", inBatches(10, time.Second, 1<<20))
		var raw []string
		for i := range 20 {
			raw = append(raw, fmt.Sprintf(`{"id":"e%d","type":"%c","data":1}`, i, 'a'+i%3))
		}
		r.publish(raw...)
		time.Sleep(10 * time.Second)
		got := b.pins("a")
		for _, p := range got {
			for _, name := range p.events {
				var i int
				fmt.Sscanf(name, "e%d", &i)
				if p.body != string(rune('a'+i%3)) {
					t.Errorf("the request %q carries %s", p.body, name)
				}
			}
		}
		all := names(got)
		slices.Sort(all)
		if len(all) != 20 || len(slices.Compact(all)) != 20 || len(got) > 8 {
			t.Errorf("got %d events in %d requests, want 20, each once, in few", len(all), len(got))
		}
		r.end()
	})
}

// TestLimitOfTheDestination: an attempt that would be beyond the destination's own limit is made when that has passed, and
// does not count.
func TestLimitOfTheDestination(t *testing.T) {
	for _, batch := range []bool{false, true} {
		t.Run(fmt.Sprintf("batch %v", batch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, b := boardRig(t)
				var until time.Time
				b.setAnswer(func(int, *destination.Message) destination.Result {
					now := time.Now()
					if now.Before(until) {
						return destination.Result{Class: destination.Limited, After: until.Sub(now), Text: "2 a minute"}
					}
					until = now.Add(time.Minute)
					return destination.Result{}
				})
				w := r.toBoard("a", func(s *webhook.Settings) {
					if s.MaxConcurrency = 1; batch {
						s.Batch = &webhook.Batch{MaxEvents: 1, MaxWait: time.Second, MaxBytes: 1 << 20}
					}
				})
				events := r.publish(`{"id":"e1","type":"a","data":1}`, `{"id":"e2","type":"a","data":1}`, `{"id":"e3","type":"a","data":1}`)
				time.Sleep(10 * time.Minute)
				for _, ev := range events {
					if d := r.delivery(ev, w); d.State != ledger.StateDelivered || d.Attempts != 1 {
						t.Errorf("%s: got %s after %d attempts", ev.Name, d.State, d.Attempts)
					}
				}
				if n := len(b.pins("a")); n > 8 {
					t.Errorf("the board was asked %d times, want about once for each that waits", n)
				}
				r.end()
			})
		})
	}
}
