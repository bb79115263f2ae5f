package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/passkey/passkeytest"
	"github.com/relay-events/relay/internal/web"
)

// door has people reach the API by a name, since passkeys belong to one, and returns a device.
func (w *world) door() *passkeytest.Authenticator {
	w.t.Helper()
	u, err := url.Parse("http://localhost:8080")
	if err == nil {
		w.api.SignIn, err = web.NewSignIn(u)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return &passkeytest.Authenticator{Origin: "http://localhost:8080"}
}

type publicKey struct{ PublicKey json.RawMessage }

// offered makes Ann's answer to the offer of a passkey, in w.code.
func offered(w *world) string {
	w.t.Helper()
	person(w)
	w.offer(w.door())
	return ""
}

func (w *world) offer(device *passkeytest.Authenticator) {
	w.t.Helper()
	var v publicKey
	w.intoAs(w.cookie, &v, 200, "GET", "/v1/passkeys/options", "")
	w.code = w.signed(device.Create(v.PublicKey))
}

func (w *world) signed(answer []byte, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(answer)
}

// aPasskey returns the id of a passkey of Ann's.
func aPasskey(w *world) string {
	w.t.Helper()
	id, _ := w.registered()
	return id
}

func (w *world) registered() (id string, device *passkeytest.Authenticator) {
	w.t.Helper()
	person(w)
	device = w.door()
	w.offer(device)
	var k struct{ ID string }
	w.intoAs(w.cookie, &k, 201, "POST", "/v1/passkeys", fmt.Sprintf(`{"name":"Laptop","credential":%s}`, w.code))
	return k.ID, device
}

// atTheDoor makes Ann's answer to the question at the sign-in, in w.code.
func atTheDoor(w *world) string {
	w.t.Helper()
	_, device := w.registered()
	w.ask(device)
	return ""
}

func (w *world) ask(device *passkeytest.Authenticator) {
	w.t.Helper()
	var v publicKey
	w.into(&v, 200, "GET", "/v1/session/passkey", "", "Authorization", "")
	w.code = w.signed(device.Get(v.PublicKey))
}

func TestPasskeysOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.refused(409, "GET", "/v1/session/passkey", "", "Authorization", "") // there is no name yet
	id, device := w.registered()
	w.refused(403, "GET", "/v1/passkeys", "") // a key has none
	var list struct {
		Data []struct {
			ID, Name, Site string
			Synced         bool
			LastUsedAt     *string
		}
	}
	w.intoAs(w.cookie, &list, 200, "GET", "/v1/passkeys", "")
	if len(list.Data) != 1 || list.Data[0].ID != id || list.Data[0].Site != "localhost" || list.Data[0].LastUsedAt != nil {
		t.Errorf("got %+v", list)
	}
	w.ask(device)
	login := fmt.Sprintf(`{"credential":%s}`, w.code)
	a := w.do("POST", "/v1/session/passkey", login, "Authorization", "")
	var me struct {
		Email   string
		Session struct{ Method string }
	}
	if err := json.Unmarshal(a.body, &me); err != nil || a.status != 201 || me.Email != "ann@example.com" || me.Session.Method != "passkey" || !strings.HasPrefix(a.header.Get("Set-Cookie"), "relay=rs_") {
		t.Fatalf("got %d %s, %v, want a session", a.status, a.body, err)
	}
	cookie := cookieOf(a)
	w.intoAs(cookie, &list, 200, "GET", "/v1/passkeys", "")
	if list.Data[0].LastUsedAt == nil {
		t.Errorf("got %+v, want its use", list)
	}
	w.refused(401, "POST", "/v1/session/passkey", login, "Authorization", "")
	if a := w.do("POST", "/v1/session/passkey", login, "Authorization", "", "Origin", "https://evil.example"); a.status != 403 {
		t.Errorf("from another site: got %d %s", a.status, a.body)
	}
	w.ask(device)
	w.intoAs(cookie, nil, 204, "POST", "/v1/session/confirm", fmt.Sprintf(`{"credential":%s}`, w.code))
	device.Counter = 0
	w.ask(device)
	if p := w.refused(401, "POST", "/v1/session/passkey", fmt.Sprintf(`{"credential":%s}`, w.code), "Authorization", ""); !strings.Contains(p.Detail, "copy") {
		t.Errorf("got %q, want that it says why", p.Detail)
	}
	for _, body := range []string{`{"credential":null}`, `{"credential":[]}`, `{"credential":{}}`, `{}`, `{"credential":"x"}`} {
		if a := w.do("POST", "/v1/session/passkey", body, "Authorization", ""); a.status < 400 || a.status > 499 {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
	w.intoAs(cookie, nil, 200, "PATCH", "/v1/passkeys/"+id, `{"name":"Old"}`)
	w.intoAs(cookie, nil, 204, "DELETE", "/v1/passkeys/"+id, "")
	w.refusedAs(cookie, 404, "PATCH", "/v1/passkeys/"+id, `{"name":"Old"}`)
}
