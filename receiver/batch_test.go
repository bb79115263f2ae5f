package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/receiver"
)

// The answer applies to the whole batch; when the batch is repeated, only failed events are
// processed again.
func TestBatchIsProcessedOnce(t *testing.T) {
	rc := newReceiver(t, receiver.Config{})
	failing := map[string]bool{"whk_1": true, "whk_3": true}
	var called []string
	url := serve(t, rc.Handle(func(_ context.Context, e receiver.Event) error {
		called = append(called, e.WebhookID)
		if failing[e.WebhookID] {
			return errors.New("not now")
		}
		return nil
	}))
	var envelopes []string
	for i := range 5 {
		envelopes = append(envelopes, fmt.Sprintf(`{"version":%q,"event":"e","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_%d","data":%d}`, receiver.Version, i, i))
	}
	body := []byte(" [" + strings.Join(envelopes, ",") + "]")
	wantAnswer := func(status int, want ...string) {
		t.Helper()
		called = nil
		answer, _ := send(t, newRequest(t, url, "bat_1", body))
		if got := answer.StatusCode; got != status || !slices.Equal(called, want) {
			t.Errorf("got %d after processing %v, want %d after %v", got, called, status, want)
		}
	}
	wantAnswer(500, "whk_0", "whk_1", "whk_2", "whk_3", "whk_4")
	delete(failing, "whk_1")
	wantAnswer(500, "whk_1", "whk_3")
	delete(failing, "whk_3")
	wantAnswer(200, "whk_3")
	wantAnswer(200)
	// An event of a batch is the same event when it arrives by itself.
	body = []byte(envelopes[2])
	wantAnswer(200)
}
