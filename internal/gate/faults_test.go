package gate_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/webhook"
)

// numberOf returns which respondent a payload is about.
func numberOf(body []byte) int {
	v, _ := rawjson.Pick(body, "custom", "n")
	n, _ := v.Int64()
	return int(n)
}

// The endpoint's answers to respondents, by their number.
const (
	changes = 5  // n%10: accepts with a change
	rejects = 4  // n%10
	hangs   = 16 // n%100: not at the first attempt's time
	garbles = 27 // n%100: then rejects
	breaks  = 38 // n%100: always
)

func faultyAnswer(w http.ResponseWriter, body []byte, attempt int, r *http.Request) {
	n := numberOf(body)
	switch {
	case n%100 == hangs && attempt == 1:
		<-r.Context().Done()
	case n%100 == garbles && attempt == 1:
		io.WriteString(w, "<html>accept</html>")
	case n%100 == garbles, n%10 == rejects:
		io.WriteString(w, `{"decision":"reject"}`)
	case n%100 == breaks:
		w.WriteHeader(http.StatusInternalServerError)
	case n%10 == changes:
		io.WriteString(w, `{"decision":"accept","respondent":{"title":"VIP"}}`)
	default:
		io.WriteString(w, `{"decision":"accept"}`)
	}
}

// faultTenants are three, of which each has another idea of what becomes of those about whom the endpoint could not be
// asked.
var faultTenants = map[event.TenantID]gate.OnFailure{1: gate.Hold, 2: gate.StoreThem, 3: gate.Discard}

func tenantOf(n int) event.TenantID { return event.TenantID(1 + n%3) }

func wantState(n int) gate.State {
	switch {
	case n%100 == garbles, n%10 == rejects:
		return gate.Rejected
	case n%100 == breaks && tenantOf(n) == 1:
		return gate.Held
	case n%100 == breaks && tenantOf(n) == 3:
		return gate.Discarded
	default:
		return gate.Stored
	}
}

// sendAs sends respondent n, with a key of the caller's in one of the two ways there are. Sending it again stores nothing
// twice.
func (r *rig) sendAs(n int) error {
	person := fmt.Sprintf(`"respondent":{"firstName":"P%d","phoneNumber":"+4512345678"},"custom":{"n":%d}`, n, n)
	if n%2 == 0 {
		_, err := r.receive(tenantOf(n), fmt.Sprintf(`{"campaignId":%d,%s}`, 1+n%7, person), fmt.Sprintf("k%d", n))
		return err
	}
	_, err := r.receive(tenantOf(n), fmt.Sprintf(`{"campaignId":%d,"id":"own-%d",%s}`, 1+n%7, n, person), "")
	return err
}

// send sends the respondents first to last-1 from 32 callers, and returns those whose call failed.
func (r *rig) send(first, last int) (failed []int) {
	var mu sync.Mutex
	var next atomic.Int64
	next.Store(int64(first))
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for n := int(next.Add(1)) - 1; n < last; n = int(next.Add(1)) - 1 {
				if r.sendAs(n) != nil {
					mu.Lock()
					failed = append(failed, n)
					mu.Unlock()
				}
			}
		})
	}
	callers.Wait()
	return failed
}

