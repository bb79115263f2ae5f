package dashboard_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/signing"
)

// TestSignatureDoctor: on the page of an attempt somebody pastes what their code made of the request that they got, and is
// told which mistake it was, in the dashboard's words and in those of a portal. What they paste is not shown again.
func TestSignatureDoctor(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	w, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + "/hook", Events: client.Set([]string{"call.completed"}), Signature: client.Set("relay+standard")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA1", "n": 1}}); err != nil {
		t.Fatal(err)
	}
	r, body := e.next(t)
	attempt := s.theLog(w.ID)
	mac := func(key, content string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(content))
		return m.Sum(nil)
	}
	head := r.Header.Get(signing.HeaderRelayTimestamp) + "."
	id := r.Header.Get(signing.HeaderStandardID)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UpdatePortal(t.Context(), client.UpdatePortal{Theme: client.Set(client.PortalThemeFields{Language: client.Set("de")})}); err != nil {
		t.Fatal(err)
	}
	v := s.visit(client.CreatePortalLink{Capabilities: client.Set([]string{"test"})})
	if _, page := v.get("/log/" + attempt.ID); !strings.Contains(page, "Signaturdoktor") || !strings.Contains(page, signing.HeaderStandardSignature) {
		t.Errorf("the page of the attempt: got %s", main(page))
	}
	for _, c := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"computed": {hex.EncodeToString(mac(w.Secret, head+string(body)))}}, "Ihr Code berechnet die richtige Signatur."},
		{url.Values{"computed": {hex.EncodeToString(mac(w.Secret, string(body)))}}, "fehlt der Zeitstempel"},
		{url.Values{"computed": {hex.EncodeToString(mac(string(key), head+string(body)))}}, "Ihr Code dekodiert das Geheimnis."},
		{url.Values{"computed": {hex.EncodeToString(mac(w.Secret, head+"[object Object]"))}}, "Ihr Code hasht ein Objekt"},
		{url.Values{"computed": {base64.StdEncoding.EncodeToString(mac(w.Secret, head+string(body)+"\n"))}}, "hat ein anderes Zeilenende"},
		{url.Values{"computed": {base64.StdEncoding.EncodeToString(mac(string(key), head+string(body)))}, "header": {signing.HeaderStandardSignature}}, "fehlt die ID der Nachricht"},
		{url.Values{"computed": {base64.StdEncoding.EncodeToString(mac(string(key), id+"."+head+string(body)))}, "header": {signing.HeaderStandardSignature}}, "die richtige Signatur"},
		{url.Values{"computed": {base64.StdEncoding.EncodeToString(mac(string(key), id+"."+head+string(body)))}}, "die Signatur einer anderen Kopfzeile"},
		{url.Values{"secret": {"whsec_planted-secret"}, "computed": {hex.EncodeToString(mac("whsec_planted-secret", head+string(body)))}}, "das Geheimnis eines anderen Webhooks"},
		{url.Values{"headers": {"host: example.com"}}, "Eine Kopfzeile hat Ihren Code nicht erreicht."},
		{url.Values{"computed": {strings.Repeat("ab", 32)}}, "Kein bekannter Fehler"},
		{url.Values{}, "Fügen Sie zuerst etwas ein."},
	} {
		status, page := v.post("/log/"+attempt.ID+"/doctor", c.form)
		if status != 200 || !strings.Contains(page, c.want) {
			t.Errorf("%v: got %d %s, want %q", c.form, status, main(page), c.want)
		}
		if strings.Contains(page, "planted-secret") || strings.Contains(page, w.Secret) {
			t.Errorf("%v: the page shows a secret", c.form)
		}
	}

	// With a secret that is not known any more nothing can be said.
	if _, err := s.api.RotateWebhookSecret(t.Context(), w.ID, client.RotateRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, page := v.get("/log/" + attempt.ID); strings.Contains(page, "Signaturdoktor") {
		t.Error("the doctor is there after the secret was rotated away")
	}
}
