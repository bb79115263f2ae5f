// Package builtin is the built-in receiver: an endpoint within this program that webhooks can deliver to before anybody has
// written a server. It verifies signatures as a good receiver does, keeps the last requests for people to look at, and can
// be told to fail, so that retries are seen at work.
//
// No network leads to it. The engine's client connects to it in memory, by a host name that means nothing anywhere else
// (egress.Options.Inside), so the guard against private addresses stays as it is. A request is taken only for the exact URL
// of a webhook, which has a random part: no tenant can send to another's.
//
// Everything is in memory and bounded. It is forgotten on a restart, and each of several servers has its own.
package builtin

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// Host is the name by which webhooks reach the receiver. The domain .internal is refused in all other webhooks' URLs.
const Host = "receiver.relay.internal"

const (
	// maxRequests is how many requests are kept of a tenant.
	maxRequests = 50
	// maxBody is how much of a body is kept, in bytes. A request is verified whole.
	maxBody = 16 << 10
	// maxRead is the longest body taken, in bytes: larger than any that Relay sends by default.
	maxRead = 4 << 20
	// maxTenants bounds the tenants whose requests are kept; beyond it the one that has been quiet longest is forgotten.
	// With the bounds above all of it stays below 52 MiB, of which a usual request takes 2 KiB.
	maxTenants = 64
	// Patience is how long the receiver waits under Wait: longer than a webhook does that has the default timeout.
	Patience = 15 * time.Second
)

// Behavior is how the receiver answers a tenant's requests.
type Behavior string

// The behaviours.
const (
	Accept Behavior = "accept" // 200 to what is signed well, 401 to the rest
	Fail   Behavior = "fail"   // 500
	Wait   Behavior = "wait"   // nothing for Patience, then 200
	Cut    Behavior = "cut"    // 200, and the connection breaks within the body
)

// Behaviors lists them all.
var Behaviors = []Behavior{Accept, Fail, Wait, Cut}

// Request is a request as the receiver got it.
type Request struct {
	ID       int64 // counts up
	At       time.Time
	Webhook  string // id of the webhook that sent it
	Event    string // its type, by the header
	Attempt  string // the number, by the header
	Header   []exchange.Field
	Body     []byte // the first bytes
	Bytes    int64  // of the body
	Signed   bool   // the webhook signs its requests
	Verified bool   // its signature is that of the webhook
	Reason   string // why not, or which signature
	Answer   string // how it was answered: "200", "connection cut"
}

// Webhooks finds the webhook that a request belongs to; webhook.Registry does.
type Webhooks interface {
	List(tenant event.TenantID) []*webhook.Webhook
}

// Tenants knows the tenants; account.Tenants does.
type Tenants interface {
	Tenant(name string) (account.Tenant, bool)
}

// Receiver is the built-in receiver. Create it with New; Stop ends it.
type Receiver struct {
	tenants  Tenants
	webhooks Webhooks
	now      func() time.Time
	server   *http.Server
	conns    chan net.Conn
	stopping chan struct{}
	stop     sync.Once
	served   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	last  int64
	boxes map[event.TenantID]*box
}

// box is what the receiver keeps of a tenant.
type box struct {
	behavior Behavior
	requests []Request // the newest first
	used     time.Time
}

// New returns a receiver without any webhooks to look among: see Attach.
func New() *Receiver {
	r := &Receiver{now: time.Now, conns: make(chan net.Conn), stopping: make(chan struct{}), boxes: make(map[event.TenantID]*box)}
	r.server = &http.Server{Handler: http.HandlerFunc(r.take), ReadTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	return r
}

// Attach tells whose requests the receiver takes, and begins to serve.
func (r *Receiver) Attach(tenants Tenants, webhooks Webhooks) {
	r.tenants, r.webhooks = tenants, webhooks
	r.served.Go(func() { _ = r.server.Serve(listener{r}) }) // returns when Stop closes the listener
}

// Stop ends the receiver: requests in progress are cut off, and later ones are refused.
func (r *Receiver) Stop() {
	r.stop.Do(func() {
		close(r.stopping)
		_ = r.server.Close() // of pipes
		r.served.Wait()
	})
}

// Dial connects to the receiver.
func (r *Receiver) Dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case r.conns <- far:
		return near, nil
	case <-r.stopping:
		return nil, errors.New("the built-in receiver has stopped")
	case <-ctx.Done():
		return nil, fmt.Errorf("connecting to the built-in receiver: %w", ctx.Err())
	}
}

// listener accepts what Dial connects.
type listener struct{ r *Receiver }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.r.conns:
		return c, nil
	case <-l.r.stopping:
		return nil, net.ErrClosed
	}
}
func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.UnixAddr{Name: Host, Net: "pipe"} }

// NewURL returns a URL for a webhook of the tenant that delivers to the receiver.
func NewURL(tenant string) string {
	return "http://" + Host + "/" + tenant + "/" + strings.ToLower(rand.Text()[:16])
}

// IsURL reports whether a webhook's URL leads to the receiver.
func IsURL(raw string) bool { return strings.HasPrefix(raw, "http://"+Host+"/") }

// Requests returns the last requests of a tenant, the newest first, and how they are answered at present.
func (r *Receiver) Requests(tenant event.TenantID) ([]Request, Behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.boxes[tenant]
	if b == nil {
		return nil, Accept
	}
	return slices.Clone(b.requests), b.behavior
}

