package builtin

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// tenants has as many tenants as it is asked for, "t1" and so on, each with one webhook to the receiver.
type tenants struct{ secret string }

func (s tenants) Tenant(name string) (account.Tenant, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "t"))
	return account.Tenant{ID: event.TenantID(n), Name: name}, err == nil
}

func (s tenants) List(tenant event.TenantID) []*webhook.Webhook {
	w := &webhook.Webhook{ID: "wh_1", Tenant: tenant, Settings: webhook.Settings{URL: urlOf(int(tenant)), Signature: webhook.SignRelay}}
	w.Secrets.Current = s.secret
	return []*webhook.Webhook{w}
}

func urlOf(tenant int) string { return "http://" + Host + "/t" + strconv.Itoa(tenant) + "/abc" }

type world struct {
	*Receiver
	t      *testing.T
	secret string
	client *http.Client
}

func newWorld(t *testing.T) *world {
	w := &world{Receiver: New(), t: t, secret: signing.NewSecret()}
	known := tenants{w.secret}
	w.Attach(known, known)
	t.Cleanup(w.Stop)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return w.Dial(ctx) }}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	return w
}

// post sends a signed body and returns the status, 0 if there was no answer.
func (w *world) post(url, secret, body string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().Unix()
	req.Header.Set("X-Relay-Timestamp", strconv.FormatInt(now, 10))
	req.Header.Set("X-Relay-Signature", string(signing.NewRelay(secret).AppendSignature(nil, now, []byte(body))))
	res, err := w.client.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// TestReceiver verifies, tells why not, and takes nothing for a URL that no webhook has.
func TestReceiver(t *testing.T) {
	w := newWorld(t)
	if got := w.post(urlOf(1), w.secret, `{"a":1}`); got != 200 {
		t.Errorf("signed well: got %d, want 200", got)
	}
	if got := w.post(urlOf(1), signing.NewSecret(), `{"a":2}`); got != 401 {
		t.Errorf("signed with another secret: got %d, want 401", got)
	}
	for _, url := range []string{urlOf(1) + "d", urlOf(1) + "?x", "http://" + Host + "/t1/", "http://" + Host + "/nobody/abc", "http://" + Host + "/"} {
		if got := w.post(url, w.secret, `{}`); got != 404 {
			t.Errorf("%s: got %d, want 404", url, got)
		}
	}
	list, _ := w.Requests(1)
	if len(list) != 2 || list[0].Verified || !list[1].Verified || list[0].Answer != "401" || string(list[1].Body) != `{"a":1}` {
		t.Errorf("got %+v", list)
	}
	if other, _ := w.Requests(2); len(other) != 0 {
		t.Errorf("another tenant sees %+v", other)
	}
}

// TestBounds holds requests, bodies and tenants to their bounds.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	for i := range maxRequests + 5 {
		w.post(urlOf(1), w.secret, strconv.Itoa(i))
	}
	if list, _ := w.Requests(1); len(list) != maxRequests || string(list[0].Body) != strconv.Itoa(maxRequests+4) {
		t.Errorf("kept %d, the newest %q", len(list), list[0].Body)
	}
	long := string(bytes.Repeat([]byte("x"), maxBody+1))
	if got := w.post(urlOf(1), w.secret, long); got != 200 {
		t.Errorf("a long body: got %d, want 200: it is verified whole", got)
	}
	if list, _ := w.Requests(1); len(list[0].Body) != maxBody || list[0].Bytes != maxBody+1 || !list[0].Verified {
		t.Errorf("kept %d of %d bytes, verified %t", len(list[0].Body), list[0].Bytes, list[0].Verified)
	}
	if got := w.post(urlOf(1), w.secret, strings.Repeat("x", maxRead+1)); got != 413 {
		t.Errorf("a body beyond all bounds: got %d, want 413", got)
	}
	for n := range maxTenants + 3 {
		w.post(urlOf(n+1), w.secret, "{}")
	}
	if n := len(w.boxes); n != maxTenants {
		t.Errorf("%d tenants are kept, want %d", n, maxTenants)
	}
}

// TestStopEndsWaiting: a receiver that stops does not leave its senders waiting.
func TestStopEndsWaiting(t *testing.T) {
	w := newWorld(t)
	w.Behave(1, Wait)
	var sent sync.WaitGroup
	sent.Go(func() {
		if got := w.post(urlOf(1), w.secret, "{}"); got != 0 {
			t.Errorf("got the answer %d of a receiver that has stopped", got)
		}
	})
	for { // until the request is there
		if list, _ := w.Requests(1); len(list) == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	w.Stop()
	sent.Wait()
	if _, err := w.Dial(t.Context()); err == nil {
		t.Error("a receiver that has stopped can be reached")
	}
}
