package e2etest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// adminKey is the operator's key of every relay started here.
const adminKey = "rk_e2e_admin_key_0123456789"

// patience bounds waits. It is far longer than anything takes, so that a slow machine fails no
// test.
const patience = 60 * time.Second

// relay is a running "relay serve".
type relay struct {
	t      testing.TB
	binary string
	dir    string // data folder
	url    string
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when the process has ended
	http   *http.Client
	files  int // limit of open files; 0 for none
}

// startRelay starts a relay on an empty folder; it stops at the end of the test.
func startRelay(t testing.TB) *relay { return startRelayWithFiles(t, 0) }

// startRelayWithFiles starts a relay with a limit of open files.
func startRelayWithFiles(t testing.TB, files int) *relay {
	t.Helper()
	build := testenv.BuildRelay
	if testenv.Race {
		build = testenv.BuildRelayRace
	}
	r := &relay{t: t, binary: build(t), dir: t.TempDir(), files: files, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: patience,
	}}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		if r.cmd != nil {
			r.stop()
		}
		if t.Failed() {
			t.Logf("the relay wrote:\n%s", r.output.tail())
		}
	})
	r.start()
	return r
}

var addressInOutput = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`)

// start starts the process on the relay's folder and waits until it is ready.
func (r *relay) start() {
	r.t.Helper()
	r.output = &output{written: make(chan struct{}, 1)}
	r.cmd = exec.Command(r.binary, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", r.dir)
	if r.files > 0 {
		r.cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, r.files)}, r.cmd.Args...)...)
	}
	r.cmd.Env = append(r.cmd.Environ(), "RELAY_ADMIN_KEY="+adminKey)
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		r.cmd = nil
		r.t.Fatalf("starting the relay: %v", err)
	}
	ended, cmd := make(chan struct{}), r.cmd
	r.ended = ended
	go func() { cmd.Wait(); close(ended) }() // ends with the process, which stop or kill ends
	timeout := time.After(patience)
	for r.url = ""; r.url == ""; {
		r.url = addressInOutput.FindString(r.output.tail())
		if r.url != "" {
			break
		}
		select {
		case <-r.output.written:
		case <-ended:
			r.t.Fatalf("the relay ended before it listened:\n%s", r.output.tail())
		case <-timeout:
			r.t.Fatalf("the relay names no address after %v:\n%s", patience, r.output.tail())
		}
	}
	eventually(r.t, "the relay is ready", func() bool {
		res, err := r.http.Get(r.url + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// stop ends the process as an operator does, and expects success.
func (r *relay) stop() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Errorf("stopping the relay: %v", err)
	}
	select {
	case <-r.ended:
		if code := r.cmd.ProcessState.ExitCode(); code != 0 {
			r.t.Errorf("the relay, asked to stop, ended with code %d, want 0:\n%s", code, r.output.tail())
		}
	case <-time.After(patience):
		r.t.Errorf("the relay runs %v after it was asked to stop", patience)
		r.cmd.Process.Kill()
		<-r.ended
	}
	r.cmd = nil
}

// kill ends the process as a crash does.
func (r *relay) kill() {
	r.t.Helper()
	r.cmd.Process.Kill()
	<-r.ended
	r.cmd = nil
}

// output keeps the last output of a process.
type output struct {
	mu      sync.Mutex
	text    []byte        // guarded by mu
	written chan struct{} // buffered, 1
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.text = append(o.text, p...)
	const keep = 64 << 10
	if n := len(o.text) - keep; n > 0 {
		o.text = append(o.text[:0], o.text[n:]...)
	}
	o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// answer is an answer of the API.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request with the operator's key; headers are pairs that override those set here.
func (r *relay) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(method, path, body, headers...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// try is do for goroutines of a test, which must not end it.
func (r *relay) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := r.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, err
}

// into makes a request that must be answered with the status, and decodes the answer into v unless
// v is nil.
func (r *relay) into(v any, status int, method, path, body string, headers ...string) {
	r.t.Helper()
	a := r.do(method, path, body, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s %.300s: got %d %.2000s, want %d", method, path, body, a.status, a.body, status)
	}
	if v != nil {
		if err := json.Unmarshal(a.body, v); err != nil {
			r.t.Fatalf("%s %s: decoding %s: %v", method, path, a.body, err)
		}
	}
}

// refused makes a request that must be refused with the status and returns the names of the invalid
// fields.
func (r *relay) refused(status int, method, path, body string, headers ...string) string {
	r.t.Helper()
	a := r.do(method, path, body, headers...)
	var p struct {
		Type   string
		Status int
		Errors []struct{ Field, Reason string }
	}
	err := json.Unmarshal(a.body, &p)
	if err != nil || a.status != status || p.Status != status || a.header.Get("Content-Type") != "application/problem+json" ||
		!strings.HasPrefix(p.Type, "urn:relay:problem:") {
		r.t.Errorf("%s %s %.300s: got %d %.1000s, want a problem document with %d", method, path, body, a.status, a.body, status)
	}
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return strings.Join(names, " ")
}

// The API's documents, as far as the tests read them.
type (
	hookDoc struct {
		ID, URL, Status, Secret string
		Health                  struct{ DisabledReason string }
	}
	publishedDoc struct {
		ID, Type, Timestamp string
		Duplicate           bool
	}
	publishedManyDoc struct {
		Accepted, Duplicates int
		Events               []publishedDoc
	}
	eventDoc struct {
		ID, Type string
		Data     json.RawMessage
	}
	deliveryDoc struct {
		ID, EventID, EventType, WebhookID, State, Reason string
		Attempts                                         int
		NextAttemptAt                                    *time.Time
	}
	attemptDoc struct {
		ID, DeliveryID, EventID, EventType, WebhookID, Outcome string
		At                                                     time.Time
		Number                                                 int
		Test                                                   bool
		Error                                                  *struct{ Kind, Message string }
		Request                                                struct {
			Method, URL, Body string
			Headers           map[string]string
		}
		Response *struct {
			Status    int
			Headers   map[string]string
			Body      string
			BodyBytes int64
			Truncated bool
		}
		Timing        struct{ DNSMs, ConnectMs, TLSMs, FirstByteMs, TotalMs float64 }
		NextAttemptAt *time.Time
	}
	jobDoc struct {
		ID, Kind, WebhookID, State string
		Scanned, Deliveries        int
		Progress                   float64
	}
	explanationDoc struct {
		WebhookID, Verdict, Detail string
		Delivery                   *deliveryDoc
	}
	list[T any] struct {
		Data       []T
		NextCursor *string
	}
)

// webhook creates a webhook; settings is a JSON object.
func (r *relay) webhook(settings string) hookDoc {
	r.t.Helper()
	var h hookDoc
	r.into(&h, 201, "POST", "/v1/webhooks", settings)
	return h
}

// publish publishes one event and returns the answer.
func (r *relay) publish(event string, headers ...string) publishedDoc {
	r.t.Helper()
	var p publishedDoc
	r.into(&p, 202, "POST", "/v1/events", event, headers...)
	return p
}

// attempts returns the newest entries of a webhook's log.
func (r *relay) attempts(hook, query string) []attemptDoc {
	r.t.Helper()
	var l list[attemptDoc]
	r.into(&l, 200, "GET", "/v1/webhooks/"+hook+"/attempts?"+query, "")
	return l.Data
}

// waitAttempts waits until the webhook's log has n entries: an attempt is logged after the receiver
// has got it.
func (r *relay) waitAttempts(hook string, n int) []attemptDoc {
	r.t.Helper()
	var got []attemptDoc
	eventually(r.t, fmt.Sprintf("%d attempts are in the log", n), func() bool {
		got = r.attempts(hook, "limit=250")
		return len(got) >= n
	})
	return got
}

// deliveryOf returns the delivery of an event to a webhook.
func (r *relay) deliveryOf(event, hook string) (d deliveryDoc, ok bool) {
	r.t.Helper()
	var l list[deliveryDoc]
	r.into(&l, 200, "GET", "/v1/events/"+event+"/deliveries", "")
	for _, d := range l.Data {
		if d.WebhookID == hook {
			return d, true
		}
	}
	return d, false
}

// waitState waits until the delivery of an event to a webhook is in a state.
func (r *relay) waitState(event, hook, state string) deliveryDoc {
	r.t.Helper()
	var d deliveryDoc
	eventually(r.t, fmt.Sprintf("the delivery of %s is %s", event, state), func() bool {
		d, _ = r.deliveryOf(event, hook)
		return d.State == state
	})
	return d
}

// received is a request as a receiver got it.
type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

// receiver is an endpoint that records its requests.
type receiver struct {
	t    testing.TB
	url  string
	got  chan received
	mu   sync.Mutex
	code int // status code of answers; guarded by mu
}

// startReceiver starts an endpoint that answers 200 by default.
func startReceiver(t testing.TB) *receiver {
	t.Helper()
	v := &receiver{t: t, code: 200, got: make(chan received, 10_000)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("receiver: reading the body: %v", err)
		}
		v.mu.Lock()
		code := v.code
		v.mu.Unlock()
		v.got <- received{time.Now(), r.Header, body}
		w.Header().Set("X-Receiver", "e2e")
		w.WriteHeader(code)
		fmt.Fprintf(w, "answered %d", code)
	}))
	t.Cleanup(s.Close)
	v.url = s.URL + "/hook"
	return v
}

// answers sets the status of answers from now on.
func (v *receiver) answers(code int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.code = code
}

// next waits for the next request and returns it.
func (v *receiver) next() received {
	v.t.Helper()
	select {
	case r := <-v.got:
		return r
	case <-time.After(patience):
		v.t.Fatalf("the receiver got nothing for %v", patience)
		return received{}
	}
}

// nothing checks that no request has arrived.
func (v *receiver) nothing(why string) {
	v.t.Helper()
	select {
	case r := <-v.got:
		v.t.Errorf("%s: the receiver got %s", why, r.body)
	default:
	}
}

// dataOf returns the data in an envelope of the format relay, which ends with it.
func dataOf(t testing.TB, envelope []byte) string {
	t.Helper()
	_, data, ok := bytes.Cut(envelope, []byte(`,"data":`))
	if !ok || !bytes.HasSuffix(data, []byte("}")) {
		t.Fatalf("got the body %s, want an envelope that ends with data", envelope)
	}
	return string(data[:len(data)-1])
}

// eventually waits until f returns true. It is for state stored after its effect is visible,
// without a signal.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, patience)
}