// TestEachEndsOnce sends 10,000 respondents through an endpoint that accepts, rejects, changes, hangs, answers garbage and
// is down for a while, and kills Relay three times meanwhile: each ends exactly once, as the endpoint and the settings say.
func TestEachEndsOnce(t *testing.T) {
	total := 10_000
	if testing.Short() || testenv.Race {
		total = 1000
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faultyAnswer)
		r.start()
		for tenant, then := range faultTenants {
			r.change(tenant, func(v *gate.View) {
				v.Mode, v.OnFailure = gate.Decide, then
				v.Endpoint.Timeout = time.Second
				v.Endpoint.Retry = webhook.Retry{Attempts: 20, InitialWait: 5 * time.Second, Factor: 2, MaxWait: 5 * time.Minute, MaxAge: 24 * time.Hour}
			})
		}
		quarter := total / 4
		var again []int
		// In the middle of it all: when a respondent was stored whose caller was not told, when one was decided whose
		// attempt was not recorded, and when attempts were recorded that nobody took note of.
		for k, what := range []string{"add", "move", "record"} {
			failed := make(chan []int, 1)
			r.store.dieOf(what, quarter/2)
			go func() { failed <- r.send(k*quarter, (k+1)*quarter) }()
			<-r.store.died
			r.kill()
			again = append(again, <-failed...)
			r.start()
		}
		r.endpoint.setDown(true)
		// A caller that got no answer sends again with the same key.
		again = append(again, r.send(3*quarter, total)...)
		for _, n := range again[:len(again)/2] {
			if err := r.sendAs(n); err != nil {
				t.Fatalf("sending %d again: %v", n, err)
			}
		}
		time.Sleep(time.Minute)
		r.endpoint.setDown(false)
		for _, n := range again {
			if err := r.sendAs(n); err != nil {
				t.Fatalf("sending %d again: %v", n, err)
			}
		}
		time.Sleep(3 * time.Hour)

		seen, ended := make(map[int]int), make(map[gate.State]int)
		for tenant := range faultTenants {
			for _, s := range gate.States {
				for _, row := range r.all(tenant, s) {
					n := numberOf(row.Payload)
					seen[n]++
					ended[s]++
					if s != wantState(n) || tenant != tenantOf(n) {
						t.Errorf("respondent %d is %s (%s) of tenant %d, want %s of %d", n, s, row.Reason, tenant, wantState(n), tenantOf(n))
					}
					accepted := s == gate.Stored && n%100 != breaks
					if vip := bytes.Contains(row.Payload, []byte(`"title":"VIP"`)); vip != (accepted && n%10 == changes) {
						t.Errorf("respondent %d: got %s", n, row.Payload)
					}
				}
			}
		}
		for n := range total {
			if seen[n] != 1 {
				t.Errorf("respondent %d is there %d times, want once", n, seen[n])
			}
		}
		if len(seen) != total {
			t.Errorf("got %d respondents, want %d", len(seen), total)
		}
		t.Logf("%d requests for %d respondents, which ended as %v; %d were sent again after a kill", r.endpoint.got, total, ended, len(again))
		for _, s := range []gate.State{gate.Stored, gate.Rejected, gate.Held, gate.Discarded} {
			if ended[s] == 0 {
				t.Errorf("nobody ended as %s", s)
			}
		}
		if len(again) == 0 {
			t.Error("no kill hit a respondent that was being received")
		}
		r.stop()
		_ = r.endpoint.server.Close()
	})
}

// accept is an endpoint that wants everybody.
func accept(w http.ResponseWriter, _ []byte, _ int, _ *http.Request) {
	io.WriteString(w, `{"decision":"accept"}`)
}

// TestLostEvent: a respondent whose event was never published, because Relay died in between, is asked about after the
// next start.
func TestLostEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, accept)
		r.start()
		r.change(tenant, func(v *gate.View) { v.Mode = gate.Decide })
		at := time.Now().UTC()
		lost := &gate.Respondent{Tenant: tenant, Campaign: 1, Source: "dixa", State: gate.Pending, Round: 1, Payload: []byte(`{"campaignId":1,"respondent":{}}`), LogKey: make([]byte, 16), CreatedAt: at}
		if err := r.store.RespondentWrite(ctx, []*gate.Change{{Add: lost}}); err != nil {
			t.Fatal(err)
		}
		r.kill()
		r.start()
		time.Sleep(time.Minute)
		if got := r.all(tenant, gate.Stored); len(got) != 1 || got[0].ID != lost.ID {
			t.Errorf("got %+v stored, want the one whose event was lost", got)
		}
		// One that gets lost while Relay runs is found, too.
		lost.ID = 0
		if err := r.store.RespondentWrite(ctx, []*gate.Change{{Add: lost}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if got := r.all(tenant, gate.Stored); len(got) != 2 {
			t.Errorf("got %d stored, want 2", len(got))
		}
		r.stop()
		_ = r.endpoint.server.Close()
	})
}

