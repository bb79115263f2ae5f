package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// Receiver is the receiver of the bench: a server that does as little work as possible, so that it
// does not affect the measurement. It parses only as much HTTP/1.1 as Relay's requests and the raw
// loop's need (it must not be reachable by others) and answers from constants.
//
// The path selects the behaviour of the endpoint:
//
//	/e/N     200 at once
//	/fail/N  500 at once
//	/hang/N  no answer for 10 s, then 200; most callers have left by then
//	/decide  accepts a respondent after decideTime, and returns how long that took
//	/gate/N  503 at once while the gate is closed or above gateRate; otherwise like /e/N
//
// Requests to /e/N are counted by their X-Relay-Delivery, so that a second request of the same
// delivery shows as a duplicate. Their latency is computed from data.sentAt. The other paths are
// for the bench itself:
//
//	/_stats                       returns the counts, see Stats
//	/_reset                       clears them
//	/_gate?open=true              opens or closes the gate, and clears the counts
//	/_wait?count=N&timeout=10s    like _stats, after N requests to /e/N or the timeout
//	/_wait?count=N&of=attempts    the same for requests to any endpoint
type Receiver struct {
	listener net.Listener
	conns    sync.WaitGroup
	mu       sync.Mutex // guards open and closing
	open     map[net.Conn]struct{}
	closing  bool
	stop     chan struct{} // closed by Close
	gate     gate

	counters
}

// gateRate is the capacity of /gate/N in requests per second.
const gateRate = 300

// gate is an endpoint of limited capacity that can be down.
type gate struct {
	mu     sync.Mutex
	open   bool
	tokens float64
	filled time.Time
}

// set opens or closes the gate.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open, g.tokens, g.filled = open, 0, time.Now()
}

// take reports whether a request may pass.
func (g *gate) take() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.tokens = min(gateRate/10, g.tokens+now.Sub(g.filled).Seconds()*gateRate)
	g.filled = now
	if !g.open || g.tokens < 1 {
		return false
	}
	g.tokens--
	return true
}

// decideTime is how long /decide waits before it answers.
const decideTime = 10 * time.Millisecond

// hangTime is how long /hang/N waits before it answers.
const hangTime = 10 * time.Second

// maxBody bounds a request's body, in bytes: an event, or a batch of them.
const maxBody = 32 << 20

// Stats holds the counts of a receiver since the last reset.
type Stats struct {
	Delivered  int64 `json:"delivered"`  // requests to /e/N of different deliveries
	Duplicates int64 `json:"duplicates"` // requests to /e/N that repeat a delivery
	Failed     int64 `json:"failed"`     // requests to /fail/N, and those refused by /gate/N
	Hung       int64 `json:"hung"`       // requests to /hang/N
	Bytes      int64 `json:"bytes"`      // of all bodies
	Conns      int64 `json:"conns"`      // connections opened, including the bench's own
	FirstAt    int64 `json:"firstAt"`    // arrival of the first request to any endpoint, unix nanoseconds; zero for none
	LastAt     int64 `json:"lastAt"`     // arrival of the last

	// Latency of requests to /e/N with a data.sentAt, nanoseconds.
	Latencies int64 `json:"latencies"`
	P50Ns     int64 `json:"p50Ns"`
	P99Ns     int64 `json:"p99Ns"`
	P999Ns    int64 `json:"p999Ns"`
	MaxNs     int64 `json:"maxNs"`
}

// Attempts returns the number of requests to any endpoint.
func (s *Stats) Attempts() int64 { return s.Delivered + s.Duplicates + s.Failed + s.Hung }

// counters holds the state that a reset clears.
type counters struct {
	delivered, duplicates, failed, hung, bytes, accepted, first, last atomic.Int64
	latency                                                           histogram
	seen                                                              [seenShards]seenShard

	waitMu  sync.Mutex
	waiting atomic.Pointer[waiter] // at most one
}

// seenShards spreads the set of deliveries over several locks.
const seenShards = 64

type seenShard struct {
	mu   sync.Mutex
	seen map[event.DeliveryID]struct{}
}

type waiter struct {
	count    int64
	attempts bool          // counts requests to all endpoints, not only /e/N
	done     chan struct{} // closed when the count is reached
	once     sync.Once
}

// NewReceiver returns a receiver that listens on a free loopback port.
func NewReceiver() (*Receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the receiver: %w", err)
	}
	r := &Receiver{listener: l, open: make(map[net.Conn]struct{}), stop: make(chan struct{})}
	r.reset()
	return r, nil
}

// Addr returns the address of the listener.
func (r *Receiver) Addr() string { return r.listener.Addr().String() }

// Serve accepts requests until Close.
func (r *Receiver) Serve() error {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // out of descriptors: others will be released
			select {
			case <-time.After(10 * time.Millisecond):
				continue
			case <-r.stop:
				return nil
			}
		}
		r.mu.Lock()
		if r.closing {
			r.mu.Unlock()
			conn.Close()
			return nil
		}
		r.open[conn] = struct{}{}
		r.accepted.Add(1)
		r.conns.Add(1)
		r.mu.Unlock()
		go r.serve(conn)
	}
}

