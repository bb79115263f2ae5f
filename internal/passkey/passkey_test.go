package passkey_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/passkey/passkeytest"
)

func TestPartyAt(t *testing.T) {
	for _, tt := range []struct{ address, id, origin string }{
		{"https://relay.example.com", "relay.example.com", "https://relay.example.com"},
		{"https://Relay.example.com:8443/tools/relay", "relay.example.com", "https://relay.example.com:8443"},
		{"http://localhost:8080", "localhost", "http://localhost:8080"},
		{"http://relay.localhost", "relay.localhost", "http://relay.localhost"},
		{"https://localhost", "localhost", "https://localhost"},
		{"http://relay.example.com", "", ""},
		{"http://127.0.0.1:8080", "", ""},
		{"https://192.0.2.1", "", ""},
		{"https://[2001:db8::1]:443", "", ""},
		{"https://", "", ""},
	} {
		u, err := url.Parse(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := passkey.PartyAt(u, "Relay"); got.ID != tt.id || got.Origin != tt.origin || got.Possible() != (tt.id != "") {
			t.Errorf("%s: got %+v, want %q, %q", tt.address, got, tt.id, tt.origin)
		}
	}
}

// site is a party, with one account and the passkey that it has.
type site struct {
	t      *testing.T
	party  passkey.Party
	device *passkeytest.Authenticator
	key    passkey.Key
}

const challenge = "a challenge of thirty-two bytes!"

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, party: passkey.Party{ID: "relay.example.com", Origin: "https://relay.example.com", Name: "Relay"}}
	s.device = &passkeytest.Authenticator{Origin: s.party.Origin}
	var err error
	if s.key, err = s.create(); err != nil {
		t.Fatal(err)
	}
	return s
}

var account = passkey.Account{Handle: "usr_a", Name: "ann@example.com"}

func held(c []byte) error {
	if string(c) != challenge {
		return errors.New("another challenge")
	}
	return nil
}

func (s *site) create() (passkey.Key, error) {
	s.t.Helper()
	options, err := s.party.Create(account, []byte(challenge), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.device.Create(options)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.party.Created(account, answer, held)
}

// get has the device sign, and change the answer before it is checked.
func (s *site) get(change func(string) string) (passkey.Key, error) {
	s.t.Helper()
	options, err := s.party.Get([]byte(challenge))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.device.Get(options)
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		answer = []byte(change(string(answer)))
	}
	return s.party.Got(answer, held, func(credential []byte) (passkey.Key, string, error) {
		if !bytes.Equal(credential, s.key.Credential) {
			s.t.Errorf("asked for the credential %x", credential)
		}
		return s.key, account.Handle, nil
	})
}

