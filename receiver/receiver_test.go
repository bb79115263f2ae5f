package receiver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/receiver"
	"github.com/relay-events/relay/receiver/receivertest"
)

const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func envelope(webhookID string) []byte {
	return fmt.Appendf(nil, `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":%q,"data":{"sid":"CA1"}}`, webhookID)
}

func newReceiver(t testing.TB, cfg receiver.Config) *receiver.Receiver {
	t.Helper()
	if cfg.Secrets == nil && cfg.PublicKeys == nil {
		cfg.Secrets = []string{secret}
	}
	rc, err := receiver.New(cfg)
	if err != nil {
		t.Fatalf("receiver.New: %v", err)
	}
	return rc
}

// newRequest builds the request that Relay would send now to the webhook with this secret.
func newRequest(t testing.TB, url, webhookID string, body []byte) *http.Request {
	t.Helper()
	r, err := receivertest.NewRequest(url, secret, webhookID, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve runs a handler behind a real server.
func serve(t testing.TB, h http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func send(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("reading answer: %v", err)
	}
	return answer, string(body)
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  receiver.Config
	}{
		{"nothing to verify with", receiver.Config{}},
		{"empty secret", receiver.Config{Secrets: []string{""}}},
		{"empty secret beside a good one", receiver.Config{Secrets: []string{secret, ""}}},
		{"secret with a line end", receiver.Config{Secrets: []string{secret + "\n"}}},
		{"secret without whsec_", receiver.Config{Secrets: []string{secret[6:]}}},
		{"empty key", receiver.Config{PublicKeys: []string{""}}},
		{"private key", receiver.Config{PublicKeys: []string{signing.EncodePrivateKey(signing.NewPrivateKey())}}},
	} {
		_, err := receiver.New(c.cfg)
		if err == nil {
			t.Errorf("%s: New(%+v): got nil, want an error", c.name, c.cfg)
		} else if strings.Contains(err.Error(), secret[6:20]) {
			t.Errorf("%s: error %q tells the secret", c.name, err)
		}
	}
}

// All kinds of requests that must not reach the handler, and some that must, over a real
// connection.
func TestAnswers(t *testing.T) {
	drop := func(names ...string) func(*http.Request) {
		return func(r *http.Request) {
			for _, name := range names {
				r.Header.Del(name)
			}
		}
	}
	onlyRelay := drop(signing.HeaderStandardID, signing.HeaderStandardTimestamp, signing.HeaderStandardSignature)
	onlyStandard := drop(signing.HeaderRelayTimestamp, signing.HeaderRelaySignature)
	both := func(changes ...func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			for _, change := range changes {
				change(r)
			}
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	signed := func(secret string, ago time.Duration, body []byte) func(*http.Request) {
		return func(r *http.Request) {
			if err := receivertest.Sign(r.Header, secret, "whk_x", time.Now().Add(-ago), body); err != nil {
				t.Errorf("signing: %v", err)
			}
		}
	}
	good := envelope("whk_x")
	big := append(bytes.Repeat([]byte(" "), 5000), good...)

	for _, c := range []struct {
		name   string
		body   []byte // default: good
		change func(*http.Request)
		status int
		text   string
		err    error
	}{
		{name: "both schemes", status: 200, text: "ok"},
		{name: "relay scheme", change: onlyRelay, status: 200, text: "ok"},
		{name: "standard scheme", change: onlyStandard, status: 200, text: "ok"},
		{name: "relay scheme from an old secret, standard from both", change: set(signing.HeaderRelaySignature, "sha256="+strings.Repeat("0", 64)), status: 200, text: "ok"},
		{name: "body of exactly the limit", body: append(bytes.Repeat([]byte(" "), 4096-len(good)), good...), status: 200, text: "ok"},
		{name: "keys nobody knows", body: bytes.Replace(good, []byte(`{"version"`), []byte(`{"new":[1],"version"`), 1), status: 200, text: "ok"},
		{name: "GET", change: func(r *http.Request) { r.Method = http.MethodGet }, status: 405, text: "only POST\n"},
		{name: "PUT", change: func(r *http.Request) { r.Method = http.MethodPut }, status: 405, text: "only POST\n"},
		{name: "no headers", change: both(onlyRelay, onlyStandard), status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "empty header", change: both(onlyRelay, set(signing.HeaderRelaySignature, "")), status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "body changed", change: func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(good, []byte("CA1"), []byte("CA2"), 1)))
		}, status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "other secret", change: signed(signing.NewSecret(), 0, good), status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "six minutes old", change: signed(secret, 6*time.Minute, good), status: 401, text: "stale timestamp\n", err: receiver.ErrTimestamp},
		{name: "six minutes ahead", change: signed(secret, -6*time.Minute, good), status: 401, text: "stale timestamp\n", err: receiver.ErrTimestamp},
		{name: "signature twice", change: both(onlyRelay, func(r *http.Request) {
			r.Header.Add(signing.HeaderRelaySignature, r.Header.Get(signing.HeaderRelaySignature))
		}), status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "body over the limit", body: big, status: 413, text: "body too large\n", err: receiver.ErrTooLarge},
		{name: "body over the limit, length unknown", body: big, change: func(r *http.Request) { r.ContentLength = -1 }, status: 413, text: "body too large\n", err: receiver.ErrTooLarge},
		{name: "body cannot be parsed", body: []byte(`{"version":`), status: 400, text: "cannot read the request\n", err: receiver.ErrEnvelope},
		{name: "empty body", body: []byte{}, status: 400, text: "cannot read the request\n", err: receiver.ErrEnvelope},
		{name: "batch with something else in it", body: fmt.Appendf(nil, "[%s,{}]", good), status: 400, text: "cannot read the request\n", err: receiver.ErrEnvelope},
		{name: "empty batch", body: []byte("[]"), status: 400, text: "cannot read the request\n", err: receiver.ErrEnvelope},
		{name: "batch cut short", body: fmt.Appendf(nil, "[%s", good), status: 400, text: "cannot read the request\n", err: receiver.ErrEnvelope},
		{name: "batch of next year", body: fmt.Appendf(nil, "[%s,%s]", good, bytes.Replace(good, []byte("2026-05-05\""), []byte("2027-01-01\""), 1)), status: 501, text: "unknown version\n", err: receiver.ErrVersion},
		{name: "batch changed", body: fmt.Appendf(nil, "[%s]", good), change: func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader(fmt.Appendf(nil, "[%s, %s]", good, good)))
			r.ContentLength = -1
		}, status: 401, text: "bad signature\n", err: receiver.ErrSignature},
		{name: "version of next year", body: bytes.Replace(good, []byte("2026-05-05\""), []byte("2027-01-01\""), 1), status: 501, text: "unknown version\n", err: receiver.ErrVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			var called atomic.Int32
			reported := make(chan error, 1)
			rc := newReceiver(t, receiver.Config{MaxBody: 4096, OnError: func(_ *http.Request, err error) { reported <- err }})
			url := serve(t, rc.Handle(func(_ context.Context, e receiver.Event) error {
				called.Add(1)
				if e.WebhookID != "whk_x" {
					t.Errorf("got webhookId %q, want whk_x", e.WebhookID)
				}
				return nil
			}))
			body := c.body
			if body == nil {
				body = good
			}
			r := newRequest(t, url, "whk_x", body)
			if c.change != nil {
				c.change(r)
			}
			answer, text := send(t, r)
			if answer.StatusCode != c.status || text != c.text {
				t.Errorf("got %d %q, want %d %q", answer.StatusCode, text, c.status, c.text)
			}
			if got, want := called.Load() == 1, c.status == 200; got != want {
				t.Errorf("handler called: got %t, want %t", got, want)
			}
			if c.err != nil {
				select { // OnError comes before the answer
				case err := <-reported:
					if !errors.Is(err, c.err) {
						t.Errorf("OnError: got %v, want %v", err, c.err)
					}
				default:
					t.Errorf("OnError: not called, want %v", c.err)
				}
			}
		})
	}
}

