//go:build linux

package faulttest

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/receiver"
)

// headerSeq numbers the recorder's answers. The log keeps the headers of an answer, so that each
// entry identifies its request.
const headerSeq = "Recorder-Seq"

// request is one request as the recorder got it.
type request struct {
	seq      int
	hook     string
	delivery string // X-Relay-Delivery
	number   int    // X-Relay-Attempt
	token    string // of the event, see item
	header   http.Header
	body     string
	wrong    string    // what is wrong with the request itself: its signature or shape
	begun    time.Time // when it was read
	ended    time.Time // when its answer was passed to the connection; zero if not yet
	status   int
}

// accepted reports whether the answer ends the delivery with success.
func (q *request) accepted() bool { return q.status >= 200 && q.status <= 299 }

// recorder is the endpoint of all webhooks: a server in the test's own process, which no fault
// affects.
//
// Its answer depends only on the delivery's id and the attempt's number, so that a repeated attempt
// gets the same answer: some deliveries fail once or twice. Most answers take a few milliseconds,
// and some much longer, so that requests are always in flight.
type recorder struct {
	server *httptest.Server

	mu       sync.Mutex // guards the fields below and the requests' ended
	requests []*request
	done     map[string]map[string]bool // by hook: accepted tokens
	verify   map[string]*receiver.Receiver
}

func newRecorder(t testing.TB) *recorder {
	r := &recorder{done: make(map[string]map[string]bool), verify: make(map[string]*receiver.Receiver)}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// trust makes the recorder check requests to a hook with its secret.
func (r *recorder) trust(name, secret string) {
	v, err := receiver.New(receiver.Config{Secrets: []string{secret}})
	if err != nil {
		panic(err) // the server generated the secret, and the test stops here anyway
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verify[name] = v
	r.done[name] = make(map[string]bool)
}

// envelope is the part of a request's body that the test reads.
type envelope struct {
	Event     string `json:"event"`
	WebhookID string `json:"webhookId"`
	Data      struct {
		Token string `json:"token"`
	} `json:"data"`
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the sender died while sending: not a complete request
	}
	q := &request{
		hook: strings.TrimPrefix(in.URL.Path, "/"), delivery: in.Header.Get("X-Relay-Delivery"),
		header: in.Header, body: string(body), begun: time.Now(),
	}
	q.header.Set("Host", in.Host) // net/http stores it separately
	var env envelope
	if err := json.Unmarshal(body, &env); err != nil {
		q.wrong = "body is no envelope: " + err.Error()
	} else if env.WebhookID != q.delivery {
		q.wrong = "webhookId in the body is " + env.WebhookID
	}
	q.token = env.Data.Token
	if q.number, err = strconv.Atoi(in.Header.Get("X-Relay-Attempt")); err != nil {
		q.wrong = "X-Relay-Attempt: " + err.Error()
	}
	h := fnv.New32a()
	io.WriteString(h, q.delivery)
	id := h.Sum32()

	r.mu.Lock()
	verify := r.verify[q.hook]
	r.mu.Unlock()
	if verify == nil {
		q.wrong = "no such hook"
	} else if err := verify.Verify(in.Header, body); err != nil {
		q.wrong = err.Error()
	}
	q.status = http.StatusOK
	if id%100 == 0 && q.number <= 1+int(id/100)%2 && in.Header.Get("X-Relay-Test") == "" { // a test event has one attempt
		q.status = http.StatusInternalServerError
	}
	r.mu.Lock()
	q.seq = len(r.requests)
	r.requests = append(r.requests, q)
	r.mu.Unlock()

	pause := rand.N(5 * time.Millisecond)
	switch id % 50 {
	case 1:
		pause = 50 * time.Millisecond
	case 2: // longer than the server takes to record that a group of events is done
		pause = 400 * time.Millisecond
	}
	time.Sleep(pause)
	w.Header().Set(headerSeq, strconv.Itoa(q.seq))
	w.WriteHeader(q.status)
	io.WriteString(w, "seen")

	r.mu.Lock()
	defer r.mu.Unlock()
	q.ended = time.Now()
	if q.accepted() && verify != nil {
		r.done[q.hook][q.token] = true
	}
}

// seen returns copies of all requests so far.
func (r *recorder) seen() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]request, len(r.requests))
	for i, q := range r.requests {
		list[i] = *q
	}
	return list
}

// missing returns how many of the tokens the hook has not accepted, and one of them.
func (r *recorder) missing(name string, tokens []string) (n int, one string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range tokens {
		if !r.done[name][token] {
			n, one = n+1, token
		}
	}
	return n, one
}
