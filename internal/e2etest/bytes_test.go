package e2etest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/signing"
)

// awkward are payloads that decoding and encoding would change: each differs from the output of
// encoding/json or JavaScript.
var awkward = []string{
	`{"big":123456789012345678901234567890,"exact":9007199254740993,"money":1.10,"exp":1E+2,"minus":-0.0,"tiny":1e-400}`,
	`{"z":1,"a":2,"m":{"y":1,"b":2},"":"empty name"}`,
	`{"escapes":"\u00e9\/\u0041\b\ud83d\ude00","html":"<script>&amp;'","raw":"é😀"}`,
	"{\"separators\":\"a\u2028b\u2029c\",\"escaped\":\"\\u2028\",\"nul\":\"\\u0000\",\"del\":\"\u007f\"}",
	`{ "spaces" :  [ 1 ,	2 , { } , [ ] ] , "null":null }`,
	`"only a string"`, `-1.0`, `[[[[]]],1.00]`, `null`, `{}`,
}

// envelopes wraps the payloads as publishable events, with data last so that no byte after it is
// trimmed by mistake.
func envelopes(eventType string) []string {
	list := make([]string, len(awkward))
	for i, data := range awkward {
		list[i] = fmt.Sprintf(`{"type":%q,"key":"%d","data":%s}`, eventType, i, data)
	}
	return list
}

// checkBytes receives one delivery of each payload, in any order, and checks data and signature.
func checkBytes(t *testing.T, v *receiver, secret, how string) {
	t.Helper()
	want := make(map[string]int)
	for _, data := range awkward {
		want[data]++
	}
	for range awkward {
		req := v.next()
		data := dataOf(t, req.body)
		if want[data]--; want[data] < 0 {
			t.Errorf("%s: got data %s, which nobody published like that", how, data)
		}
		h := req.header
		if err := signing.VerifyRelay(secret, h.Get("X-Relay-Timestamp"), h.Get("X-Relay-Signature"), req.body, time.Now(), 0); err != nil {
			t.Errorf("%s: verifying %s: %v", how, req.body, err)
		}
		if !json.Valid(req.body) {
			t.Errorf("%s: got %s, want JSON", how, req.body)
		}
	}
}

// TestDataArrivesByteForByte publishes payloads in each of the three ways and compares the
// deliveries: at once, after a retry, and after a restart, when only the stored event is left.
func TestDataArrivesByteForByte(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	ways := map[string]func(){
		"single": func() {
			for _, e := range envelopes("way.test") {
				r.publish(e)
			}
		},
		"array": func() {
			var p publishedManyDoc
			r.into(&p, 202, "POST", "/v1/events", "[\n"+strings.Join(envelopes("way.test"), " ,\n")+"]")
			if p.Accepted != len(awkward) || len(p.Events) != len(awkward) {
				t.Errorf("array: got %+v, want %d accepted", p, len(awkward))
			}
		},
		"NDJSON": func() {
			a := r.do("POST", "/v1/events", strings.Join(envelopes("way.test"), "\r\n")+"\n", "Content-Type", "application/x-ndjson")
			lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
			want := fmt.Sprintf(`{"done":true,"lines":%d,"accepted":%d,"duplicates":0,"failed":0}`, len(awkward), len(awkward))
			if got := lines[len(lines)-1]; a.status != 202 || got != want {
				t.Errorf("NDJSON: got %d, last line %s, want 202, %s", a.status, got, want)
			}
		},
	}

	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `","retry":{"attempts":50,"waits":["1s"]}}`)
	for how, publish := range ways {
		publish()
		checkBytes(t, v, hook.Secret, how)
	}

	for how, publish := range ways {
		v.answers(500)
		publish()
		checkBytes(t, v, hook.Secret, how+", first attempt")
		v.answers(200)
		checkBytes(t, v, hook.Secret, how+", second attempt")
		v.nothing(how + ", after the second attempt")
	}

	// Long enough for all to be waiting at once, although Relay is slow with an endpoint that
	// always fails.
	r.into(nil, 200, "PATCH", "/v1/webhooks/"+hook.ID, `{"retry":{"waits":["5s"]}}`)
	for how, end := range map[string]func(){"stop": r.stop, "kill": r.kill} {
		v.answers(503)
		ways["array"]()
		checkBytes(t, v, hook.Secret, "before the "+how)
		// Every failure is recorded before the process ends: after a kill an unrecorded one would
		// be repeated.
		eventually(t, "all deliveries wait for their retry", func() bool {
			var l list[deliveryDoc]
			r.into(&l, 200, "GET", "/v1/deliveries?state=waiting&limit=250", "")
			return len(l.Data) == len(awkward)
		})
		end()
		for len(v.got) > 0 { // retries made before the end
			<-v.got
		}
		v.answers(200)
		r.start()
		checkBytes(t, v, hook.Secret, "after the "+how)
	}
}

// TestLogShowsTheBytes compares the log with the requests that the receiver got.
func TestLogShowsTheBytes(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `"}`)
	for _, e := range envelopes("log.test") {
		r.publish(e)
	}
	sent := make(map[string]string) // body by delivery
	for range awkward {
		req := v.next()
		sent[req.header.Get("X-Relay-Delivery")] = string(req.body)
	}
	for _, at := range r.waitAttempts(hook.ID, len(awkward)) {
		if got := at.Request.Body; got != sent[at.DeliveryID] {
			t.Errorf("log: got body %s, the receiver got %s", got, sent[at.DeliveryID])
		}
	}
}