func TestEd25519(t *testing.T) {
	key := signing.NewPrivateKey()
	signer, err := signing.NewStandard(nil, []ed25519.PrivateKey{key})
	if err != nil {
		t.Fatal(err)
	}
	body := envelope("whk_1")
	for name, c := range map[string]struct {
		cfg  receiver.Config
		want error
	}{
		"its key":     {receiver.Config{PublicKeys: []string{signing.EncodePublicKey(key.Public().(ed25519.PublicKey))}}, nil},
		"another key": {receiver.Config{PublicKeys: []string{signing.EncodePublicKey(signing.NewPrivateKey().Public().(ed25519.PublicKey))}}, receiver.ErrSignature},
		"no key":      {receiver.Config{Secrets: []string{secret}}, receiver.ErrSignature},
	} {
		rc, now := newReceiver(t, c.cfg), time.Now().Unix()
		h := http.Header{}
		h.Set(signing.HeaderStandardID, "whk_1")
		h.Set(signing.HeaderStandardTimestamp, strconv.FormatInt(now, 10))
		h.Set(signing.HeaderStandardSignature, string(signer.AppendSignature(nil, "whk_1", now, body)))
		if err := rc.Verify(h, body); !errors.Is(err, c.want) {
			t.Errorf("%s: Verify: got %v, want %v", name, err, c.want)
		}
		// A receiver with only public keys cannot verify the other scheme, and must reject it.
		h = http.Header{}
		h.Set(signing.HeaderRelayTimestamp, strconv.FormatInt(now, 10))
		h.Set(signing.HeaderRelaySignature, string(signing.NewRelay(signing.NewSecret()).AppendSignature(nil, now, body)))
		if err := rc.Verify(h, body); !errors.Is(err, receiver.ErrSignature) || strings.Contains(err.Error(), "nil") {
			t.Errorf("%s: Verify of the relay scheme: got %v, want %v", name, err, receiver.ErrSignature)
		}
	}
}

