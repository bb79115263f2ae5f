package connector_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/egress"
)

// wanted are the connectors that ship with Relay.
var wanted = strings.Fields("braze discord http hubspot-contacts klaviyo mailchimp make meta-custom-audience pagerduty relay slack-bot slack-webhook teams twilio-sms zapier")

// TestStandardConnectorsPassTheirTests: each has tests of what it sends and of what answers mean, and says what it was
// checked against.
func TestStandardConnectorsPassTheirTests(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var names []string
	for _, e := range r.connectors.List(r.who.Tenant) {
		names = append(names, e.Connector)
		if e.CheckedAgainst == "" || len(e.Tests) < 2 {
			t.Errorf("%s: says it was checked against %q, and has %d tests", e.Connector, e.CheckedAgainst, len(e.Tests))
		}
		for _, got := range r.connectors.RunTests(context.Background(), r.who.Tenant, e.Definition) {
			if got.Reason != "" {
				t.Errorf("%s: %s: %s", e.Connector, got.Name, got.Reason)
			}
		}
	}
	if strings.Join(names, " ") != strings.Join(wanted, " ") {
		t.Errorf("got %v, want %v", names, wanted)
	}
}

// stubs are partners' answers to what Relay sends, as their documentation has them.
type stubs struct {
	partner
	client *egress.Client
}

