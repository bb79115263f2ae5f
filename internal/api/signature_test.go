package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/signing"
)

// A receiver that verifies another system's signature goes on to do so, beside a new one that verifies Relay's, with the
// secret it has.
func TestSignaturesOfOtherSystems(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	type doc struct {
		hookDoc
		Signature json.RawMessage
	}
	create := func(body string) (d doc) {
		t.Helper()
		w.into(&d, 201, "POST", "/v1/webhooks", `{"url":"`+url+`",`+body+`}`)
		if d.Secret == "" || strings.Contains(body, `"secret"`) && !strings.Contains(body, d.Secret) {
			t.Fatalf("created with %s: got secret %q", body, d.Secret)
		}
		return d
	}
	send := func(d doc) received {
		t.Helper()
		w.into(nil, 200, "POST", "/v1/webhooks/"+d.ID+"/test", ``)
		return <-got
	}
	mac := func(secret, text string) string {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(text))
		return hex.EncodeToString(m.Sum(nil))
	}

	// As Outpost signs, beside Relay's own signature, with a secret from elsewhere.
	const secret = "a secret from elsewhere, of 36 bytes"
	both := create(`"secret":"` + secret + `","signature":["relay",{"header":"x-outpost-signature","value":"t={timestamp},v0={signatures}","content":"{timestamp}.{body}","separator":","}]`)
	if want := `["relay",{"header":"x-outpost-signature","value":"t={timestamp},v0={signatures}","content":"{timestamp}.{body}","algorithm":"sha256","encoding":"hex","prefix":"","separator":",","key":"text","idHeader":"","timestampHeader":""}]`; string(both.Signature) != want {
		t.Errorf("shown: got %s, want %s", both.Signature, want)
	}
	r := send(both)
	if err := signing.VerifyRelay(secret, r.header.Get(signing.HeaderRelayTimestamp), r.header.Get(signing.HeaderRelaySignature), r.body, time.Now(), 0); err != nil {
		t.Errorf("X-Relay-Signature: %v", err)
	}
	at := r.header.Get("X-Relay-Timestamp")
	if got, want := r.header.Get("x-outpost-signature"), "t="+at+",v0="+mac(secret, at+"."+string(r.body)); got != want {
		t.Errorf("x-outpost-signature: got %s, want %s", got, want)
	}
	// What is shown can be given again.
	var again doc
	w.into(&again, 200, "PATCH", "/v1/webhooks/"+both.ID, `{"signature":`+string(both.Signature)+`}`)
	if string(again.Signature) != string(both.Signature) {
		t.Errorf("PATCH with what was shown: got %s", again.Signature)
	}
	var rotated doc
	w.into(&rotated, 200, "POST", "/v1/webhooks/"+both.ID+"/rotate-secret", `{"overlap":"1h","secret":"another secret, long enough"}`)
	r = send(both)
	at = r.header.Get("X-Relay-Timestamp")
	if got, want := r.header.Get("x-outpost-signature"), "t="+at+",v0="+mac("another secret, long enough", at+"."+string(r.body))+","+mac(secret, at+"."+string(r.body)); got != want {
		t.Errorf("in the overlap: got %s, want %s", got, want)
	}

	// The preset of a name, with a secret that Svix made: its library, which has the names of Standard Webhooks, verifies.
	const svix = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hook := create(`"preset":"svix","secret":"` + svix + `"`)
	if string(hook.Signature) != `"svix"` || hook.Format != "raw" {
		t.Errorf("preset svix: got signature %s, format %s", hook.Signature, hook.Format)
	}
	r = send(hook)
	library, err := standardwebhooks.NewWebhook(svix)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Id", "Timestamp", "Signature"} {
		r.header.Set("Webhook-"+part, r.header.Get("Svix-"+part))
	}
	if err := library.Verify(r.body, r.header); err != nil || r.header.Get("X-Relay-Signature") != "" {
		t.Errorf("preset svix: %v, of %v", err, r.header)
	}

	hub := create(`"signature":"github","secret":"short"`)
	r = send(hub)
	if got, want := r.header.Get("X-Hub-Signature-256"), "sha256="+mac("short", string(r.body)); got != want {
		t.Errorf("X-Hub-Signature-256: got %s, want %s", got, want)
	}
	// The log and the preview show no signature that could be used.
	if text := string(w.do("POST", "/v1/webhooks/"+hub.ID+"/preview", `{"events":[{"type":"a.b","data":1}]}`).body); !strings.Contains(text, `"sha256=***"`) {
		t.Errorf("preview: got %s, want a masked X-Hub-Signature-256", text)
	}

	for body, field := range map[string]string{
		`"signature":"hmac"`:                                                       "signature",
		`"signature":7`:                                                            "signature",
		`"signature":[]`:                                                           "signature",
		`"signature":["relay","none"]`:                                             "signature[1]",
		`"signature":["relay",[]]`:                                                 "signature[1]",
		`"signature":{}`:                                                           "signature.header",
		`"signature":{"header":"X-A","algoritm":"sha1"}`:                           "signature.algoritm",
		`"signature":[{"header":"X-A","key":"x"}]`:                                 "signature[0].key",
		`"signature":{"header":"X-A","content":"{id}"}`:                            "signature.content",
		`"signature":{"header":"X-Relay-Signature"}`:                               "signature.header",
		`"signature":{"header":"Content-Type"}`:                                    "signature.header",
		`"signature":[{"header":"X-A"},{"header":"x-a"}]`:                          `signature["x-a"].header`,
		`"signature":{"header":"X-A"},"headers":{"x-A":"1"}`:                       `headers["x-A"]`,
		`"signature":{"header":"X-A","key":"hex"},"secret":"xyz"`:                  "secret",
		`"signature":"standard","secret":"` + secret + `"`:                         "secret",
		`"signature":["standard",{"header":"X-A","key":"hex"}]`:                    "secret", // none can be made for both
		`"signature":"relay","secret":"too short"`:                                 "secret",
		`"signature":"github","secret":"` + strings.Repeat("x", 513) + `"`:         "secret",
		`"signature":["svix","stripe","github",{"header":"X-A"},{"header":"X-B"}]`: "signature",
	} {
		if p := w.refused(422, "POST", "/v1/webhooks", `{"url":"`+url+`",`+body+`}`); p.fields() != field {
			t.Errorf("%s: got %+v, want field %s", body, p, field)
		}
	}
	// A signature that the secret there is cannot make.
	if p := w.refused(422, "PATCH", "/v1/webhooks/"+hub.ID, `{"signature":"standard"}`); p.fields() != "signature" || strings.Contains(p.Detail, "short") {
		t.Errorf("standard with a secret of text: got %+v", p)
	}
	if p := w.refused(422, "POST", "/v1/webhooks/"+hub.ID+"/rotate-secret", `{"overlap":"1h"}`); p.fields() != "overlap" {
		t.Errorf("overlap where there is room for one signature: got %+v", p)
	}
	if p := w.refused(422, "POST", "/v1/webhooks/"+hub.ID+"/rotate-secret", `{"secret":""}`); p.fields() != "secret" {
		t.Errorf("an empty secret: got %+v", p)
	}
	w.into(nil, 200, "POST", "/v1/webhooks/"+hub.ID+"/rotate-secret", ``)
	w.into(nil, 200, "PATCH", "/v1/webhooks/"+hub.ID, `{"signature":"standard"}`)
}

