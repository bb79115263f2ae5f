package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
)

const hush = "canary-a1b2c3d4e5"

// authOf is a webhook's authentication as an answer shows it.
type authOf struct {
	ID   string
	Auth map[string]string
}

func (w *world) authStored(id string) auth.Settings {
	w.t.Helper()
	h, err := w.hooks.Get(event.DefaultTenant, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return h.Auth
}

func TestAuthIsWriteOnly(t *testing.T) {
	w := newWorld(t)
	const url = `"url":"http://127.0.0.1:9999/"`
	var v authOf
	w.into(&v, 201, "POST", "/v1/webhooks", `{`+url+`}`)
	if fmt.Sprint(v.Auth) != "map[type:none]" {
		t.Errorf("the default: got %v, want type none", v.Auth)
	}
	created := w.do("POST", "/v1/webhooks", `{`+url+`,"auth":{"type":"basic","username":"me","password":"`+hush+`"}}`)
	if created.status != 201 || strings.Contains(string(created.body), hush) {
		t.Fatalf("create: got %d %s, want 201 without the password", created.status, created.body)
	}
	if err := json.Unmarshal(created.body, &v); err != nil {
		t.Fatal(err)
	}
	path := "/v1/webhooks/" + v.ID
	same := func(what, body string, want auth.Settings) {
		t.Helper()
		v := authOf{}
		w.into(&v, 200, "PATCH", path, body)
		if got := w.authStored(v.ID); got != want {
			t.Errorf("%s: got %+v (password kept: %t), want %+v", what, got, got.Password == want.Password, want)
		}
		for _, secret := range []string{"password", "token", "clientSecret", "key"} {
			if s, ok := v.Auth[secret]; ok && s != "***" {
				t.Errorf("%s: the answer shows %s %q, want ***", what, secret, s)
			}
		}
	}
	basic := auth.Settings{Type: auth.Basic, Username: "me", Password: hush}
	same("nothing of it", `{"description":"d"}`, basic)
	same("what was shown", `{"auth":{"type":"basic","username":"me","password":"***"}}`, basic)
	basic.Username = "you"
	same("another name", `{"auth":{"username":"you"}}`, basic)
	same("another path on the host", `{"url":"http://127.0.0.1:9999/other"}`, basic)
	basic.Password = "new"
	same("another password", `{"auth":{"password":"new"}}`, basic)
	same("another host, and the password", `{"url":"http://127.0.0.1:9998/","auth":{"password":"new"}}`, basic)
	key := auth.Settings{Type: auth.APIKey, Token: hush, Header: "ApiKey"}
	same("another type", `{"auth":{"type":"apiKey","token":"`+hush+`"}}`, key)
	key.Header, key.Prefix = "X-Key", "Token "
	same("its header", `{"auth":{"header":"X-Key","prefix":"Token "}}`, key)
	oauth := auth.Settings{Type: auth.OAuth2, ClientID: "me", ClientSecret: hush, TokenURL: "http://127.0.0.1:9999/token", Style: auth.StyleHeader}
	same("OAuth", `{"auth":{"type":"oauth2","clientId":"me","clientSecret":"`+hush+`","tokenUrl":"http://127.0.0.1:9999/token","scope":""}}`, oauth)
	oauth.Scope = "a b"
	same("its scope", `{"auth":{"scope":"a b"}}`, oauth)

	wrong := func(what, body string, fields ...string) {
		t.Helper()
		before := w.authStored(v.ID)
		p := w.refused(422, "PATCH", path, body)
		var got []string
		for _, f := range p.Errors {
			got = append(got, f.Field)
			if strings.Contains(f.Reason, hush) {
				t.Errorf("%s: the reason holds the secret: %s", what, f.Reason)
			}
		}
		if strings.Join(got, " ") != strings.Join(fields, " ") {
			t.Errorf("%s: got %v, want %v", what, got, fields)
		}
		if w.authStored(v.ID) != before {
			t.Errorf("%s: it was stored", what)
		}
	}
	wrong("another token server, without the secret", `{"auth":{"tokenUrl":"http://127.0.0.1:9999/mine"}}`, "auth.clientSecret")
	wrong("another token server, ***", `{"auth":{"tokenUrl":"http://127.0.0.1:9999/mine","clientSecret":"***"}}`, "auth.clientSecret")
	wrong("another host", `{"url":"http://127.0.0.1:9997/"}`, "auth")
	wrong("another type, ***", `{"auth":{"type":"basic","username":"me","password":"***"}}`, "auth.password")
	wrong("a forbidden token server", `{"auth":{"clientSecret":"`+hush+`","tokenUrl":"https://10.0.0.1/token"}}`, "auth.tokenUrl")
	wrong("a token server without TLS", `{"auth":{"clientSecret":"`+hush+`","tokenUrl":"http://example.com/token"}}`, "auth.tokenUrl")
	wrong("members of another type", `{"auth":{"password":"`+hush+`"}}`, "auth.password")
	wrong("an unknown type", `{"auth":{"type":"digest"}}`, "auth.type")
	wrong("an unknown member", `{"auth":{"tokenURL":"https://example.com"}}`, "auth.tokenURL")
	wrong("no text", `{"auth":{"scope":7}}`, "auth.scope")

	same("null", `{"auth":null}`, auth.Settings{Type: auth.None})
	p := w.refused(422, "POST", "/v1/webhooks", `{`+url+`,"auth":{"type":"basic","username":"me","password":"***"}}`)
	if p.Errors[0].Field != "auth.password" {
		t.Errorf("*** at creation: got %v, want auth.password", p.Errors)
	}
}

// TestCertificateNeedsTLS: a client certificate would not be shown over http://.
func TestCertificateNeedsTLS(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	body := func(url string) string {
		b, err := json.Marshal(map[string]any{"url": url, "auth": map[string]any{
			"type": "mtls",
			"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
			"key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if p := w.refused(422, "POST", "/v1/webhooks", body("http://127.0.0.1:9999/")); p.Errors[0].Field != "auth.type" {
		t.Errorf("got %v, want auth.type refused", p.Errors)
	}
	var v authOf
	w.into(&v, 201, "POST", "/v1/webhooks", body("https://127.0.0.1:9999/"))
	if v.Auth["type"] != "mtls" || v.Auth["key"] != "***" {
		t.Errorf("got %v, want mtls with the key hidden", v.Auth)
	}
	if p := w.refused(422, "PATCH", "/v1/webhooks/"+v.ID, `{"url":"http://127.0.0.1:9999/"}`); p.Errors[0].Field != "auth.type" {
		t.Errorf("taking TLS away: got %v, want auth.type refused", p.Errors)
	}
}

// TestTokenParameters: a token server gets the parameters that its owner names, and none that Relay sets itself.
func TestTokenParameters(t *testing.T) {
	w := newWorld(t)
	url, _ := endpoint(t, func() int { return 200 })
	oauth := func(parameters string) string {
		return `{"url":"` + url + `","auth":{"type":"oauth2","clientId":"a","clientSecret":"b","tokenUrl":"` + url + `","scope":"","parameters":` + parameters + `}}`
	}
	type hook struct {
		ID   string
		Auth struct{ Parameters map[string]string }
	}
	var made, changed hook
	w.into(&made, 201, "POST", "/v1/webhooks", oauth(`{"resource":"https://api.example.com/?a=1&b","acr values":"ü+ %"}`))
	if p := made.Auth.Parameters; len(p) != 2 || p["resource"] != "https://api.example.com/?a=1&b" || p["acr values"] != "ü+ %" {
		t.Errorf("got %q", p)
	}
	w.into(&changed, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"auth":{"audience":"x"}}`)
	if len(changed.Auth.Parameters) != 2 {
		t.Errorf("another member changed: got %q, want both parameters", changed.Auth.Parameters)
	}
	changed = hook{}
	w.into(&changed, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"auth":{"parameters":{"resource":"y"}}}`)
	if p := changed.Auth.Parameters; len(p) != 1 || p["resource"] != "y" {
		t.Errorf("changed: got %q, want the resource alone", p)
	}
	changed = hook{}
	w.into(&changed, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"auth":{"parameters":null}}`)
	if len(changed.Auth.Parameters) != 0 {
		t.Errorf("removed: got %q", changed.Auth.Parameters)
	}
	for parameters, field := range map[string]string{
		`{"grant_type":"password"}`: "auth.parameters.grant_type", `{"client_id":"x"}`: "auth.parameters.client_id", `{"client_secret":"x"}`: "auth.parameters.client_secret",
		`{"scope":"x"}`: "auth.parameters.scope", `{"audience":""}`: "auth.parameters.audience", `{"":"x"}`: "auth.parameters", `{"a":"b\u0000"}`: "auth.parameters",
	} {
		if got := w.refused(422, "POST", "/v1/webhooks", oauth(parameters)); !strings.Contains(fmt.Sprint(got), field) {
			t.Errorf("%s: got the fields %v, want %s", parameters, got, field)
		}
	}
	w.refused(422, "POST", "/v1/webhooks", `{"url":"`+url+`","auth":{"type":"basic","username":"a","password":"b","parameters":{"a":"b"}}}`)
}