// newStubs returns a server that all hosts lead to, over TLS as in production.
func newStubs(t testing.TB) *stubs {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stubs"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		DNSNames: []string{"slack.com", "hooks.slack.com", "discord.com", "events.pagerduty.com", "api.twilio.com", "api.hubapi.com", "a.klaviyo.com", "us21.api.mailchimp.com", "graph.facebook.com", "partner.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &stubs{}
	s.Server = httptest.NewUnstartedServer(&s.partner)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	address := s.Listener.Addr().String()
	s.client = egress.New(egress.Options{RootCAs: roots, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	t.Cleanup(s.client.Close)
	return s
}

// TestPartners sends by standard connectors to stubs of their partners, and reads what those answer.
func TestPartners(t *testing.T) {
	t.Parallel()
	s := newStubs(t)
	r := newRig(t, s.client)
	person := connector.Payload{
		AudienceID: "238", ProfileID: "p1", PartnerIDs: []string{"crm-1"},
		Variables: []byte(`{"email":"ann@example.com","phone":"+4512345678","country":"DK"}`), Data: []byte(`{"text":"Hi"}`),
	}
	const big = 10 << 20
	for _, tt := range []struct {
		name, connector string
		fields          map[string]string
		status          int
		answer          string
		want            string // how it ends
		sent            string // part of the body
	}{
		{"Slack accepts", "slack-bot", map[string]string{"token": "xoxb-canary-1"}, 200, `{"ok":true}`, "delivered", `"channel":"238"`},
		{"Slack says no in a 200", "slack-bot", map[string]string{"token": "xoxb-canary-1"}, 200, `{"ok":false,"error":"msg_too_long"}`, "failed: Slack did not accept it: msg_too_long", ""},
		{"a channel that is gone", "slack-bot", map[string]string{"token": "xoxb-canary-1"}, 200, `{"ok":false,"error":"is_archived"}`, "failed: Slack cannot post to 238: is_archived", ""},
		{"a Slack webhook", "slack-webhook", map[string]string{"url": "https://hooks.slack.com/services/T0/canary-2"}, 200, `ok`, "delivered", `"text":"Hi"`},
		{"Discord", "discord", map[string]string{"url": "https://discord.com/api/webhooks/1/canary-3"}, 200, `{"id":"1"}`, "delivered", `"allowed_mentions":{"parse":[]}`},
		{"PagerDuty", "pagerduty", map[string]string{"routingKey": "canary-4"}, 202, `{"status":"success"}`, "delivered", `"routing_key":"canary-4"`},
		{"Twilio", "twilio-sms", map[string]string{"accountSid": "AC00000000000000000000000000000000", "from": "+4570000000", "password": "canary-5"}, 400, `{"code":21610,"message":"unsubscribed"}`, "failed: Twilio did not accept it: 21610 unsubscribed", "To=%2B4512345678"},
		{"HubSpot refuses one", "hubspot-contacts", map[string]string{"token": "canary-6"}, 207, `{"errors":[{"message":"not valid","context":{"objectWriteTraceId":["$TRACE"]}}]}`, "failed: not valid", `"id":"ann@example.com"`},
		{"Meta takes one", "meta-custom-audience", map[string]string{"adAccount": "act_12", "token": "canary-7"}, 200, `{"num_received":1,"num_invalid_entries":0}`, "delivered", `"data":[["crm-1",`},
		{"Meta blocks the audience", "meta-custom-audience", map[string]string{"adAccount": "act_12", "token": "canary-7"}, 400, `{"error":{"code":100,"error_subcode":1713230,"error_user_msg":"policy"}}`, "failed: Meta has blocked this audience: policy", ""},
		{"an answer of 10 MiB", "http", map[string]string{"url": "https://partner.example/in"}, 200, strings.Repeat("x", big), "delivered", `"profileId":"p1"`},
		{"a page instead of an answer", "http", map[string]string{"url": "https://partner.example/in"}, 404, `<html>`, "failed: the partner answered 404 Not Found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.mu.Lock()
			s.answer = func(_ int, got *seen, w http.ResponseWriter) {
				if got.method == "GET" || strings.HasSuffix(got.url, "/auth.test") { // the check of the account
					io.WriteString(w, `{"ok":true}`)
					return
				}
				w.WriteHeader(tt.status)
				_, trace, _ := strings.Cut(got.body, `"objectWriteTraceId":"`)
				trace, _, _ = strings.Cut(trace, `"`)
				io.WriteString(w, strings.ReplaceAll(tt.answer, "$TRACE", trace))
			}
			s.mu.Unlock()
			it := r.connect(tt.connector, tt.fields)
			e, err := r.connectors.Get(r.who.Tenant, tt.connector, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.connectors.Try(context.Background(), r.who, e, it.Name, person.Append(nil), "", true)
			if err != nil || got.Attempt == nil {
				t.Fatalf("got %+v, %v", got, err)
			}
			if text := strings.TrimSuffix(got.Attempt.Outcome.String()+": "+got.Attempt.Error, ": "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
			all := s.got()
			if last := all[len(all)-1]; !strings.Contains(last.body, tt.sent) {
				t.Errorf("got the body %s, want %s in it", last.body, tt.sent)
			}
			w, err := r.connectors.Webhook(context.Background(), it)
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprintf("%s %s", w.URL, r.log(w.Number)); strings.Contains(text, "canary") {
				t.Errorf("a credential is in the log: %.2000s", text)
			}
		})
	}
}

// TestAnswersThatAreRetried: temporary failures are tried again, and a refused token is replaced first.
func TestAnswersThatAreRetried(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	r := newRig(t, nil)
	r.live(`connector: tokens
version: 1.0.0
kind: message
name: Tokens
connection: {url: {type: url}, id: {}, secret: {secret: true}}
auth: {type: oauth2, tokenUrl: "${connection.url}/token", clientId: "${connection.id}", clientSecret: "${connection.secret}"}
message: {url: "${connection.url}/in"}
tests: [{name: a, answer: {status: 503}, verdict: retry}]
`)
	tokens := 0
	p.answer = func(n int, s *seen, w http.ResponseWriter) {
		switch {
		case s.url == "/token":
			tokens++
			fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":3600}`, tokens)
		case s.header.Get("Authorization") == "Bearer t1":
			w.WriteHeader(401)
		default:
			io.WriteString(w, "{}")
		}
	}
	it := r.connect("tokens", map[string]string{"url": p.URL, "id": "me", "secret": "canary"})
	if got := r.send(newQueue(), it, map[string]connector.Profile{"p1": {}}); got["p1"] != "delivered" || tokens != 2 {
		t.Errorf("got %v with %d tokens, want it delivered with the second", got, tokens)
	}
}
