package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A Sealer encrypts what is secret before it is stored. Its methods are safe
// for concurrent use; secret.Keyring is one. Nodes that share a store need the
// same keys.
type Sealer interface {
	// Seal encrypts a value; it opens only with the same context, which says
	// where it is stored.
	Seal(plain []byte, context string) ([]byte, error)
	// Open returns what was sealed, and JSON objects stored in clear before
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

// SealSecrets returns the secrets as they are stored. Its errors hold none.
func (w *Webhook) SealSecrets(s Sealer) ([]byte, error) {
	b, err := json.Marshal(w.Secrets)
	if err != nil {
		return nil, errors.New("secrets cannot be encoded") // the cause could repeat them
	}
	return s.Seal(b, w.secretsContext())
}

// OpenSecrets sets the secrets from what is stored; the webhook's ID and
// Tenant must be set. Its errors hold none.
func (w *Webhook) OpenSecrets(s Sealer, stored []byte) error {
	b, err := s.Open(stored, w.secretsContext())
	if err != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read: %w", w.ID, err)
	}
	if json.Unmarshal(b, &w.Secrets) != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read", w.ID) // as above
	}
	return nil
}
