package bench

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestGateAddsLittle compares a call that waits for the verdict with a direct call of the endpoint
// at the same time, because on a busy machine both take long. "relay bench --case gate" measures
// the figure itself.
func TestGateAddsLittle(t *testing.T) {
	o := Default()
	o.Duration, o.Dir, o.Log = time.Second, t.TempDir(), io.Discard
	var err error
	if o.Executable, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	l, err := newLab(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	err = l.on(t.Context(), func(ctx context.Context, s *server) error {
		// Other tests come and go: one calm run out of a few suffices.
		for try := 1; ; try++ {
			direct, added, err := l.gate(ctx, s)
			if err != nil {
				return err
			}
			t.Logf("added to the endpoint's own time: directly p50 %v, p99 %v; through the gate p50 %v, p99 %v",
				direct.quantile(.5), direct.quantile(.99), added.quantile(.5), added.quantile(.99))
			got, limit := added.quantile(.5), 20*time.Millisecond+10*direct.quantile(.99)
			if got <= limit || testenv.Race { // it makes a relay so slow that 500 per second are too many
				return nil
			}
			if try == 4 {
				t.Errorf("half of the calls took %v over the endpoint's own time, want at most %v where a direct call takes %v", got, limit, direct.quantile(.99))
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