// Behave changes how a tenant's requests are answered from now on.
func (r *Receiver) Behave(tenant event.TenantID, b Behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boxLocked(tenant).behavior = b
}

// Clear forgets a tenant's requests.
func (r *Receiver) Clear(tenant event.TenantID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.boxes[tenant]; b != nil {
		b.requests = nil
	}
}

// boxLocked returns the tenant's box. A new one may take the place of that which has been quiet longest.
func (r *Receiver) boxLocked(tenant event.TenantID) *box {
	b := r.boxes[tenant]
	if b == nil {
		if len(r.boxes) >= maxTenants {
			var oldest event.TenantID
			for id, other := range r.boxes {
				if o := r.boxes[oldest]; o == nil || other.used.Before(o.used) {
					oldest = id
				}
			}
			delete(r.boxes, oldest)
		}
		b = &box{behavior: Accept}
		r.boxes[tenant] = b
	}
	b.used = r.now()
	return b
}

// find returns the webhook with exactly the URL that was called.
func (r *Receiver) find(path string) *webhook.Webhook {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	tenant, ok := r.tenants.Tenant(name)
	if !ok {
		return nil
	}
	url := "http://" + Host + path
	list := r.webhooks.List(tenant.ID)
	if i := slices.IndexFunc(list, func(w *webhook.Webhook) bool { return w.URL == url }); i >= 0 {
		return list[i]
	}
	return nil
}

// take answers a request.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	hook := r.find(req.URL.RequestURI())
	if hook == nil {
		http.Error(w, "no webhook has this URL", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRead))
	if err != nil {
		http.Error(w, "the body is too long for the built-in receiver", http.StatusRequestEntityTooLarge)
		return
	}
	now := r.now().UTC()
	got := Request{
		At: now, Webhook: hook.ID, Event: req.Header.Get("X-Relay-Event"), Attempt: req.Header.Get("X-Relay-Attempt"),
		Body: slices.Clone(body[:min(len(body), maxBody)]), Bytes: int64(len(body)),
	}
	for _, name := range sortedNames(req.Header) {
		for _, v := range req.Header[name] {
			got.Header = append(got.Header, exchange.Field{Name: name, Value: v})
		}
	}
	got.Signed = hook.Signed()
	got.Verified, got.Reason = verify(hook, req.Header, body, now)
	status, behavior := r.keep(hook.Tenant, &got)

	w.Header().Set("Content-Type", "application/json")
	switch {
	case behavior == Wait && !r.wait(req.Context()):
		panic(http.ErrAbortHandler) // the sender has given up, or the program ends
	case behavior == Cut:
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, `{"received":`)
		_ = http.NewResponseController(w).Flush() // or nothing at all would be sent
		panic(http.ErrAbortHandler)               // closes the connection within the body
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"received\":%t,\"verified\":%t}\n", status < 300, got.Verified)
}

// wait waits for Patience; false: the request ended before.
func (r *Receiver) wait(ctx context.Context) bool {
	t := time.NewTimer(Patience)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-r.stopping:
	}
	return false
}

// keep stores the request and decides how it is answered.
func (r *Receiver) keep(tenant event.TenantID, got *Request) (status int, behavior Behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.boxLocked(tenant)
	status = http.StatusOK
	switch {
	case b.behavior == Fail:
		status = http.StatusInternalServerError
	case !got.Verified && got.Signed:
		status = http.StatusUnauthorized
	}
	got.Answer = strconv.Itoa(status)
	switch b.behavior {
	case Wait:
		got.Answer += " after " + Patience.String()
	case Cut:
		got.Answer = "connection cut"
	}
	r.last++
	got.ID = r.last
	b.requests = append([]Request{*got}, b.requests[:min(len(b.requests), maxRequests-1)]...)
	return status, b.behavior
}

// verify checks a request as receivers should, by the signature that the webhook uses.
func verify(w *webhook.Webhook, h http.Header, body []byte, now time.Time) (ok bool, reason string) {
	switch w.Signature {
	case webhook.SignRelay, webhook.SignBoth:
		if err := signing.VerifyRelay(w.Secrets.Current, h.Get("X-Relay-Timestamp"), h.Get("X-Relay-Signature"), body, now, 0); err != nil {
			return false, words(err)
		}
		return true, "X-Relay-Signature matches the secret"
	case webhook.SignStandard:
		var keys []ed25519.PublicKey
		if text := w.Secrets.PublicKey(); text != "" {
			if k, err := signing.ParsePublicKey(text); err == nil {
				keys = append(keys, k)
			}
		}
		if err := signing.VerifyStandard([]string{w.Secrets.Current}, keys, h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), h.Get("Webhook-Signature"), body, now, 0); err != nil {
			return false, words(err)
		}
		return true, "Webhook-Signature matches the secret"
	}
	var matched []string
	for _, g := range w.Signatures {
		signer, err := signing.NewSigner(g, w.Secrets.Valid(now)...)
		if err == nil {
			err = signer.Verify(h.Get, h.Get("X-Relay-Delivery"), body, now, 0)
		}
		if err != nil {
			return false, words(err)
		}
		matched = append(matched, g.Header)
	}
	switch len(matched) {
	case 0:
		return false, "the webhook sends no signature"
	case 1:
		return true, matched[0] + " matches the secret"
	}
	return true, strings.Join(matched, ", ") + " match the secret"
}

func words(err error) string { return strings.TrimPrefix(err.Error(), "verifying signature: ") }

func sortedNames(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
