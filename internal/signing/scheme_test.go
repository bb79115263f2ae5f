package signing

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func fieldsOf(t *testing.T, s Scheme, id string, unix int64, body string, secrets ...string) http.Header {
	t.Helper()
	g, err := NewSigner(s, secrets...)
	if err != nil {
		t.Fatalf("preparing %s: %v", s.Header, err)
	}
	h := http.Header{}
	g.Fields(id, unix, []byte(body), false, func(name, value string) { h.Add(name, value) })
	return h
}

func preset(t *testing.T, name string) Scheme {
	t.Helper()
	s, ok := Preset(name)
	if !ok || s.Name() != name {
		t.Fatalf("preset %q: got %+v, %v", name, s, ok)
	}
	s.Check(func(member, reason string) { t.Errorf("preset %q: %s %s", name, member, reason) })
	return s
}

// The example of GitHub's documentation, "Validating webhook deliveries".
func TestGitHubVector(t *testing.T) {
	h := fieldsOf(t, preset(t, "github"), "dlv_1", 1, "Hello, World!", "It's a Secret to Everybody")
	if got, want := h.Get("X-Hub-Signature-256"), "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Svix signs as Standard Webhooks do, under names of its own: their library is the judge.
func TestSvixPreset(t *testing.T) {
	const old, fresh = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	body, unix := `{"n":1.50}`, time.Now().Unix()
	h := fieldsOf(t, preset(t, "svix"), "dlv_1", unix, body, fresh, old)
	standard := http.Header{}
	for _, part := range []string{"id", "timestamp", "signature"} {
		standard.Set("webhook-"+part, h.Get("svix-"+part))
	}
	for _, secret := range []string{old, fresh} {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify([]byte(body), standard); err != nil {
			t.Errorf("the library rejects %v: %v", h, err)
		}
		if w.Verify([]byte(body+" "), standard) == nil {
			t.Error("the library accepts another body")
		}
	}
}

func TestStripePreset(t *testing.T) {
	h := fieldsOf(t, preset(t, "stripe"), "dlv_1", 1700000000, `{"a":1}`, "whsec_new", "old")
	// openssl dgst -sha256 -hmac whsec_new, and -hmac old, of 1700000000.{"a":1}
	want := "t=1700000000,v1=e8dddd2062d71761004bf7a203f96314721871cce1a41057a9e2fdf6d91a3735,v1=5bed6ff4fdaa1f7539be4b82f6c76ce254e00e815b22b0dc8132056e0392cbcf"
	if got := h.Get("Stripe-Signature"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSchemeVerify(t *testing.T) {
	now := time.Unix(1700000000, 0)
	schemes := []Scheme{
		preset(t, "svix"), preset(t, "github"), preset(t, "stripe"),
		{Header: "X-One", Content: "{id}:{body}", Algorithm: "sha512", Encoding: "base64"},
		{Header: "X-Two", Value: "{id};{timestamp}; {signatures};", Content: "{timestamp},{body}", Prefix: "v0=", Separator: "|", Algorithm: "sha1"},
		{Header: "X-Three", Content: "{timestamp}{body}{timestamp}", TimestampHeader: "X-At", Key: "hex"},
	}
	for _, s := range schemes {
		t.Run(s.Header, func(t *testing.T) {
			s = s.WithDefaults()
			s.Check(func(member, reason string) { t.Errorf("%s %s", member, reason) })
			secrets := []string{"abcdef0123456789abcdef01", "fedcba9876543210fedcba98", "aaaaaaaaaaaaaaaaaaaaaaaa"}
			h := fieldsOf(t, s, "dlv_1", now.Unix(), "body", secrets[:2]...)
			verify := func(h http.Header, body string, at time.Time, secret string) error {
				g, err := NewSigner(s, secret)
				if err != nil {
					t.Fatal(err)
				}
				return g.Verify(h.Get, "dlv_1", []byte(body), at, 0)
			}
			if err := verify(h, "body", now, secrets[0]); err != nil {
				t.Errorf("the current secret: %v, of %v", err, h)
			}
			if err := verify(h, "body", now, secrets[1]); (err == nil) != (s.Separator != "") {
				t.Errorf("the previous secret: %v, of %v", err, h)
			}
			for name, err := range map[string]error{
				"another secret": verify(h, "body", now, secrets[2]),
				"another body":   verify(h, "bodx", now, secrets[0]),
				"no header":      verify(http.Header{}, "body", now, secrets[0]),
			} {
				if err == nil {
					t.Errorf("%s: accepted", name)
				}
			}
			if err := verify(h, "body", now.Add(time.Hour), secrets[0]); strings.Contains(s.Content, "{timestamp}") != errors.Is(err, ErrTimestamp) {
				t.Errorf("an hour later: got %v", err)
			}
			late := h.Clone()
			for name, values := range late {
				late[name] = []string{strings.ReplaceAll(values[0], strconv.FormatInt(now.Unix(), 10), strconv.FormatInt(now.Unix()+60, 10))}
			}
			if err := verify(late, "body", now, secrets[0]); strings.Contains(s.Content, "{timestamp}") != (err != nil) {
				t.Errorf("with another timestamp: got %v", err)
			}
		})
	}
}

func TestSchemeCheck(t *testing.T) {
	for _, tt := range []struct {
		s    Scheme
		want string // the members that are wrong
	}{
		{Scheme{}, "header"},
		{Scheme{Header: "X Y"}, "header"},
		{Scheme{Header: "X-Ünicode"}, "header"},
		{Scheme{Header: "X", IDHeader: "a\r\nb", TimestampHeader: ":"}, "idHeader timestampHeader"},
		{Scheme{Header: "X", Value: "none"}, "value"},
		{Scheme{Header: "X", Value: "{signatures}{signatures}"}, "value"},
		{Scheme{Header: "X", Value: "{signatures}{body}"}, "value"},
		{Scheme{Header: "X", Value: "a\n{signatures}"}, "value"},
		{Scheme{Header: "X", Content: "{id}"}, "content"},
		{Scheme{Header: "X", Content: "{{body}}"}, "content"},
		{Scheme{Header: "X", Content: "{timestamp}{body}"}, "content"},
		{Scheme{Header: "X", Content: "{timestamp}{body}", Value: "{timestamp}{signatures}"}, ""},
		{Scheme{Header: "X", Content: strings.Repeat("x", 251) + "{body}"}, "content"},
		{Scheme{Header: "X", Content: strings.Repeat("x", 250) + "{body}"}, ""},
		{Scheme{Header: "X", Algorithm: "md5", Encoding: "HEX", Key: "none"}, "algorithm encoding key"},
		{Scheme{Header: "X", Prefix: strings.Repeat("x", 33), Separator: "\t\n"}, "prefix separator"},
	} {
		var got []string
		tt.s.WithDefaults().Check(func(member, _ string) { got = append(got, member) })
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.s, got, tt.want)
		}
	}
	for _, tt := range []struct{ key, secret string }{{"text", ""}, {"base64", "?"}, {"base64", "whsec_"}, {"hex", "abc"}, {"text", strings.Repeat("x", 513)}} {
		err := Scheme{Header: "X", Key: tt.key}.CheckSecret(tt.secret)
		if !errors.Is(err, ErrSecret) || len(tt.secret) > 2 && strings.Contains(err.Error(), tt.secret) {
			t.Errorf("%s %q: got %v", tt.key, tt.secret, err)
		}
	}
}
