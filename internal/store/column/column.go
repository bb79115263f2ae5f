// Package column turns values of the configuration into the form that a column of
// either store holds, and back.
package column

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

// Millis returns the stored form of a time: milliseconds since 1970, and 0 for
// the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time returns the time that Millis made the number of.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Webhook is the stored form of a webhook: JSON, and its sealed secrets.
type Webhook struct {
	Settings, Health, Inactive string
	Secrets                    []byte
}

// OfWebhook makes the columns of a webhook.
func OfWebhook(w *webhook.Webhook, sealer webhook.Sealer) (col Webhook, err error) {
	text := func(v any) string {
		b, e := json.Marshal(v)
		err = errors.Join(err, e)
		return string(b)
	}
	col.Health = text(w.Health)
	col.Inactive = "[]"
	if len(w.Inactive) > 0 {
		col.Inactive = text(w.Inactive)
	}
	settings, e := w.StoredSettings()
	if err = errors.Join(err, e); err != nil {
		return col, err
	}
	col.Settings = string(settings)
	col.Secrets, err = w.SealSecrets(sealer)
	return col, err
}

// OfHealth makes the column of a webhook's health.
func OfHealth(w *webhook.Webhook) (string, error) {
	b, err := json.Marshal(w.Health)
	return string(b), err
}

// Read sets the webhook's fields from the columns; its ID and Tenant are set:
// the secrets are sealed to them. It keeps none of the columns' memory.
func (col *Webhook) Read(w *webhook.Webhook, sealer webhook.Sealer) error {
	if err := w.OpenSettings([]byte(col.Settings)); err != nil {
		return err
	}
	if err := w.OpenSecrets(sealer, col.Secrets); err != nil {
		return err
	}
	err := errors.Join(
		json.Unmarshal([]byte(col.Health), &w.Health),
		json.Unmarshal([]byte(col.Inactive), &w.Inactive))
	if err != nil {
		return fmt.Errorf("webhook %q: %w", w.ID, err)
	}
	return nil
}