// TestRetryOnFullDisk: one that is asked about again by hand, while no event can be stored, is asked about when that works
// again.
func TestRetryOnFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var works atomic.Bool
		r := newRig(t, func(w http.ResponseWriter, _ []byte, _ int, _ *http.Request) {
			if !works.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			io.WriteString(w, `{"decision":"accept"}`)
		})
		r.start()
		r.change(tenant, func(v *gate.View) {
			v.Mode = gate.Decide
			v.Endpoint.Retry = webhook.Retry{Attempts: 1}
		})
		if _, err := r.receive(tenant, `{"campaignId":1,"respondent":{}}`, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		held := r.all(tenant, gate.Held)
		if len(held) != 1 {
			t.Fatalf("got %d held, want 1", len(held))
		}
		works.Store(true)
		r.store.full.Store(true)
		if _, err := r.gate.Retry(ctx, access.System(tenant), held[0].Public()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		r.store.full.Store(false)
		time.Sleep(2 * time.Minute)
		if got := r.all(tenant, gate.Stored); len(got) != 1 {
			t.Errorf("got %d stored, want the one that was retried", len(got))
		}
		r.stop()
		_ = r.endpoint.server.Close()
	})
}

// TestLongOutage: the gate's endpoint is never disabled; what it is not asked about in time is held.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, accept)
		r.start()
		r.change(tenant, func(v *gate.View) { v.Mode = gate.Decide })
		r.endpoint.setDown(true)
		for range 10 {
			if _, err := r.receive(tenant, `{"campaignId":1,"respondent":{}}`, ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
		}
		held := r.all(tenant, gate.Held)
		if len(held) != 10 || !strings.Contains(held[0].Reason, "could not be asked") {
			t.Fatalf("got %d held, want 10", len(held))
		}
		r.endpoint.setDown(false)
		for i := range held {
			if _, err := r.gate.Retry(ctx, access.System(tenant), held[i].Public()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if n := len(r.all(tenant, gate.Stored)); n != 10 {
			t.Errorf("got %d stored after they were retried, want 10", n)
		}
		r.stop()
		_ = r.endpoint.server.Close()
	})
}

// TestEraseOlderRecords: erasing a person finds records that earlier versions stored with another idea of what is the
// same address or number, in every state, and nobody else's.
func TestEraseOlderRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, accept)
		r.start()
		defer func() {
			r.stop()
			_ = r.endpoint.server.Close()
		}()
		add := func(state gate.State, email, phone, storedEmail, storedPhone string) event.ID {
			t.Helper()
			payload := fmt.Sprintf(`{"campaignId":1,"respondent":{"emailAddress":%q,"phoneNumber":%q}}`, email, phone)
			c := &gate.Respondent{
				Tenant: tenant, Campaign: 1, State: state, Payload: []byte(payload), Email: storedEmail, Phone: storedPhone, CreatedAt: time.Now(),
			}
			if err := r.store.RespondentWrite(ctx, []*gate.Change{{Add: c}}); err != nil {
				t.Fatal(err)
			}
			return c.ID
		}
		theirs := []event.ID{
			add(gate.Stored, "mailto:a@example.com", "", "mailto:a@example.com", ""),
			add(gate.Rejected, "A\u200b@Example.com", "", "a\u200b@example.com", ""),
			add(gate.Forwarded, "Anna <a@example.com>", "", "anna <a@example.com>", ""),
			add(gate.Discarded, "", "tel:+45 12345678", "", "tel:+4512345678"),
			add(gate.Stored, "", "＋４５１２３４５６７８", "", "＋４５１２３４５６７８"),
			add(gate.Stored, "a@example.com", "", "a@example.com", ""), // of this version
		}
		others := []event.ID{
			add(gate.Stored, "aa@example.com", "+45123456789", "aa@example.com", "+45123456789"),
			add(gate.Rejected, "", "", "", ""),
		}
		if n, err := r.gate.ErasePerson(ctx, access.System(tenant), "a@example.com", "+4512345678"); err != nil || n != len(theirs) {
			t.Errorf("got %d erased, %v, want %d", n, err, len(theirs))
		}
		for i, id := range append(theirs, others...) {
			if _, ok, err := r.store.RespondentGet(ctx, tenant, id); err != nil || ok != (i >= len(theirs)) {
				t.Errorf("record %d: there: %t, %v", i, ok, err)
			}
		}
	})
}