func TestRevealSecret(t *testing.T) {
	w := newWorld(t)
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"https://example.com/hook","signature":"standard"}`)
	path := "/v1/webhooks/" + hook.ID + "/reveal-secret"
	if p := w.refused(403, "POST", path, ""); !strings.Contains(p.Detail, "revealSecrets") {
		t.Errorf("where the tenant does not allow it: got %+v", p)
	}
	var tenant struct{ RevealSecrets bool }
	w.into(&tenant, 200, "PATCH", "/v1/tenants/default", `{"revealSecrets":true}`)
	if !tenant.RevealSecrets {
		t.Fatalf("got %+v, want it to be allowed", tenant)
	}
	var rotated hookDoc
	w.into(&rotated, 200, "POST", "/v1/webhooks/"+hook.ID+"/rotate-secret", `{"overlap":"1h"}`)
	var shown struct {
		Secret, PreviousSecret string
		PreviousSecretUntil    time.Time
	}
	w.into(&shown, 200, "POST", path, "")
	if shown.Secret != rotated.Secret || shown.PreviousSecret != hook.Secret || shown.PreviousSecretUntil.IsZero() {
		t.Errorf("got %+v, want %s, and %s for a time", shown, rotated.Secret, hook.Secret)
	}
	w.into(nil, 200, "PATCH", "/v1/tenants/default", `{"revealSecrets":null}`)
	w.refused(403, "POST", path, "")
	manage := w.key(access.ScopeManage)
	w.refused(403, "POST", path, "", "Authorization", "Bearer "+manage)
	w.refused(404, "POST", "/v1/webhooks/wh_none/reveal-secret", "")
}
