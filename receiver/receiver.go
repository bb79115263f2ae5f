package receiver

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/signing"
)

// DefaultMaxBody is the largest body read when Config.MaxBody is not set, in bytes. Relay accepts events of up to
// 1 MiB; the envelope comes on top.
const DefaultMaxBody = 2 << 20

// DefaultTolerance is how far a timestamp may be from this machine's clock when Config.Tolerance is not set.
const DefaultTolerance = signing.DefaultTolerance

// Reasons for which a request is refused.
var (
	// ErrSignature says that no signature of the request verifies. It covers ErrTimestamp.
	ErrSignature = errors.New("request not signed by relay")
	// ErrTimestamp says that the request's timestamp is missing, malformed, or too far from this machine's clock.
	ErrTimestamp = signing.ErrTimestamp
	// ErrTooLarge says that the body is larger than Config.MaxBody.
	ErrTooLarge = errors.New("body too large")
	// ErrEnvelope says that the body is not an envelope.
	ErrEnvelope = errors.New("malformed envelope")
	// ErrVersion says that the envelope has a version this program does not know.
	ErrVersion = errors.New("unknown envelope version")
	// ErrType says that an event was asked for data of another type of event.
	ErrType = errors.New("event of another type")
)

// Config says what a Receiver trusts. Secrets or PublicKeys must be given; everything else has a default.
type Config struct {
	// Secrets are the signing secrets of the webhooks that arrive here, each as Relay showed it, "whsec_" included.
	// While a secret is rotated, list the new and the old one.
	Secrets []string
	// PublicKeys are the ed25519 keys, "whpk_…", of webhooks that sign with a key pair.
	PublicKeys []string
	// Tolerance is how far a timestamp may be from this machine's clock, either way. Zero or less means
	// DefaultTolerance; the check cannot be switched off, because it is what stops replays.
	Tolerance time.Duration
	// MaxBody bounds the body, in bytes. Zero or less means DefaultMaxBody.
	MaxBody int64
	// Seen remembers the events that were processed. Nil means NewMemory(0, 0), which forgets at every restart.
	Seen Seen
	// Versions are the versions of the envelope that the handler understands. Empty means Version alone.
	Versions []string
	// OnError, if not nil, is told why a request was refused, why a handler failed, and when Seen fails. It is called
	// from the goroutine of the request. The errors contain no secrets; parts of them may come from strangers.
	OnError func(r *http.Request, err error)
}

// A Receiver checks and takes in requests from Relay. It is safe for concurrent use.
type Receiver struct {
	secrets   []string
	keys      []ed25519.PublicKey
	tolerance time.Duration
	maxBody   int64
	seen      Seen
	versions  []string
	onError   func(*http.Request, error)

	mu   sync.Mutex
	busy map[string]struct{} // guarded by mu; webhookIds whose handler runs now, so never more than requests
}

// New makes a Receiver. It refuses a Config that would verify nothing or anything: no secrets and keys, an empty
// secret, one with a line end behind it, one that is too short.
func New(cfg Config) (*Receiver, error) {
	if len(cfg.Secrets) == 0 && len(cfg.PublicKeys) == 0 {
		return nil, errors.New("making receiver: neither Secrets nor PublicKeys given")
	}
	for i, secret := range cfg.Secrets {
		if err := signing.CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("making receiver: Secrets[%d] (give it exactly as Relay showed it): %w", i, err)
		}
	}
	rc := &Receiver{
		secrets:   slices.Clone(cfg.Secrets),
		tolerance: cfg.Tolerance,
		maxBody:   cfg.MaxBody,
		seen:      cfg.Seen,
		versions:  slices.Clone(cfg.Versions),
		onError:   cfg.OnError,
		busy:      make(map[string]struct{}),
	}
	for i, s := range cfg.PublicKeys {
		key, err := signing.ParsePublicKey(s)
		if err != nil {
			return nil, fmt.Errorf("making receiver: PublicKeys[%d]: %w", i, err)
		}
		rc.keys = append(rc.keys, key)
	}
	if rc.maxBody <= 0 {
		rc.maxBody = DefaultMaxBody
	}
	if rc.seen == nil {
		rc.seen = NewMemory(0, 0)
	}
	if len(rc.versions) == 0 {
		rc.versions = []string{Version}
	}
	return rc, nil
}

// Verify checks a request, given its headers and its whole body as it came over the wire. It returns nil when one of
// the two schemes verifies; during a rotation with an overlap that may be only one of them. The error wraps
// ErrSignature, and ErrTimestamp too if the time was the reason.
func (rc *Receiver) Verify(header http.Header, body []byte) error {
	signatures, err := signatureHeaders(header)
	if err != nil {
		return err
	}
	now := time.Now()
	var reasons []error
	if signatures.relay != "" {
		if len(rc.secrets) == 0 {
			reasons = append(reasons, fmt.Errorf("%s given, but no secret to check it with", signing.HeaderRelaySignature))
		}
		for _, secret := range rc.secrets {
			err := signing.VerifyRelay(secret, header.Get(signing.HeaderRelayTimestamp), signatures.relay, body, now, rc.tolerance)
			if err == nil {
				return nil
			}
			reasons = append(reasons, err)
		}
	}
	if signatures.standard != "" {
		err := signing.VerifyStandard(rc.secrets, rc.keys, header.Get(signing.HeaderStandardID),
			header.Get(signing.HeaderStandardTimestamp), signatures.standard, body, now, rc.tolerance)
		if err == nil {
			return nil
		}
		reasons = append(reasons, err)
	}
	return fmt.Errorf("%w: %w", ErrSignature, errors.Join(reasons...))
}

// signed holds the two signature headers of a request; at least one is not empty.
type signed struct{ relay, standard string }

// signatureHeaders refuses requests that have no signature, before their body is read, and those that repeat one of
// the headers a signature rests on, since others that look at the same request may take another of the values.
func signatureHeaders(header http.Header) (signed, error) {
	for _, name := range [...]string{
		signing.HeaderRelaySignature, signing.HeaderRelayTimestamp,
		signing.HeaderStandardSignature, signing.HeaderStandardTimestamp, signing.HeaderStandardID,
	} {
		if n := len(header.Values(name)); n > 1 {
			return signed{}, fmt.Errorf("%w: header %s is there %d times", ErrSignature, name, n)
		}
	}
	s := signed{header.Get(signing.HeaderRelaySignature), header.Get(signing.HeaderStandardSignature)}
	if s.relay == "" && s.standard == "" {
		return signed{}, fmt.Errorf("%w: neither %s nor %s given", ErrSignature, signing.HeaderRelaySignature, signing.HeaderStandardSignature)
	}
	return s, nil
}

// Read reads the body of a request and checks its signature. It serves formats that Handle does not know, and
// whoever wants a batch as a whole (see ParseBatch); the caller answers the request, and deduplicates. The error wraps ErrSignature, ErrTooLarge, or what reading
// met. The writer is used only to tell the server not to keep a connection whose body was not read to its end.
func (rc *Receiver) Read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if _, err := signatureHeaders(r.Header); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rc.maxBody))
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return nil, fmt.Errorf("reading body: %w: more than %d bytes", ErrTooLarge, rc.maxBody)
		}
		return nil, fmt.Errorf("reading body: %w", err)
	}
	if err := rc.Verify(r.Header, body); err != nil {
		return nil, err
	}
	return body, nil
}
