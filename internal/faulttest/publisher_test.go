//go:build linux

package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The types of the published events: both hooks want the shared one.
const (
	typePlain  = "load.plain"
	typeShared = "load.shared"
)

// item is a published event and its fate.
type item struct {
	token     string // in its data; identifies the event everywhere
	eventType string
	keyed     bool     // it has an id, or its request a key, so it can be repeated safely
	acked     bool     // the server acknowledged storing it
	refused   bool     // a request was answered 503
	unsure    bool     // a request was not answered, or not completely
	ids       []string // of each acknowledgement that contains one
	id        string   // chosen by the publisher, or empty
}

// answer is the result of a publish request.
type answer struct {
	begun, ended time.Time
	status       int // zero: the connection broke
	stream       bool
}

// publishers load a server with several workers, each with one request at a time, of all kinds. An
// unanswered request is repeated only if it carries a key or ids.
type publishers struct {
	url   func() string // of the server for the next request
	bytes int           // approximate size of an event's data
	pause time.Duration
	stop  chan struct{} // closed by halt
	leave chan struct{} // closed when the test is over
	wg    sync.WaitGroup
	http  *http.Client

	mu      sync.Mutex // guards the fields below and the items
	items   []*item
	answers []answer
	wrong   []string // answers that are never acceptable
}

// newPublishers returns publishers that have not started.
func newPublishers(r *relay) *publishers {
	return &publishers{
		url: r.url, bytes: 300, pause: 100 * time.Millisecond, stop: make(chan struct{}), leave: make(chan struct{}),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
}

// run starts workers, whose choices come from the random source.
func (p *publishers) run(t testing.TB, rng *rand.Rand, workers int) {
	for n := range workers {
		own := rand.New(rand.NewPCG(rng.Uint64(), uint64(n)))
		p.wg.Go(func() { p.work(own) })
	}
	t.Cleanup(func() { close(p.leave); p.halt() })
}

// halt ends the workers after they know the fate of their requests; the server must be up. Halting
// twice is harmless.
func (p *publishers) halt() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *publishers) work(rng *rand.Rand) {
	for {
		select {
		case <-p.stop:
			return
		case <-time.After(rand.N(p.pause)):
		}
		p.publish(p.compose(rng))
	}
}

// publication is one publish request.
type publication struct {
	items  []*item
	key    string // Idempotency-Key
	array  bool
	stream bool
	body   []byte
}

// compose builds a request: a single event, an array or a stream; without keys, with ids, or with a
// key.
func (p *publishers) compose(rng *rand.Rand) *publication {
	pub := &publication{}
	n := 1
	switch kind := rng.IntN(10); {
	case kind < 5:
	case kind < 8:
		pub.array, n = true, 1+rng.IntN(10)
	default:
		pub.stream, n = true, 1+rng.IntN(20)
	}
	ids := false
	switch how := rng.IntN(3); {
	case how == 1:
		ids = true
	case how == 2 && !pub.stream: // a stream cannot have one
		pub.key = fmt.Sprintf("key-%016x", rng.Uint64())
	}
	for range n {
		it := &item{token: fmt.Sprintf("t%016x", rng.Uint64()), eventType: typePlain, keyed: ids || pub.key != ""}
		if rng.IntN(2) == 0 {
			it.eventType = typeShared
		}
		if ids {
			it.id = "own-" + it.token
		}
		pub.items = append(pub.items, it)
	}
	pub.encode(rng, p.bytes)
	return pub
}

// encode writes the request's body. The padding does not compress, so that sent bytes equal stored
// bytes.
func (pub *publication) encode(rng *rand.Rand, size int) {
	var b bytes.Buffer
	fill := make([]byte, size)
	for i, it := range pub.items {
		switch {
		case pub.array && i == 0:
			b.WriteByte('[')
		case pub.array:
			b.WriteByte(',')
		case i > 0:
			b.WriteByte('\n')
		}
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for k := range fill {
			fill[k] = letters[rng.IntN(len(letters))]
		}
		fmt.Fprintf(&b, `{"type":%q,`, it.eventType)
		if it.id != "" {
			fmt.Fprintf(&b, `"id":%q,`, it.id)
		}
		fmt.Fprintf(&b, `"data":{"token":%q,"number":%d.50,"text":"<&> \u00e9 é","fill":%q}}`, it.token, i, fill)
	}
	if pub.array {
		b.WriteByte(']')
	}
	pub.body = b.Bytes()
}

