package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
)

// TestLag: each delivery counts once, by how long after its time its first attempt began.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		quick, refusing := r.net.endpoint(nil), r.net.endpoint(status(500))
		r.webhook(quick)
		r.webhook(refusing) // five attempts, of which one counts
		r.publish(`{"type":"a","data":1,"deliverAt":"` + time.Now().Add(3*time.Hour).UTC().Format(time.RFC3339) + `"}`)
		time.Sleep(8 * time.Hour)
		if n := len(refusing.requests()); n != 5 {
			t.Fatalf("%d attempts at the endpoint that refuses, want 5", n)
		}
		var all int64
		s := r.engine.Snapshot()
		for i, n := range s.Lags {
			if all += n; n > 0 && i < len(delivery.LagBuckets) && delivery.LagBuckets[i] > 2.5 {
				t.Errorf("%d deliveries waited up to %v s, want none: the time until deliverAt does not count", n, delivery.LagBuckets[i])
			}
		}
		if all != 2 || s.LagSum > 5*time.Second {
			t.Errorf("%d first attempts after %v in all, want 2 after next to nothing", all, s.LagSum)
		}
		r.end()
	})
}
