// Package receivertest helps to test programs that receive webhooks from Relay, and Relay itself.
//
// NewRequest builds the requests that Relay would send. StartExpress and StartFlask run the
// receivers printed in call-webhooks.txt, unchanged, as real processes; they need this module's
// source around the test, Node.js with npm, and Python with Flask.
package receivertest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/signing"
)

// NewRequest builds the POST that Relay would send now to a webhook with this secret, signed with
// both schemes. The webhookId should be the one in the body; Standard Webhooks also sends it as a
// header.
func NewRequest(url, secret, webhookID string, body []byte) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("building request to %q: %w", url, err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := Sign(r.Header, secret, webhookID, time.Now(), body); err != nil {
		return nil, err
	}
	return r, nil
}

// Sign sets the headers of both schemes as of a time, which a test of a receiver's clock may
// choose.
func Sign(h http.Header, secret, webhookID string, at time.Time, body []byte) error {
	if err := signing.CheckID(webhookID); err != nil {
		return fmt.Errorf("signing request: %w", err)
	}
	standard, err := signing.NewStandard([]string{secret}, nil)
	if err != nil {
		return fmt.Errorf("signing request: %w", err)
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	h.Set(signing.HeaderRelayTimestamp, seconds)
	h.Set(signing.HeaderRelaySignature, string(signing.NewRelay(secret).AppendSignature(nil, at.Unix(), body)))
	h.Set(signing.HeaderStandardID, webhookID)
	h.Set(signing.HeaderStandardTimestamp, seconds)
	h.Set(signing.HeaderStandardSignature, string(standard.AppendSignature(nil, webhookID, at.Unix(), body)))
	return nil
}
