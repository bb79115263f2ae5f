package gate_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/gate"
)

// TestWaiting: calls wait for the verdict up to the deadline, those that repeat one of which the answer was lost as well,
// and no longer than there can be one.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(w http.ResponseWriter, _ []byte, _ int, _ *http.Request) {
			time.Sleep(3 * time.Second)
			io.WriteString(w, `{"decision":"reject"}`)
		})
		r.start()
		const body = `{"campaignId":1,"respondent":{}}`
		type result struct {
			gate.Received
			took time.Duration
		}
		call := func(key string) <-chan result {
			c := make(chan result, 1)
			go func() {
				begun := time.Now()
				got, err := r.receive(tenant, body, key)
				if err != nil {
					t.Errorf("receiving: %v", err)
				}
				c <- result{got, time.Since(begun)}
			}()
			return c
		}
		want := func(what string, got result, state gate.State, took time.Duration, duplicate bool) {
			t.Helper()
			if got.State != state || got.took != took || got.Duplicate != duplicate {
				t.Errorf("%s: got %s after %v, duplicate %t, want %s after %v, %t", what, got.State, got.took, got.Duplicate, state, took, duplicate)
			}
		}
		set := func(deadline time.Duration) {
			r.change(tenant, func(v *gate.View) { v.Mode, v.Deadline = gate.Decide, deadline })
		}

		set(20 * time.Second)
		first := call("a")
		time.Sleep(time.Second)
		second := call("a")
		want("the call", <-first, gate.Rejected, 3*time.Second, false)
		want("the same again meanwhile", <-second, gate.Rejected, 2*time.Second, true)
		want("the same again later", <-call("a"), gate.Rejected, 0, true)

		set(time.Second)
		first = call("b")
		time.Sleep(time.Millisecond)
		second = call("b")
		want("at the deadline", <-first, gate.Pending, time.Second, false)
		want("at the repetition's deadline", <-second, gate.Pending, time.Second, true)
		time.Sleep(5 * time.Second)
		want("after the deadline it went on", <-call("b"), gate.Rejected, 0, true)

		set(0)
		want("without a deadline", <-call("c"), gate.Pending, 0, false)
		time.Sleep(5 * time.Second)

		// Relay stops: nobody is kept waiting for what cannot come.
		set(20 * time.Second)
		first = call("d")
		time.Sleep(time.Second)
		r.gate.StopWaiting()
		want("while Relay stops", <-first, gate.Pending, time.Second, false)
		r.stop()
		r.start()
		time.Sleep(5 * time.Second)
		want("after the next start", <-call("d"), gate.Rejected, 0, true)
		r.stop()
		_ = r.endpoint.server.Close()
	})
}