// Close ends the receiver and its connections.
func (r *Receiver) Close() error {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		return nil
	}
	r.closing = true
	close(r.stop)
	err := r.listener.Close()
	for conn := range r.open {
		conn.Close()
	}
	r.mu.Unlock()
	r.conns.Wait()
	return err
}

var (
	answerOK   = []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	answerBusy = []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")
	answerFail = []byte("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno")
)

// serve answers the requests of one connection.
func (r *Receiver) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		r.mu.Lock()
		delete(r.open, conn)
		r.mu.Unlock()
		r.conns.Done()
	}()
	in := bufio.NewReaderSize(conn, 8<<10)
	var req request
	for {
		if err := req.read(in); err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintf(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			}
			return
		}
		var err error
		switch {
		case bytes.HasPrefix(req.path, []byte("/e/")):
			r.arrived(&req)
			_, err = conn.Write(answerOK)
		case bytes.HasPrefix(req.path, []byte("/gate/")):
			if r.gate.take() {
				r.arrived(&req)
				_, err = conn.Write(answerOK)
			} else {
				r.attempted(&r.failed, len(req.body))
				_, err = conn.Write(answerBusy)
			}
		case bytes.Equal(req.path, []byte("/decide")):
			begun := time.Now()
			r.arrived(&req)
			time.Sleep(decideTime)
			answer := fmt.Appendf(nil, `{"decision":"accept","reason":"%d"}`, time.Since(begun).Nanoseconds())
			_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		case bytes.HasPrefix(req.path, []byte("/fail/")):
			r.attempted(&r.failed, len(req.body))
			_, err = conn.Write(answerFail)
		case bytes.HasPrefix(req.path, []byte("/hang/")):
			r.attempted(&r.hung, len(req.body))
			if !r.hang(conn) {
				return
			}
			_, err = conn.Write(answerOK)
		default:
			err = r.control(conn, &req)
		}
		if err != nil {
			return
		}
	}
}

// hang waits; it returns false if the caller or the receiver has left.
func (r *Receiver) hang(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(hangTime))
	defer conn.SetReadDeadline(time.Time{})
	var b [1]byte
	_, err := conn.Read(b[:]) // a caller that waits for its answer sends no data
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// arrived counts a request to /e/N.
func (r *Receiver) arrived(req *request) {
	now := time.Now().UnixNano()
	if r.isNew(req.delivery) {
		if sentAt, ok := findSentAt(req.body); ok {
			r.latency.add(time.Duration(now - sentAt))
		}
		r.stamp(now, len(req.body))
		r.delivered.Add(1)
	} else {
		r.duplicates.Add(1)
	}
	r.notify()
}

// attempted counts a request to another endpoint.
func (r *Receiver) attempted(counter *atomic.Int64, size int) {
	r.stamp(time.Now().UnixNano(), size)
	counter.Add(1)
	r.notify()
}

func (r *Receiver) stamp(now int64, size int) {
	r.bytes.Add(int64(size))
	if r.first.Load() == 0 {
		r.first.CompareAndSwap(0, now)
	}
	for {
		last := r.last.Load()
		if now <= last || r.last.CompareAndSwap(last, now) {
			return
		}
	}
}

// seed is for the keys of ids that are not Relay's.
var seed = maphash.MakeSeed()

// isNew reports whether the delivery has not arrived before. A request without an id counts as new.
func (r *Receiver) isNew(delivery []byte) bool {
	if len(delivery) == 0 {
		return true
	}
	id, err := event.ParseDeliveryID(string(delivery))
	if err != nil {
		id = event.DeliveryID{Event: event.ID(maphash.Bytes(seed, delivery)), Webhook: uint32(len(delivery))}
	}
	s := &r.seen[(uint64(id.Event)*0x9e3779b97f4a7c15>>32^uint64(id.Webhook))%seenShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.seen)
	s.seen[id] = struct{}{}
	return len(s.seen) > before
}

var sentAtField = []byte(`"sentAt":`)

// findSentAt returns data.sentAt in unix nanoseconds.
func findSentAt(body []byte) (int64, bool) {
	i := bytes.Index(body, sentAtField)
	if i < 0 {
		return 0, false
	}
	var n int64
	digits := body[i+len(sentAtField):]
	for j := range min(len(digits), sentAtDigits) {
		c := digits[j]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n > 0
}

// control answers requests of the bench itself.
func (r *Receiver) control(conn net.Conn, req *request) error {
	path, query, _ := bytes.Cut(req.path, []byte("?"))
	switch string(path) {
	case "/_stats":
	case "/_reset":
		r.reset()
	case "/_gate":
		r.gate.set(string(query) == "open=true")
		r.reset()
	case "/_wait":
		q, err := url.ParseQuery(string(query))
		if err == nil {
			err = r.wait(q)
		}
		if err != nil {
			return answer(conn, "400 Bad Request", []byte(err.Error()))
		}
	default:
		return answer(conn, "404 Not Found", nil)
	}
	body, err := json.Marshal(r.stats())
	if err != nil {
		return err
	}
	return answer(conn, "200 OK", body)
}

func answer(conn net.Conn, status string, body []byte) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	return err
}