// publish sends the request until its fate is known: acknowledged, refused, or unknown because it
// has no key.
func (p *publishers) publish(pub *publication) {
	p.mu.Lock()
	p.items = append(p.items, pub.items...)
	p.mu.Unlock()
	deadline := time.Now().Add(2 * patience)
	for {
		a := answer{begun: time.Now(), stream: pub.stream}
		retry, err := p.send(pub, &a)
		a.ended = time.Now()
		p.mu.Lock()
		p.answers = append(p.answers, a)
		if err != nil {
			p.wrong = append(p.wrong, err.Error())
		}
		p.mu.Unlock()
		if !retry || !pub.items[0].keyed || err != nil {
			return
		}
		if time.Now().After(deadline) {
			p.mu.Lock()
			p.wrong = append(p.wrong, fmt.Sprintf("a request that is safe to repeat was not taken for %v", 2*patience))
			p.mu.Unlock()
			return
		}
		select {
		case <-p.leave:
			return
		case <-time.After(5*time.Millisecond + rand.N(10*time.Millisecond)):
		}
	}
}

// send makes the request once. retry means that at least a part of it was not acknowledged; an
// error is an answer that no fault excuses.
func (p *publishers) send(pub *publication, a *answer) (retry bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url()+"/v1/events", bytes.NewReader(pub.body))
	if err != nil {
		return false, err
	}
	// net/http repeats requests with this header when a connection breaks. Without GetBody it does
	// not.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	if pub.stream {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	if pub.key != "" {
		req.Header.Set("Idempotency-Key", pub.key)
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.mark(pub.items, unsure)
		return true, nil
	}
	defer res.Body.Close()
	a.status = res.StatusCode
	switch res.StatusCode {
	case http.StatusAccepted:
		if pub.stream {
			return p.readStream(pub, res.Body)
		}
		return p.readAnswer(pub, res.Body)
	case http.StatusServiceUnavailable:
		text, err := io.ReadAll(res.Body)
		p.mark(pub.items, func(it *item) { it.refused = true })
		if err != nil {
			return true, nil // killed in the meantime
		}
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || seconds < 1 {
			return true, fmt.Errorf("503 with Retry-After %q, want a number of seconds: %s", res.Header.Get("Retry-After"), text)
		}
		return true, nil
	}
	text, _ := io.ReadAll(res.Body)
	return false, fmt.Errorf("publishing: got status %d, want 202 or 503: %s", res.StatusCode, text)
}

func (p *publishers) mark(items []*item, f func(*item)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, it := range items {
		f(it)
	}
}

func unsure(it *item) { it.unsure = true }

func (p *publishers) acknowledge(it *item, id string) {
	it.acked = true
	if id != "" {
		it.ids = append(it.ids, id)
	}
}

