package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/webhook"
)

// TestSimulation takes an engine on a real store through random lives: endpoints change their moods,
// deliveries are retried by hand, the engine is stopped and killed, all while events come. In the end every
// event has arrived at every endpoint, again only if it was in progress at a stop or a kill, and in
// order where that was asked for.
//
// A failure names its seed; RELAY_FAULT_SEED and RELAY_FAULT_SEEDS=1 repeat its choices. The
// scheduler's choices are not repeated, so a rare failure may need -count.
func TestSimulation(t *testing.T) {
	seeds := testenv.Count(t, "RELAY_FAULT_SEEDS", 6, 2)
	first := testenv.Seed(t)
	var sum testenv.Figures
	for n := range uint64(seeds) {
		t.Run(fmt.Sprint(first+n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newSimulation(t, first+n).run()
				sum.Faults += f.Faults
				sum.Accepted += f.Accepted
				sum.Lost += f.Lost
				sum.Repeated += f.Repeated
				sum.Duplicated += f.Duplicated
				sum.Inversions += f.Inversions
				sum.Overdue += f.Overdue
			})
		})
	}
	testenv.Report(t, sum)
	t.Logf("%d simulations: %+v", seeds, sum)
}

// simulation is one life of an engine.
type simulation struct {
	*rig
	t      *testing.T
	rng    *rand.Rand // of the plan
	store  *slowStore
	places []*place
	events []event.Event
	next   [5]int // of each key
	faults []fault
}

// fault is a time in which the engine lost what it had not recorded.
type fault struct{ from, until time.Time }

// place is a webhook with its endpoint.
type place struct {
	hook    *webhook.Webhook
	ordered bool

	mu         sync.Mutex // guards the fields below
	rng        *rand.Rand
	mood       mood
	next       [5]int
	visits     map[string][]visit // accepted, by event
	inversions []string
}

// visit is an accepted request for an event.
type visit struct{ begun, ended time.Time }

// mood is how an endpoint answers.
type mood int

const (
	moodWell mood = iota
	moodFailing
	moodBusy    // 429 with Retry-After
	moodSlow    // but in time
	moodHanging // never in time
	moodGone    // closes the connection
	moodCount
)

func newSimulation(t *testing.T, seed uint64) *simulation {
	return &simulation{t: t, rig: newRig(t), rng: rand.New(rand.NewPCG(seed, 7))}
}

func (s *simulation) run() (f testenv.Figures) {
	s.store = &slowStore{dead: new(atomic.Bool), recorded: new(atomic.Int64)}
	open := s.open
	s.open = func(ctx context.Context, log *slog.Logger) (rigStore, error) {
		inner, err := open(ctx, log)
		s.store.rigStore = inner
		copied := *s.store // the next life has other times
		return &copied, err
	}
	s.start()
	for range 1 + s.rng.IntN(4) {
		s.addPlace()
	}
	for range 30 {
		s.step()
	}
	return s.finish()
}

// addPlace creates a webhook with settings of any kind.
func (s *simulation) addPlace() {
	p := &place{rng: rand.New(rand.NewPCG(s.rng.Uint64(), 1)), visits: make(map[string][]visit)}
	ep := s.net.endpoint(nil)
	ep.setAnswer(func(n int, w http.ResponseWriter, r *http.Request) { p.serve(ep.requests()[n-1].body, w, r) })
	kind := s.rng.IntN(4)
	p.hook = s.webhook(ep, func(set *webhook.Settings) {
		set.Timeout = 2 * time.Second
		set.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}, MaxWait: time.Minute, MaxAge: 24 * time.Hour, RetryOn: []string{"other", "network", "timeout"}}
		switch kind {
		case 1:
			set.Ordering = webhook.OrderingFIFO
		case 2:
			set.Batch = &webhook.Batch{MaxEvents: 1 + s.rng.IntN(10), MaxWait: time.Second, MaxBytes: 1 << 20}
		case 3:
			set.RateLimit = &webhook.RateLimit{PerSecond: 5 + 20*s.rng.Float64(), Burst: 3}
		}
	})
	p.ordered = kind == 1
	s.places = append(s.places, p)
}