// The rule of call-webhooks.txt: remember after the first successful processing, answer duplicates
// with 200.
func TestFailedEventsComeAgain(t *testing.T) {
	var fail atomic.Value
	fail.Store("error")
	var calls atomic.Int32
	rc := newReceiver(t, receiver.Config{})
	url := serve(t, rc.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch fail.Load() {
		case "error":
			http.Error(w, "no", http.StatusInternalServerError)
		case "redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "panic":
			panic(http.ErrAbortHandler)
		case "nothing":
		case "accepted":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		}
	})))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	attempt := func(id string) (int, error) {
		answer, err := client.Do(newRequest(t, url, id, envelope(id)))
		if err != nil {
			return 0, err
		}
		answer.Body.Close()
		return answer.StatusCode, nil
	}
	for i, step := range []struct {
		id, mode string
		status   int // 0: the connection breaks
		calls    int32
	}{
		{"whk_1", "error", 500, 1},
		{"whk_1", "redirect", 302, 2},
		{"whk_1", "panic", 0, 3},
		{"whk_1", "accepted", 202, 4},
		{"whk_1", "error", 200, 4}, // a duplicate now
		{"whk_2", "nothing", 200, 5},
		{"whk_2", "error", 200, 5},
		{"whk_3", "error", 500, 6},
	} {
		fail.Store(step.mode)
		status, err := attempt(step.id)
		if status != step.status || (err != nil) != (step.status == 0) || calls.Load() != step.calls {
			t.Fatalf("step %d, %s while %q: got status %d, error %v, %d calls, want status %d and %d calls",
				i, step.id, step.mode, status, err, calls.Load(), step.status, step.calls)
		}
	}
}