// maxWait bounds /_wait.
const maxWait = time.Hour

func (r *Receiver) wait(q url.Values) error {
	count, err := strconv.ParseInt(q.Get("count"), 10, 64)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	limit, err := time.ParseDuration(q.Get("timeout"))
	if err != nil || limit > maxWait {
		return fmt.Errorf("timeout must be a duration of at most %v, got %q", maxWait, q.Get("timeout"))
	}
	r.waitMu.Lock() // one waiter at a time
	defer r.waitMu.Unlock()
	w := &waiter{count: count, attempts: q.Get("of") == "attempts", done: make(chan struct{})}
	r.waiting.Store(w)
	defer r.waiting.Store(nil)
	r.notify()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	case <-r.stop:
	}
	return nil
}

// notify wakes the waiter when its count is reached.
func (r *Receiver) notify() {
	w := r.waiting.Load()
	if w == nil {
		return
	}
	n := r.delivered.Load()
	if w.attempts {
		n += r.duplicates.Load() + r.failed.Load() + r.hung.Load()
	}
	if n >= w.count {
		w.once.Do(func() { close(w.done) })
	}
}

func (r *Receiver) stats() Stats {
	return Stats{
		Delivered: r.delivered.Load(), Duplicates: r.duplicates.Load(), Failed: r.failed.Load(), Hung: r.hung.Load(),
		Bytes: r.bytes.Load(), Conns: r.accepted.Load(), FirstAt: r.first.Load(), LastAt: r.last.Load(),
		Latencies: r.latency.n.Load(), MaxNs: r.latency.most.Load(),
		P50Ns: int64(r.latency.quantile(.5)), P99Ns: int64(r.latency.quantile(.99)), P999Ns: int64(r.latency.quantile(.999)),
	}
}

// reset clears the counts. The bench calls it only when no requests are in progress.
func (r *Receiver) reset() {
	for _, c := range []*atomic.Int64{&r.delivered, &r.duplicates, &r.failed, &r.hung, &r.bytes, &r.accepted, &r.first, &r.last} {
		c.Store(0)
	}
	r.latency.reset()
	for i := range r.seen {
		s := &r.seen[i]
		s.mu.Lock()
		s.seen = make(map[event.DeliveryID]struct{})
		s.mu.Unlock()
	}
}

// request is one request of a connection; its parts are valid until the next.
type request struct {
	path, delivery, body []byte
	head                 []byte // backs path and delivery
	buf                  []byte // backs body
}

var errRequest = errors.New("not a request that this receiver supports")

// read reads the next request. It returns io.EOF if there is none.
func (q *request) read(in *bufio.Reader) error {
	q.head = q.head[:0]
	q.delivery = nil
	length := 0
	delivery := [2]int{}
	pathEnd := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			if first && len(line) == 0 {
				return io.EOF // closed or broken: between requests this makes no difference
			}
			return errRequest
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			_, rest, ok := bytes.Cut(line, []byte(" "))
			path, _, ok2 := bytes.Cut(rest, []byte(" "))
			if !ok || !ok2 {
				return errRequest
			}
			q.head = append(q.head, path...)
			pathEnd = len(q.head)
			continue
		}
		if len(line) == 0 {
			break
		}
		// Only three fields matter, and their names have different lengths.
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch len(name) {
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 || length > maxBody {
					return errRequest
				}
			}
		case len("X-Relay-Delivery"):
			if bytes.EqualFold(name, []byte("X-Relay-Delivery")) {
				delivery[0] = len(q.head)
				q.head = append(q.head, bytes.TrimSpace(value)...)
				delivery[1] = len(q.head)
			}
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				return errRequest
			}
		}
	}
	q.path, q.delivery = q.head[:pathEnd], q.head[delivery[0]:delivery[1]]
	if cap(q.buf) < length {
		q.buf = make([]byte, length)
	}
	q.body = q.buf[:length]
	if _, err := io.ReadFull(in, q.body); err != nil {
		return errRequest
	}
	return nil
}

// RunReceiver runs the process bench-receiver: it prints its address on a line to out and serves
// until ctx or in ends. in ends when the bench ends, for any reason.
func RunReceiver(ctx context.Context, in io.Reader, out io.Writer) error {
	r, err := NewReceiver()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process at the latest: a read cannot be interrupted
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	stopped := context.AfterFunc(ctx, func() { r.Close() })
	defer stopped()
	if _, err := fmt.Fprintln(out, r.Addr()); err != nil {
		return fmt.Errorf("printing the receiver's address: %w", err)
	}
	return r.Serve()
}
