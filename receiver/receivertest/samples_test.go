package receivertest_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/receiver/receivertest"
)

// The samples match the document line by line; only the indentation, which the document's text has
// lost, was restored. The sums are those of the document's own lines, each without leading spaces
// and with a line end.
func TestSamplesAreUnchanged(t *testing.T) {
	for name, want := range map[string]string{
		"express.js":          "07f42f34187acb491f8af91d7479b52713908a37c44fe7e47dd6ba2953e74a02",
		"flask_app.py":        "fe869682b75bf81379cd88eafda0e1f4002ef0e374b9e2c1a673dc460ff366c0",
		"rails_controller.rb": "c0e7f2a33f6dade6087e1c79578475cdcbf771f3adf74374a4482120542e4fea",
	} {
		text, err := os.ReadFile("../testdata/callwebhooks/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		for line := range strings.Lines(string(text)) {
			io.WriteString(sum, strings.TrimLeft(line, " "))
		}
		if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
			t.Errorf("%s: got sum %s, want %s: the sample must stay as call-webhooks.txt prints it", name, got, want)
		}
	}
}

const sampleBody = `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_abc123","data":{"callerName":"Žofie \u00e9 😀","n":1.50}}`

// The answers of both receivers to requests that a test changes after signing.
func TestSampleReceivers(t *testing.T) {
	for _, sample := range []struct {
		name  string
		start func(testing.TB, string) string
		// the sample's answer to a signature that is not 64 hexadecimal digits: the Express one
		// throws
		malformed int
	}{
		{"Express", receivertest.StartExpress, http.StatusInternalServerError},
		{"Flask", receivertest.StartFlask, http.StatusUnauthorized},
	} {
		t.Run(sample.name, func(t *testing.T) {
			secret := signing.NewSecret()
			url := sample.start(t, secret)
			now := time.Now()
			for _, c := range []struct {
				name   string
				secret string        // the secret for signing; empty means the receiver's
				signed time.Duration // the time of signing, relative to now
				body   string        // the signed body; empty means sampleBody
				change func(*http.Request)
				want   int
			}{
				{name: "as signed", want: 200},
				{name: "again: the samples do not deduplicate", want: 200},
				{name: "body of 90 KB", body: `{"data":"` + strings.Repeat("é", 45<<10) + `"}`, want: 200},
				{name: "four minutes old", signed: -4 * time.Minute, want: 200},
				{name: "six minutes old", signed: -6 * time.Minute, want: 401},
				{name: "six minutes ahead", signed: 6 * time.Minute, want: 401},
				{name: "other secret", secret: signing.NewSecret(), want: 401},
				{name: "secret without whsec_", secret: strings.TrimPrefix(secret, "whsec_"), want: 401},
				{name: "timestamp changed", want: 401, change: func(r *http.Request) {
					r.Header.Set(signing.HeaderRelayTimestamp, fmt.Sprint(now.Unix()+1))
				}},
				{name: "body changed", want: 401, change: func(r *http.Request) {
					r.Body = io.NopCloser(strings.NewReader(strings.Replace(sampleBody, "1.50", "1.51", 1)))
				}},
				{name: "body re-encoded", want: 401, change: func(r *http.Request) {
					body := strings.Replace(sampleBody, "1.50", "1.5", 1)
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				}},
				{name: "signature changed", want: 401, change: func(r *http.Request) {
					r.Header.Set(signing.HeaderRelaySignature, "sha256="+strings.Repeat("0", 64))
				}},
				{name: "signature cut", want: sample.malformed, change: func(r *http.Request) {
					r.Header.Set(signing.HeaderRelaySignature, "sha256=00")
				}},
				{name: "signature missing", want: sample.malformed, change: func(r *http.Request) {
					r.Header.Del(signing.HeaderRelaySignature)
				}},
			} {
				signWith, body := secret, sampleBody
				if c.secret != "" {
					signWith = c.secret
				}
				if c.body != "" {
					body = c.body
				}
				r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				at := now.Add(c.signed).Unix()
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set(signing.HeaderRelayTimestamp, fmt.Sprint(at))
				r.Header.Set(signing.HeaderRelaySignature, string(signing.NewRelay(signWith).AppendSignature(nil, at, []byte(body))))
				if c.change != nil {
					c.change(r)
				}
				status, answer := send(t, r)
				if status != c.want {
					t.Errorf("%s: got status %d (%q), want %d", c.name, status, answer, c.want)
				}
				if c.want == 200 && answer != "ok" {
					t.Errorf("%s: got answer %q, want %q", c.name, answer, "ok")
				}
			}
		})
	}
}

func send(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("reading answer: %v", err)
	}
	return answer.StatusCode, string(text)
}

func TestNewRequest(t *testing.T) {
	secret, body := signing.NewSecret(), []byte(sampleBody)
	r, err := receivertest.NewRequest("https://example.com/hook", secret, "whk_abc123", body)
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	now := time.Now()
	get := r.Header.Get
	if err := signing.VerifyRelay(secret, get(signing.HeaderRelayTimestamp), get(signing.HeaderRelaySignature), body, now, 0); err != nil {
		t.Errorf("VerifyRelay: got %v, want nil", err)
	}
	err = signing.VerifyStandard([]string{secret}, nil, get(signing.HeaderStandardID), get(signing.HeaderStandardTimestamp),
		get(signing.HeaderStandardSignature), body, now, 0)
	if err != nil || get(signing.HeaderStandardID) != "whk_abc123" {
		t.Errorf("VerifyStandard with id %q: got %v, want nil", get(signing.HeaderStandardID), err)
	}
	if _, err := receivertest.NewRequest("https://example.com/hook", "short", "whk_abc123", body); err == nil {
		t.Errorf("NewRequest with a secret no verifier takes: got nil, want an error")
	}
	if _, err := receivertest.NewRequest("https://example.com/hook", secret, "a.b", body); err == nil {
		t.Errorf("NewRequest with an id no verifier takes: got nil, want an error")
	}
}