// readAnswer reads the answer to an event or an array. The status, and so the acknowledgement, has
// arrived; a kill may cut off the ids.
func (p *publishers) readAnswer(pub *publication, body io.Reader) (retry bool, err error) {
	p.mark(pub.items, func(it *item) { p.acknowledge(it, "") })
	text, err := io.ReadAll(body)
	if err != nil {
		return true, nil
	}
	type published struct {
		ID string `json:"id"`
	}
	var out struct {
		published
		Accepted   int         `json:"accepted"`
		Duplicates int         `json:"duplicates"`
		Events     []published `json:"events"`
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return false, fmt.Errorf("the answer to an event: %w: %s", err, text)
	}
	if !pub.array {
		out.Events = []published{out.published}
	} else if out.Accepted+out.Duplicates != len(pub.items) {
		return false, fmt.Errorf("the answer to an array of %d: got %s", len(pub.items), text)
	}
	if len(out.Events) != len(pub.items) {
		return false, fmt.Errorf("the answer to %d events: got %d: %s", len(pub.items), len(out.Events), text)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, it := range pub.items {
		p.acknowledge(it, out.Events[i].ID)
	}
	return false, nil
}

// readStream reads the answer to a stream: events that its lines report as stored are acknowledged,
// however it ends.
func (p *publishers) readStream(pub *publication, body io.Reader) (retry bool, err error) {
	type line struct {
		Line     int             `json:"line"`
		LastLine int             `json:"lastLine"`
		Error    json.RawMessage `json:"error"`
		Done     *bool           `json:"done"`
		Lines    int             `json:"lines"`
		Failed   int             `json:"failed"`
	}
	bad := make(map[int]bool)
	upTo := func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range min(n, len(pub.items)) {
			if !bad[i+1] {
				p.acknowledge(pub.items[i], "")
			}
		}
	}
	p.mark(pub.items, unsure) // until told otherwise
	scan := bufio.NewScanner(body)
	for scan.Scan() {
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			return true, nil // cut off by a kill
		}
		switch {
		case l.Done != nil && *l.Done:
			if l.Failed > 0 || l.Lines != len(pub.items) {
				return false, fmt.Errorf("the end of a stream of %d lines: got %s", len(pub.items), scan.Bytes())
			}
			upTo(l.Lines)
			return false, nil
		case l.Done != nil:
			return true, nil
		case l.Error != nil:
			if !strings.Contains(string(l.Error), `"status":503`) {
				return false, fmt.Errorf("a line of a stream was refused: %s", scan.Bytes())
			}
			for n := l.Line; n <= max(l.Line, l.LastLine); n++ {
				bad[n] = true
			}
		default:
			upTo(l.Line)
		}
	}
	return true, nil
}

// one publishes a single event, with or without an id, and returns it with its answer.
func (p *publishers) one(rng *rand.Rand, id bool) (*item, answer) {
	it := &item{token: fmt.Sprintf("t%016x", rng.Uint64()), eventType: typeShared, keyed: id}
	if id {
		it.id = "own-" + it.token
	}
	pub := &publication{items: []*item{it}}
	pub.encode(rng, p.bytes)
	p.mu.Lock()
	p.items = append(p.items, it)
	p.mu.Unlock()
	a := answer{begun: time.Now()}
	_, err := p.send(pub, &a)
	a.ended = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, a)
	if err != nil {
		p.wrong = append(p.wrong, err.Error())
	}
	return it, a
}

// probe publishes one event; the error says how it was refused.
func (p *publishers) probe(rng *rand.Rand) error {
	switch _, a := p.one(rng, false); a.status {
	case http.StatusAccepted:
		return nil
	case 0:
		return errors.New("the connection broke")
	default:
		return fmt.Errorf("got status %d, want 202", a.status)
	}
}

// acked returns the tokens of acknowledged events that a hook wants.
func (p *publishers) acked(h *hook) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var tokens []string
	for _, it := range p.items {
		if it.acked && h.wants(it.eventType) {
			tokens = append(tokens, it.token)
		}
	}
	return tokens
}

func (h *hook) wants(eventType string) bool { return h.name == "all" || eventType == typeShared }

// between returns the answers to requests that began and ended between the times.
func (p *publishers) between(from, to time.Time) []answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []answer
	for _, a := range p.answers {
		if a.begun.After(from) && a.ended.Before(to) {
			list = append(list, a)
		}
	}
	return list
}

// slowest returns the duration of the longest request between the times, except streams: a measure
// of the machine's slowness. Unanswered requests count, because they also waited.
func (p *publishers) slowest(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var most time.Duration
	for _, a := range p.answers {
		if a.stream {
			continue
		}
		begun, ended := a.begun, a.ended
		if begun.Before(from) {
			begun = from
		}
		if ended.After(to) {
			ended = to
		}
		most = max(most, ended.Sub(begun))
	}
	return most
}