// step does one thing of the plan.
func (s *simulation) step() {
	ctx, system := context.Background(), access.System(event.DefaultTenant)
	p := s.places[s.rng.IntN(len(s.places))]
	switch n := s.rng.IntN(20); {
	case n < 8:
		var raw []string
		for range 1 + s.rng.IntN(12) {
			k := s.rng.IntN(len(s.next))
			raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":{"key":%d,"n":%d}}`, k, k, s.next[k]))
			s.next[k]++
		}
		s.events = append(s.events, s.publish(raw...)...)
	case n < 12:
		p.mu.Lock()
		p.mood = mood(s.rng.IntN(int(moodCount)))
		p.mu.Unlock()
	case n < 14:
		if len(s.events) > 0 { // one that is done is sent again only on demand; such a demand is refused
			ev := s.events[s.rng.IntN(len(s.events))]
			d := event.DeliveryID{Event: ev.ID, Webhook: p.hook.Number}
			if got, err := s.ledger.Delivery(ctx, ev.Tenant, d); err == nil && got.State == ledger.StateWaiting {
				_ = s.ledger.Retry(ctx, system, d) // it may have ended meanwhile
			}
		}
	case n < 16:
		s.interrupt(func() { s.stop() })
	case n < 18:
		from := time.Now()
		if s.rng.IntN(2) == 0 {
			// From here on no result is recorded: accepted events are in open intakes only.
			s.store.dead.Store(true)
			time.Sleep(time.Duration(s.rng.Int64N(int64(300 * time.Millisecond))))
		}
		s.interrupt(func() { s.kill(s.store.dead) })
		s.faults[len(s.faults)-1].from = from.Add(-time.Second) // results of the last second may not have been recorded yet
	}
	time.Sleep(time.Duration(s.rng.Int64N(int64(2 * time.Second))))
}

func (s *simulation) check(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// interrupt ends the engine and starts it again, with a store of another speed.
func (s *simulation) interrupt(end func()) {
	from := time.Now()
	end()
	s.faults = append(s.faults, fault{from: from, until: time.Now()})
	time.Sleep(time.Duration(s.rng.Int64N(int64(time.Second))))
	s.store.record, s.store.read = time.Duration(s.rng.Int64N(40))*time.Millisecond, time.Duration(s.rng.Int64N(20))*time.Millisecond
	s.start()
}

// serve answers a request as the endpoint's mood is.
func (p *place) serve(body []byte, w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	type message struct {
		Data struct{ Key, N int }
	}
	var list []message
	if err := json.Unmarshal(body, &list); err != nil {
		list = make([]message, 1)
		if err := json.Unmarshal(body, &list[0]); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	p.mu.Lock()
	if p.ordered {
		if d := list[0].Data; d.N > p.next[d.Key] {
			p.inversions = append(p.inversions, fmt.Sprintf("key %d: event %d came before event %d", d.Key, d.N, p.next[d.Key]))
		}
	}
	how, wait := p.mood, time.Duration(p.rng.Int64N(int64(1500*time.Millisecond)))
	p.mu.Unlock()
	switch how {
	case moodFailing:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case moodBusy:
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case moodHanging:
		<-r.Context().Done()
		return
	case moodGone:
		panic(http.ErrAbortHandler)
	case moodSlow:
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return // the engine has ended, and has no answer
		}
	}
	w.WriteHeader(http.StatusOK)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range list {
		p.next[m.Data.Key] = max(p.next[m.Data.Key], m.Data.N+1)
		id := fmt.Sprint(m.Data.Key, "-", m.Data.N)
		p.visits[id] = append(p.visits[id], visit{begun, time.Now()})
	}
}

// seen returns what the place accepted so far, and what it complains about.
func (p *place) seen() (visits map[string][]visit, inversions []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.visits), p.inversions
}

