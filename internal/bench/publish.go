package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// relay calls one relay's HTTP API with as little work as possible.
type relay struct {
	base, key string
	more      []string      // other relays on the same database, see turn
	turns     atomic.Uint64 // see turn
	client    *http.Client
	samples   []sample
	numbers   atomic.Uint64 // of events, for their ids
	refused   atomic.Int64  // requests answered 429 or 503 and repeated
}

func newRelay(base, key string, samples []sample) *relay {
	return &relay{base: base, key: key, samples: samples, client: &http.Client{
		Transport: &http.Transport{MaxIdleConns: 2 * maxPublisher, MaxIdleConnsPerHost: maxPublisher, DisableCompression: true},
	}}
}

func (r *relay) close() { r.client.CloseIdleConnections() }

// put appends the next event.
func (r *relay) put(dst []byte, to address, sentAt int64) []byte {
	n := r.numbers.Add(1)
	return r.samples[n%uint64(len(r.samples))].put(dst, to, sentAt, n)
}

// requestTime bounds one request other than a stream. pressTime bounds how long a request refused
// for load is repeated.
const (
	requestTime = 30 * time.Second
	pressTime   = 2 * time.Minute
	pressWait   = 20 * time.Millisecond
)

// call makes a request and returns the answer's body; want is the expected status.
func (r *relay) call(ctx context.Context, method, path, contentType string, body []byte, want int) ([]byte, error) {
	giveUp := time.Now().Add(pressTime)
	for {
		status, answer, err := r.once(ctx, method, path, contentType, body)
		switch {
		case err != nil:
			return nil, err
		case status == want:
			return answer, nil
		case (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && time.Now().Before(giveUp):
			r.refused.Add(1)
			if err := pause(ctx, pressWait); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s %s: got status %d, want %d: %.500s", method, path, status, want, answer)
		}
	}
}

func (r *relay) once(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	base := r.base
	if path == "/v1/events" {
		base = r.turn()
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

const typeJSON, typeNDJSON = "application/json", "application/x-ndjson"

// publish posts one event or an array of them.
func (r *relay) publish(ctx context.Context, body []byte) error {
	_, err := r.call(ctx, http.MethodPost, "/v1/events", typeJSON, body, http.StatusAccepted)
	return err
}

// burst publishes count events as fast as the answers allow, and returns after the last answer. to
// returns the address of the i-th event; done is called for each answer.
func (r *relay) burst(ctx context.Context, o *Options, count int, to func(i int) address, done func(n int)) error {
	if o.Publish == PublishNDJSON {
		return r.stream(ctx, count, to, done)
	}
	size := 1
	if o.Publish == PublishArray {
		size = o.Array
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range o.Concurrency {
		all.Go(func() {
			var body []byte
			for ctx.Err() == nil {
				from := int(next.Add(int64(size))) - size
				n := min(size, count-from)
				if n <= 0 {
					return
				}
				now := time.Now().UnixNano()
				body = body[:0]
				if o.Publish == PublishArray {
					body = append(body, '[')
				}
				for i := range n {
					if i > 0 {
						body = append(body, ',')
					}
					body = r.put(body, to(from+i), now)
				}
				if o.Publish == PublishArray {
					body = append(body, ']')
				}
				if err := r.publish(ctx, body); err != nil {
					cancel(fmt.Errorf("publishing: %w", err))
					return
				}
				done(n)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// stream publishes count events as one stream.
func (r *relay) stream(ctx context.Context, count int, to func(i int) address, done func(n int)) error {
	lines := &lineReader{next: func(dst []byte, i int) []byte {
		return append(r.put(dst, to(i), time.Now().UnixNano()), '\n')
	}, count: count}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.turn()+"/v1/events", lines)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", typeNDJSON)
	res, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("publishing a stream: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("publishing a stream: got status %d, want 202: %s", res.StatusCode, text)
	}
	// Progress lines, then a summary.
	in := bufio.NewScanner(res.Body)
	var last struct {
		Done     bool
		Accepted int
		Error    json.RawMessage
	}
	for in.Scan() {
		before := last.Accepted
		last.Error = nil
		if err := json.Unmarshal(in.Bytes(), &last); err != nil {
			return fmt.Errorf("publishing a stream: reading the answer %.200q: %w", in.Text(), err)
		}
		if last.Error != nil {
			return fmt.Errorf("publishing a stream: %s", in.Text())
		}
		done(last.Accepted - before)
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("publishing a stream: reading the answer: %w", err)
	}
	if !last.Done || last.Accepted != count {
		return fmt.Errorf("publishing a stream: got done %v and %d accepted, want %d", last.Done, last.Accepted, count)
	}
	return nil
}

// lineReader generates count lines while they are read, a few tens of KiB at a time.
type lineReader struct {
	next     func(dst []byte, i int) []byte
	i, count int
	buf      []byte
	rest     []byte // unread part of buf
}

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.i == l.count {
			return 0, io.EOF
		}
		l.buf = l.buf[:0]
		for ; l.i < l.count && len(l.buf) < 32<<10; l.i++ {
			l.buf = l.next(l.buf, l.i)
		}
		l.rest = l.buf
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// openConnections bounds the events in flight in an open loop. At the rates and latencies in
// question it is never reached; if it is, the wait shows in the latency.
const openConnections = 64

// open publishes events one by one at a fixed rate for a time, regardless of the answers (open
// loop), and returns their number. An event's sentAt is the moment it was due to be sent, so that a
// slow relay or publisher shows in the latency instead of lowering the rate. answered, if not nil,
// counts the times to the 202.
func (r *relay) open(ctx context.Context, rate float64, d time.Duration, to func(i int) address, answered *histogram) (int, error) {
	return paced(ctx, rate, d, func(ctx context.Context, i int, due time.Time, body *[]byte) error {
		*body = r.put((*body)[:0], to(i), due.UnixNano())
		if err := r.publish(ctx, *body); err != nil {
			return fmt.Errorf("publishing at %v a second: %w", rate, err)
		}
		if answered != nil {
			answered.add(time.Since(due))
		}
		return nil
	})
}

// paced calls f at a fixed rate for a time, with the moment each call was due, and returns the
// number of calls. f may keep body between its calls.
func paced(ctx context.Context, rate float64, d time.Duration, f func(ctx context.Context, i int, due time.Time, body *[]byte) error) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count := max(1, int(rate*d.Seconds()))
	type event struct {
		i   int
		due time.Time
	}
	due := make(chan event, openConnections)
	var all sync.WaitGroup
	for range openConnections {
		all.Go(func() {
			var body []byte
			for e := range due {
				if ctx.Err() != nil {
					continue
				}
				if err := f(ctx, e.i, e.due, &body); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Go(func() {
		defer close(due)
		runtime.LockOSThread() // preciseSleep blocks the thread
		defer runtime.UnlockOSThread()
		start := time.Now()
		for i := range count {
			at := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			for wait := time.Until(at); wait > 0; wait = time.Until(at) {
				preciseSleep(min(wait, 50*time.Millisecond))
				if ctx.Err() != nil {
					return
				}
			}
			select {
			case due <- event{i, at}:
			case <-ctx.Done():
				return
			}
		}
	})
	all.Wait()
	return count, context.Cause(ctx)
}

// hook is a webhook to create.
type hook struct {
	url    string
	events []string
}

// create creates webhooks in order and returns their ids.
func (r *relay) create(ctx context.Context, hooks []hook, done func(n int)) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ids := make([]string, len(hooks))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(16, len(hooks)) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(hooks) {
					return
				}
				id, err := r.createOne(ctx, hooks[i])
				if err != nil {
					cancel(fmt.Errorf("creating a webhook: %w", err))
					return
				}
				ids[i] = id
				done(1)
			}
		})
	}
	all.Wait()
	return ids, context.Cause(ctx)
}

func (r *relay) createOne(ctx context.Context, h hook) (string, error) {
	body, err := json.Marshal(map[string]any{"url": h.url, "events": h.events, "description": "relay bench"})
	if err != nil {
		return "", err
	}
	answer, err := r.call(ctx, http.MethodPost, "/v1/webhooks", typeJSON, body, http.StatusCreated)
	if err != nil {
		return "", err
	}
	var w struct{ ID string }
	if err := json.Unmarshal(answer, &w); err != nil || w.ID == "" {
		return "", errors.Join(fmt.Errorf("reading the answer %.200q: no id", answer), err)
	}
	return w.ID, nil
}

// remove deletes webhooks.
func (r *relay) remove(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, err := r.call(ctx, http.MethodDelete, "/v1/webhooks/"+id, "", nil, http.StatusNoContent); err != nil {
			errs = append(errs, err)
			if len(errs) == 3 {
				break // the others will probably fail as well
			}
		}
	}
	return errors.Join(errs...)
}
