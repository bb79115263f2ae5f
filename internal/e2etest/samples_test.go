package e2etest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/receiver/receivertest"
)

// capture is a recorded delivery: Relay's request, and the answer of the receiver behind the
// recorder.
type capture struct {
	header http.Header
	body   []byte
	status int
}

// startRecorder starts a proxy in front of a receiver, which forwards requests and records them.
func startRecorder(t *testing.T, target string) (url string, captures <-chan capture) {
	t.Helper()
	got := make(chan capture, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("recorder: reading the body: %v", err)
			return
		}
		status := send(t, target, r.Header, body)
		got <- capture{r.Header, body, status}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/relay-hook", got
}

// send posts a body with the given headers and returns the status of the answer, or 0.
func send(t *testing.T, url string, header http.Header, body []byte) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Errorf("sending to %q: %v", url, err)
		return 0
	}
	req.Header = header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("sending to %q: %v", url, err)
		return 0
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestSourceReceivers lets the receivers printed in call-webhooks.txt, unchanged, accept Relay's
// deliveries and refuse every altered one.
func TestSourceReceivers(t *testing.T) {
	for _, sample := range []struct {
		name  string
		start func(testing.TB, string) string
	}{
		{"Express", receivertest.StartExpress},
		{"Flask", receivertest.StartFlask},
	} {
		t.Run(sample.name, func(t *testing.T) {
			secret := signing.NewSecret()
			target := sample.start(t, secret)
			url, captures := startRecorder(t, target)
			r := startRelay(t)
			hook := r.webhook(`{"url":"` + url + `","secret":"` + secret + `","events":["call.completed","appointment.booked"]}`)

			var captured capture
			for _, event := range []string{
				`{"type":"call.completed","data":{"sid":"CA1","callerName":"Žofie \u00e9 😀","duration":142,"price":1.50,"urgency":"normal"}}`,
				`{"type":"appointment.booked","data":{"sid":"CA1","startUtc":"2026-05-07T15:00:00Z","name":"A \u2028 B"}}`,
			} {
				id := r.publish(event).ID
				captured = <-captures
				if captured.status != 200 {
					t.Errorf("delivery of %s: the receiver answered %d, want 200", event, captured.status)
				}
				r.waitState(id, hook.ID, "delivered")
			}

			// The control: the captured delivery is accepted again, so that the following ones are
			// refused only for the change.
			if got := send(t, target, captured.header, captured.body); got != 200 {
				t.Fatalf("the captured delivery, sent again: got %d, want 200", got)
			}
			later, err := strconv.Atoi(captured.header.Get("X-Relay-Timestamp"))
			if err != nil {
				t.Fatalf("X-Relay-Timestamp: got %q, want unix seconds", captured.header.Get("X-Relay-Timestamp"))
			}
			with := func(name, value string) http.Header {
				h := captured.header.Clone()
				h.Set(name, value)
				return h
			}
			forged := with("X-Relay-Signature", string(signing.NewRelay(signing.NewSecret()).AppendSignature(nil, int64(later), captured.body)))
			for name, c := range map[string]struct {
				header http.Header
				body   []byte
			}{
				"a digit of the body changed": {captured.header, bytes.Replace(captured.body, []byte("CA1"), []byte("CA2"), 1)},
				"an escape decoded":           {captured.header, bytes.Replace(captured.body, []byte(`\u2028`), []byte("\u2028"), 1)},
				"a space added":               {captured.header, append([]byte(" "), captured.body...)},
				"the timestamp changed":       {with("X-Relay-Timestamp", strconv.Itoa(later+1)), captured.body},
				"signed with another secret":  {forged, captured.body},
			} {
				if bytes.Equal(c.body, captured.body) && name[0] == 'a' {
					t.Fatalf("%s: it is not: %s", name, c.body)
				}
				if got := send(t, target, c.header, c.body); got != 401 {
					t.Errorf("%s: got %d, want 401", name, got)
				}
			}

			// A webhook that signs with another secret is refused, and the log says so.
			other := r.webhook(`{"url":"` + url + `","events":["call.urgent"],"retry":{"attempts":1}}`)
			id := r.publish(`{"type":"call.urgent","data":{}}`).ID
			if got := (<-captures).status; got != 401 {
				t.Errorf("a delivery signed with another secret: got %d, want 401", got)
			}
			if d := r.waitState(id, other.ID, "failed"); !strings.Contains(d.Reason, "401") {
				t.Errorf("a delivery signed with another secret: got the reason %q, want the status 401 in it", d.Reason)
			}
		})
	}
}
