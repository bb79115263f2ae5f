package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/egress/auth"
)

// A Sealer encrypts secrets before they are stored. Its methods are safe
// for concurrent use; secret.Keyring is one. Nodes that share a store need the
// same keys.
type Sealer interface {
	// Seal encrypts a value; it opens only with the same context, which says
	// where it is stored.
	Seal(plain []byte, context string) ([]byte, error)
	// Open returns the sealed bytes, and JSON objects stored unencrypted before
	// there was encryption as they are. Errors hold no secrets.
	Open(sealed []byte, context string) ([]byte, error)
	// Stale tells that a stored value should be sealed again: it is in clear,
	// or was sealed with an old key.
	Stale(sealed []byte) bool
}

// InClear is the Sealer of a store that was given none: it stores in clear.
type InClear struct{}

// Seal returns the value as it is.
func (InClear) Seal(plain []byte, _ string) ([]byte, error) { return plain, nil }

// Stale is false: there is nothing better to seal with.
func (InClear) Stale([]byte) bool { return false }

// Open returns a value in clear, and an error for one that is sealed.
func (InClear) Open(sealed []byte, _ string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != '{' {
		return nil, errors.New("it is sealed, and the store was opened without keys")
	}
	return sealed, nil
}

// secretsContext says where the secrets are stored, so that sealed bytes
// copied to another webhook or tenant do not open there. It is the same in
// every store, which can so be copied into each other.
func (w *Webhook) secretsContext() string {
	return fmt.Sprintf("webhook.secrets/%d/%s", w.Tenant, w.ID)
}

// sealed is stored under the seal: the secrets, and the settings that
// hold credentials, or may.
type sealed struct {
	Secrets
	Auth    json.RawMessage   `json:"auth,omitempty"` // of type none: left out
	Headers map[string]string `json:"headers,omitempty"`
	Options json.RawMessage   `json:"options,omitempty"` // of the destination
}

// unreadable is the type of an authentication that was stored by another
// version of Relay and cannot be read by this one: attempts fail and say so.
const unreadable auth.Type = "unreadable"

// SealSecrets returns the secrets as they are stored, and with them Auth, Headers
// and the destination's options of the settings. Its errors hold none.
func (w *Webhook) SealSecrets(s Sealer) ([]byte, error) {
	all := sealed{Secrets: w.Secrets, Headers: w.Headers, Options: w.Destination.Options}
	var err error
	switch w.Auth.Type {
	case auth.None, "":
	case unreadable:
		all.Auth = w.unread
	default:
		all.Auth, err = w.Auth.Reveal()
	}
	if err != nil {
		return nil, errors.New("the authentication cannot be encoded") // the cause could repeat it
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil, errors.New("secrets cannot be encoded") // as above
	}
	return s.Seal(b, w.secretsContext())
}

// ResealSecrets seals stored secrets with the Sealer's newest key, as they are;
// the webhook's ID and Tenant must be set. Its errors hold no secrets.
func (w *Webhook) ResealSecrets(s Sealer, stored []byte) ([]byte, error) {
	b, err := s.Open(stored, w.secretsContext())
	if err != nil {
		return nil, fmt.Errorf("secrets of webhook %q cannot be read: %w", w.ID, err)
	}
	return s.Seal(b, w.secretsContext())
}

// OpenSecrets restores the argument of SealSecrets from its stored form; the
// webhook's ID and Tenant must be set. It must come after OpenSettings. An
// authentication that cannot be read is kept as it is, and is no error: one
// webhook must not keep all others from being delivered to. Errors hold no
// secrets.
func (w *Webhook) OpenSecrets(s Sealer, stored []byte) error {
	b, err := s.Open(stored, w.secretsContext())
	if err != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read: %w", w.ID, err)
	}
	var all sealed
	if json.Unmarshal(b, &all) != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read", w.ID) // as above
	}
	w.Secrets = all.Secrets
	if all.Headers != nil {
		w.Headers = all.Headers
	}
	w.Destination.Options = all.Options
	w.Auth = auth.Settings{Type: auth.None}
	if all.Auth != nil && json.Unmarshal(all.Auth, &w.Auth) != nil {
		w.Auth, w.unread = auth.Settings{Type: unreadable}, all.Auth
	}
	return nil
}

// StoredSettings returns the settings as they are stored in clear: without
// the parts that SealSecrets takes.
func (w *Webhook) StoredSettings() ([]byte, error) {
	s := w.Settings
	s.Headers = nil
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("settings of webhook %q cannot be encoded: %w", w.ID, err)
	}
	return b, nil
}

// OpenSettings sets the settings from what StoredSettings returned.
func (w *Webhook) OpenSettings(stored []byte) error {
	if err := json.Unmarshal(stored, &w.Settings); err != nil {
		return fmt.Errorf("settings of webhook %q cannot be read: %w", w.ID, err)
	}
	w.headersInClear = w.Headers != nil
	return nil
}

// HeadersInClear tells that the stored settings hold headers, as they did
// before headers were sealed: the webhook should be stored again.
func (w *Webhook) HeadersInClear() bool { return w.headersInClear }