func TestOptions(t *testing.T) {
	s := newSite(t)
	create, err := s.party.Create(account, []byte(challenge), []passkey.Key{s.key})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"residentKey":"required"`, `"userVerification":"required"`, `"attestation":"none"`, `"id":"relay.example.com"`, `"name":"ann@example.com"`,
		`"challenge":"` + base64.RawURLEncoding.EncodeToString([]byte(challenge)) + `"`, base64.RawURLEncoding.EncodeToString(s.key.Credential),
	} {
		if !strings.Contains(string(create), want) {
			t.Errorf("got %s, want that it has %s", create, want)
		}
	}
	if _, err := s.device.Create(create); err == nil {
		t.Error("the device has made a second passkey of the account")
	}
	get, err := s.party.Get([]byte(challenge))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(get), "allowCredentials") || !strings.Contains(string(get), `"userVerification":"required"`) {
		t.Errorf("got %s, want a question for any passkey that verifies its user", get)
	}
}

func TestAnswers(t *testing.T) {
	s := newSite(t)
	for want := uint32(1); want <= 2; want++ {
		k, err := s.get(nil)
		if err != nil || k.Counter != want {
			t.Fatalf("got %+v, %v, want the counter %d", k, err, want)
		}
		s.key = k
	}
	// As low as before, then lower.
	for _, back := range []uint32{1, 2} {
		s.device.Counter -= back
		if k, err := s.get(nil); !errors.Is(err, passkey.ErrCopied) || k.Counter != 2 {
			t.Errorf("the counter %d after 2: got %+v, %v, want %v", s.device.Counter, k, err, passkey.ErrCopied)
		}
	}
	s.device.Counter = 10
	if k, err := s.get(nil); err != nil || k.Counter != 11 {
		t.Errorf("got %+v, %v, want the counter 11", k, err)
	}
	// Many authenticators do not count.
	s.device.Counter, s.device.Uncounted, s.key.Counter = 0, true, 0
	for range 2 {
		if k, err := s.get(nil); err != nil || k.Counter != 0 {
			t.Errorf("without a counter: got %+v, %v", k, err)
		}
	}

	wrong := func(name string, change func(string) string, set func()) {
		t.Helper()
		if set != nil {
			set()
		}
		if k, err := s.get(change); !errors.Is(err, passkey.ErrAnswer) {
			t.Errorf("%s: got %+v, %v, want %v", name, k, err, passkey.ErrAnswer)
		}
		s.device.Origin, s.device.Unverified = s.party.Origin, false
	}
	wrong("nobody was verified", nil, func() { s.device.Unverified = true })
	wrong("another site's page", nil, func() { s.device.Origin = "https://relay.example.com.evil.example" })
	wrong("no JSON", func(string) string { return "{" }, nil)
	wrong("nothing", func(string) string { return "" }, nil)
	wrong("another account", func(a string) string {
		return strings.Replace(a, base64.RawURLEncoding.EncodeToString([]byte("usr_a")), base64.RawURLEncoding.EncodeToString([]byte("usr_b")), 1)
	}, nil)
	wrong("another type", func(a string) string { return strings.Replace(a, `"public-key"`, `"password"`, 1) }, nil)
	good := s.key
	s.key.Public = newSite(t).key.Public
	wrong("another key", nil, nil)
	s.key = good

	other := s.party
	other.ID = "example.com"
	options, _ := other.Get([]byte(challenge))
	answer, err := s.device.Get(options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.party.Got(answer, held, func([]byte) (passkey.Key, string, error) { return s.key, account.Handle, nil }); !errors.Is(err, passkey.ErrAnswer) {
		t.Errorf("another site's name: got %v", err)
	}
	options, _ = s.party.Get([]byte("a challenge that nobody has made"))
	if answer, err = s.device.Get(options); err != nil {
		t.Fatal(err)
	}
	if _, err := s.party.Got(answer, held, nil); err == nil || errors.Is(err, passkey.ErrAnswer) {
		t.Errorf("another challenge: got %v, want the caller's error", err)
	}

	s.device.Unverified = true
	if k, err := s.create(); !errors.Is(err, passkey.ErrAnswer) {
		t.Errorf("a passkey that verifies nobody: got %+v, %v", k, err)
	}
}

// FuzzGot: no answer of a browser makes the check panic, or is taken.
func FuzzGot(f *testing.F) {
	s := &site{party: passkey.Party{ID: "localhost", Origin: "http://localhost", Name: "Relay"}}
	s.device = &passkeytest.Authenticator{Origin: s.party.Origin}
	options, err := s.party.Create(account, []byte(challenge), nil)
	if err != nil {
		f.Fatal(err)
	}
	created, err := s.device.Create(options)
	if err != nil {
		f.Fatal(err)
	}
	key, err := s.party.Created(account, created, held)
	if err != nil {
		f.Fatal(err)
	}
	options, _ = s.party.Get([]byte("a challenge that nobody has made"))
	got, err := s.device.Get(options)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(created)
	f.Add(got)
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if k, err := s.party.Got(answer, held, func([]byte) (passkey.Key, string, error) { return key, account.Handle, nil }); err == nil {
			t.Errorf("%s was taken as %+v", answer, k)
		}
		if k, err := s.party.Created(account, answer, held); err == nil && !bytes.Equal(answer, created) && len(k.Credential) == 0 {
			t.Errorf("%s was taken as %+v", answer, k)
		}
	})
}
