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

// DefaultMaxBody is the default of Config.MaxBody, in bytes. Relay accepts events of up to 1 MiB,
// to which the envelope is added.
const DefaultMaxBody = 2 << 20

// DefaultTolerance is the default of Config.Tolerance.
const DefaultTolerance = signing.DefaultTolerance

// Reasons for rejecting a request.
var (
	// ErrSignature means that no signature of the request verifies. It includes ErrTimestamp.
	ErrSignature = errors.New("request not signed by relay")
	// ErrTimestamp means that the request's timestamp is missing, malformed, or too far from this
	// machine's clock.
	ErrTimestamp = signing.ErrTimestamp
	// ErrTooLarge means that the body is larger than Config.MaxBody.
	ErrTooLarge = errors.New("body too large")
	// ErrEnvelope means that the body is not a valid envelope.
	ErrEnvelope = errors.New("malformed envelope")
	// ErrVersion means that the version of the envelope is unknown to this program.
	ErrVersion = errors.New("unknown envelope version")
	// ErrType means that the data of an event was requested as another type.
	ErrType = errors.New("event of another type")
)

// Config configures a Receiver. Secrets or PublicKeys are required; all other fields have defaults.
type Config struct {
	// Secrets are the signing secrets of the webhooks that arrive here, exactly as Relay showed
	// them, including "whsec_". During a rotation, list the new and the old secret.
	Secrets []string
	// PublicKeys are the ed25519 keys, "whpk_…", of webhooks that sign with a key pair.
	PublicKeys []string
	// Tolerance is how far a timestamp may be from this machine's clock, in either direction. Zero
	// or less means DefaultTolerance; the check cannot be disabled, because it prevents replays.
	Tolerance time.Duration
	// MaxBody bounds the body in bytes. Zero or less means DefaultMaxBody.
	MaxBody int64
	// Seen stores the ids of processed events. Nil means NewMemory(0, 0), which forgets them at
	// every restart.
	Seen Seen
	// Versions are the envelope versions that the handler understands. Empty means only Version.
	Versions []string
	// OnError, if not nil, is called when a request is rejected, a handler fails, or Seen fails. It
	// is called from the goroutine of the request. The errors contain no secrets; parts of them may
	// come from unauthenticated clients.
	OnError func(r *http.Request, err error)
}

// A Receiver verifies requests from Relay and processes them. It is safe for concurrent use.
type Receiver struct {
	secrets   []string
	keys      []ed25519.PublicKey
	tolerance time.Duration
	maxBody   int64
	seen      Seen
	versions  []string
	onError   func(*http.Request, error)

	mu   sync.Mutex
	busy map[string]struct{} // guarded by mu; webhookIds whose handler is running, so never more than requests
}

// New creates a Receiver. It rejects a Config that would accept no requests or any request: without
// secrets and keys, or with a secret that is empty, too short or followed by a line end.
func New(cfg Config) (*Receiver, error) {
	if len(cfg.Secrets) == 0 && len(cfg.PublicKeys) == 0 {
		return nil, errors.New("creating receiver: neither Secrets nor PublicKeys given")
	}
	for i, secret := range cfg.Secrets {
		if err := signing.CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("creating receiver: Secrets[%d] (give it exactly as Relay showed it): %w", i, err)
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
			return nil, fmt.Errorf("creating receiver: PublicKeys[%d]: %w", i, err)
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

// Verify verifies a request, given its headers and the complete raw body. It returns nil if one of
// the two schemes verifies; during a rotation with an overlap that may be only one of them. The
// error wraps ErrSignature, and also ErrTimestamp if the time was the reason.
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

// signatureHeaders rejects requests without a signature before their body is read. It also rejects
// requests that repeat a header needed for a signature, because other programs that process the
// request may use the other value.
func signatureHeaders(header http.Header) (signed, error) {
	for _, name := range [...]string{
		signing.HeaderRelaySignature, signing.HeaderRelayTimestamp,
		signing.HeaderStandardSignature, signing.HeaderStandardTimestamp, signing.HeaderStandardID,
	} {
		if n := len(header.Values(name)); n > 1 {
			return signed{}, fmt.Errorf("%w: header %s occurs %d times", ErrSignature, name, n)
		}
	}
	s := signed{header.Get(signing.HeaderRelaySignature), header.Get(signing.HeaderStandardSignature)}
	if s.relay == "" && s.standard == "" {
		return signed{}, fmt.Errorf("%w: neither %s nor %s given", ErrSignature, signing.HeaderRelaySignature, signing.HeaderStandardSignature)
	}
	return s, nil
}

// Read reads the body of a request and verifies its signature. Use it for formats that Handle does
// not support, or to process a batch as a whole (see ParseBatch). The caller answers the request
// and deduplicates. The error wraps ErrSignature, ErrTooLarge, or an error of reading. The writer
// is used only to tell the server not to reuse a connection whose body was not read completely.
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