// finish lets everything arrive and checks it.
func (s *simulation) finish() testenv.Figures {
	for _, p := range s.places {
		p.mu.Lock()
		p.mood = moodWell
		p.mu.Unlock()
	}
	time.Sleep(2 * time.Hour)
	f, wrong := s.judge()
	for _, w := range wrong {
		s.t.Error(w)
	}
	s.end()
	return f
}

// judge compares the events with the visits, and returns a sentence for each difference.
func (s *simulation) judge() (f testenv.Figures, wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	f.Faults, f.Accepted = len(s.faults), len(s.events)
	seen := make(map[*place]map[string][]visit)
	for _, p := range s.places {
		visits, inversions := p.seen()
		seen[p] = visits
		f.Inversions += len(inversions)
		for _, w := range inversions {
			say("inversion: %s", w)
		}
	}
	for _, ev := range s.events {
		var data struct{ Key, N int }
		s.check("reading an event", json.Unmarshal(ev.Data, &data))
		id := fmt.Sprint(data.Key, "-", data.N)
		for _, p := range s.places {
			visits := seen[p][id]
			d := s.delivery(ev, p.hook)
			if len(visits) == 0 {
				f.Lost++
				say("lost: webhook %s never got event %s, which is %s (%s)", p.hook.ID, id, d.State, d.Reason)
			}
			if d.State != ledger.StateDelivered {
				f.Overdue++
				say("overdue: event %s at webhook %s is %s (%s) two hours later, want it delivered", id, p.hook.ID, d.State, d.Reason)
			}
			for i := 1; i < len(visits); i++ {
				if before := visits[i-1]; s.interrupted(before) {
					f.Repeated++
				} else {
					f.Duplicated++
					say("duplicate: webhook %s got event %s again at %v, which it had accepted at %v, with no stop or kill between", p.hook.ID, id, visits[i].begun, before.ended)
				}
			}
		}
	}
	return f, wrong
}

// TestSimulationComplains plants faults in a sound simulation, because one that never complains
// would pass TestSimulation.
func TestSimulationComplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1)
		s.store = &slowStore{dead: new(atomic.Bool), recorded: new(atomic.Int64)}
		s.start()
		defer s.end()
		s.addPlace()
		p := s.places[0]
		p.ordered = true
		s.events = s.publish(`{"type":"a","key":"k0","data":{"key":0,"n":0}}`, `{"type":"a","key":"k0","data":{"key":0,"n":1}}`)
		time.Sleep(time.Minute)
		sound, _ := p.seen()
		expect := func(name, want string) {
			t.Helper()
			if _, wrong := s.judge(); len(wrong) != min(1, len(want)) || want != "" && !strings.HasPrefix(wrong[0], want) {
				t.Errorf("%s: got %q, want a complaint …%s…", name, wrong, want)
			}
			p.visits, s.faults = maps.Clone(sound), nil
		}
		p.inversions = nil // it was not asked for order
		expect("sound", "")
		delete(p.visits, "0-1")
		expect("an event that did not arrive", "lost")
		late := visit{time.Now(), time.Now()}
		p.visits["0-0"] = append(slices.Clone(sound["0-0"]), late)
		expect("one that came twice", "duplicate")
		p.visits["0-0"] = append(slices.Clone(sound["0-0"]), late)
		s.faults = []fault{{from: sound["0-0"][0].ended, until: time.Now()}}
		expect("one that came twice, in progress at a kill", "")
		s.events = append(s.events, s.publish(`{"type":"a","deliverAt":"2000-01-10T00:00:00Z","data":{"key":0,"n":2}}`)...)
		p.visits["0-2"] = []visit{late}
		expect("one that waits", "overdue")
		s.events = s.events[:2]
		p.serve([]byte(`{"data":{"key":0,"n":7}}`), httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
		p.visits = maps.Clone(sound)
		expect("one before its time", "inversion")
	})
}

// interrupted reports whether the engine may have lost the result of a request.
func (s *simulation) interrupted(v visit) bool {
	for _, f := range s.faults {
		if !v.begun.After(f.until) && !v.ended.Before(f.from) {
			return true
		}
	}
	return false
}