// An attempt that arrives while an earlier one is still running must neither run the handler nor be
// answered 200.
func TestConcurrentAttempts(t *testing.T) {
	started, finish := make(chan struct{}), make(chan error)
	var calls atomic.Int32
	rc := newReceiver(t, receiver.Config{})
	url := serve(t, rc.Handle(func(context.Context, receiver.Event) error {
		if calls.Add(1) == 1 {
			close(started)
			return <-finish
		}
		return nil
	}))
	first, request := make(chan int, 1), newRequest(t, url, "whk_1", envelope("whk_1"))
	go func() {
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			first <- 0
			return
		}
		answer.Body.Close()
		first <- answer.StatusCode
	}()
	<-started
	answer, _ := send(t, newRequest(t, url, "whk_1", envelope("whk_1")))
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("second attempt: got %d, Retry-After %q, want 503 with Retry-After", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
	if answer, _ := send(t, newRequest(t, url, "whk_2", envelope("whk_2"))); answer.StatusCode != 200 {
		t.Errorf("another event meanwhile: got %d, want 200", answer.StatusCode)
	}
	finish <- errors.New("database away")
	if got := <-first; got != 500 {
		t.Errorf("first attempt: got %d, want 500", got)
	}
	if answer, _ := send(t, newRequest(t, url, "whk_1", envelope("whk_1"))); answer.StatusCode != 200 || calls.Load() != 3 {
		t.Errorf("third attempt: got %d after %d calls, want 200 after 3", answer.StatusCode, calls.Load())
	}
}

func TestHandlerErrorStaysInside(t *testing.T) {
	var reported error
	rc := newReceiver(t, receiver.Config{OnError: func(_ *http.Request, err error) { reported = err }})
	cause := errors.New("password of the database is wrong")
	w := httptest.NewRecorder()
	rc.Handle(func(context.Context, receiver.Event) error { return cause }).
		ServeHTTP(w, newRequest(t, "/", "whk_1", envelope("whk_1")))
	if w.Code != 500 || strings.Contains(w.Body.String(), "password") {
		t.Errorf("got %d %q, want 500 without the cause", w.Code, w.Body)
	}
	if !errors.Is(reported, cause) {
		t.Errorf("OnError: got %v, want %v", reported, cause)
	}
}

// brokenSeen fails like a database.
type brokenSeen struct{ has, add error }

func (b brokenSeen) Has(context.Context, string) (bool, error) { return false, b.has }
func (b brokenSeen) Add(ctx context.Context, _ string) error   { return errors.Join(ctx.Err(), b.add) }

func TestBrokenSeen(t *testing.T) {
	away := errors.New("database away")
	for _, c := range []struct {
		name   string
		seen   brokenSeen
		status int
		called bool
		err    error
	}{
		{"lookup fails", brokenSeen{has: away}, 503, false, away},
		{"remembering fails", brokenSeen{add: away}, 200, true, away},
		{"nothing fails", brokenSeen{}, 200, true, nil},
	} {
		var reported error
		called := false
		rc := newReceiver(t, receiver.Config{Seen: c.seen, OnError: func(_ *http.Request, err error) { reported = err }})
		ctx, hangUp := context.WithCancel(context.Background())
		h := rc.Handle(func(context.Context, receiver.Event) error {
			called = true
			hangUp() // Relay's 10 s are over; the processed event is recorded nevertheless
			return nil
		})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, newRequest(t, "/", "whk_1", envelope("whk_1")).WithContext(ctx))
		hangUp()
		if w.Code != c.status || called != c.called || !errors.Is(reported, c.err) {
			t.Errorf("%s: got %d, called %t, reported %v, want %d, %t, %v", c.name, w.Code, called, reported, c.status, c.called, c.err)
		}
	}
}

func TestMiddlewareHandsOnTheSignedBody(t *testing.T) {
	body := []byte(`{"version":"2026-05-05", "event":"x","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_1","data":{"n":1.50,"s":"\u00e9"}}`)
	rc := newReceiver(t, receiver.Config{})
	url := serve(t, rc.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) || r.ContentLength != int64(len(body)) {
			t.Errorf("body in the handler: got %q, %v, length %d, want %q", got, err, r.ContentLength, body)
		}
		e, ok := receiver.EventFrom(r.Context())
		if want := `{"n":1.50,"s":"\u00e9"}`; !ok || string(e.Data) != want {
			t.Errorf("EventFrom: got data %q, %t, want %q", e.Data, ok, want)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flushing through the wrapped writer: got %v, want nil", err)
		}
	})))
	if answer, _ := send(t, newRequest(t, url, "whk_1", body)); answer.StatusCode != 200 {
		t.Errorf("got %d, want 200", answer.StatusCode)
	}
	if _, ok := receiver.EventFrom(context.Background()); ok {
		t.Errorf("EventFrom of a context without event: got true, want false")
	}
}
