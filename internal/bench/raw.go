package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/signing"
)

// rawConnections is the number of concurrent requests of the raw loop.
const rawConnections = 64

// rawCeiling posts count events to the receiver, to /e/0 … /e/endpoints-1 in turn, like a program
// that stores and logs nothing, and returns the requests answered per second. Bodies, headers and
// signatures are the same as Relay's.
func rawCeiling(ctx context.Context, receiver string, samples []sample, count, endpoints int, done func(n int)) (perSecond float64, err error) {
	transport := &http.Transport{MaxIdleConns: rawConnections, MaxIdleConnsPerHost: rawConnections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	signer := signing.NewRelay(signing.NewSecret())
	urls := make([]string, endpoints)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://%s/e/%d", receiver, i)
	}
	first := event.FirstID(time.Now())

	send := func(b *rawBuffers, i int) error {
		now := time.Now()
		s := &samples[i%len(samples)]
		b.text = s.put(b.text[:0], endpoint(i%endpoints), now.UnixNano(), uint64(i))
		e := event.Event{
			ID: first + event.ID(i), Type: string(b.text[len(`{"type":"`) : s.to+len(address{})]),
			Time: now, Data: s.dataOf(b.text),
		}
		d := event.DeliveryID{Event: e.ID, Webhook: uint32(i%endpoints + 1)}
		b.body, _ = format.Append(b.body[:0], format.Relay, &e, d)
		b.signature = signer.AppendSignature(b.signature[:0], now.Unix(), b.body)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, urls[i%endpoints], bytes.NewReader(b.body))
		if err != nil {
			return err
		}
		h := req.Header
		h.Set("User-Agent", "Relay/bench")
		h.Set("Content-Type", format.ContentType)
		h.Set("X-Relay-Event", e.Type)
		h.Set("X-Relay-Delivery", d.String())
		h.Set("X-Relay-Attempt", "1")
		h.Set(signing.HeaderRelayTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(signing.HeaderRelaySignature, string(b.signature))
		return post(client, req)
	}
	// The first requests open the connections; Relay is warmed up as well.
	if err := rawLoop(ctx, 0, rawWarm, send); err != nil {
		return 0, err
	}
	start := time.Now()
	err = rawLoop(ctx, rawWarm, rawWarm+count, func(b *rawBuffers, i int) error {
		defer done(1)
		return send(b, i)
	})
	return float64(count) / time.Since(start).Seconds(), err
}

// rawWarm is the number of requests before the measurement.
const rawWarm = 16 * rawConnections

// rawBuffers are reused by one goroutine of the loop.
type rawBuffers struct{ text, body, signature []byte }

// rawLoop sends requests number from to to-1, rawConnections at a time.
func rawLoop(ctx context.Context, from, to int, send func(b *rawBuffers, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(from))
	var all sync.WaitGroup
	for range rawConnections {
		all.Go(func() {
			var b rawBuffers
			for i := int(next.Add(1)) - 1; i < to && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := send(&b, i); err != nil {
					cancel(fmt.Errorf("raw ceiling: %w", err))
					return
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// post makes the request and reads the answer, which must be 200.
func post(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("posting to %q: got status %d, want 200", req.URL, res.StatusCode)
	}
	return nil
}
