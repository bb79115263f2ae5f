package signing

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // receivers of other systems verify it; HMAC does not need collision resistance
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// Scheme describes how another system signs its requests, so that a receiver written for that
// system verifies Relay's. The signature is an HMAC over Content; Value says how it is written into
// Header. Templates hold {id}, {timestamp} (unix seconds), and {body} or {signatures}.
type Scheme struct {
	Header    string `json:"header"`
	Value     string `json:"value"`     // of Header, with {signatures}
	Content   string `json:"content"`   // that is signed, with {body} once
	Algorithm string `json:"algorithm"` // sha256, sha1 or sha512
	Encoding  string `json:"encoding"`  // hex or base64
	Prefix    string `json:"prefix"`    // of each signature
	// Separator stands between two signatures while a rotation of the secret overlaps. Empty: the
	// header has room for one, which is made with the current secret.
	Separator string `json:"separator"`
	// Key says what the key is: the bytes of the secret (text), or those that it encodes (base64, of
	// which a beginning "whsec_" is no part, or hex).
	Key string `json:"key"`
	// IDHeader and TimestampHeader are further headers, with the id and the timestamp. Empty: none.
	IDHeader        string `json:"idHeader"`
	TimestampHeader string `json:"timestampHeader"`
}

// The members of a Scheme that are chosen from a list; the first of each is the default.
var (
	Algorithms = []string{"sha256", "sha1", "sha512"}
	Encodings  = []string{"hex", "base64"}
	Keys       = []string{"text", "base64", "hex"}
)

// Placeholders of the templates.
const (
	placeID         = "{id}"
	placeTimestamp  = "{timestamp}"
	placeBody       = "{body}"
	placeSignatures = "{signatures}"
)

const (
	maxTemplate    = 256 // bytes of a template
	maxAffix       = 32  // bytes of a prefix or separator
	maxHeaderName  = 128 // bytes
	maxSecretChars = 512 // bytes of a secret in a form of another system
)

// Presets are the schemes that have names.
var presets = []struct {
	name   string
	scheme Scheme
}{
	{"svix", Scheme{Header: "svix-signature", IDHeader: "svix-id", TimestampHeader: "svix-timestamp",
		Content: "{id}.{timestamp}.{body}", Encoding: "base64", Prefix: "v1,", Separator: " ", Key: "base64"}},
	{"github", Scheme{Header: "X-Hub-Signature-256", Prefix: "sha256="}},
	{"stripe", Scheme{Header: "Stripe-Signature", Value: "t={timestamp},{signatures}", Content: "{timestamp}.{body}", Prefix: "v1=", Separator: ","}},
}

// PresetNames returns the names of the schemes that have one.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// Preset returns the scheme with the name.
func Preset(name string) (Scheme, bool) {
	for _, p := range presets {
		if p.name == name {
			return p.scheme.WithDefaults(), true
		}
	}
	return Scheme{}, false
}

// Name returns the name of a scheme with its defaults, "" for one that has none.
func (s Scheme) Name() string {
	for _, p := range presets {
		if p.scheme.WithDefaults() == s {
			return p.name
		}
	}
	return ""
}

// WithDefaults returns the scheme with what was left out.
func (s Scheme) WithDefaults() Scheme {
	s.Value, s.Content = cmp.Or(s.Value, placeSignatures), cmp.Or(s.Content, placeBody)
	s.Algorithm, s.Encoding, s.Key = cmp.Or(s.Algorithm, Algorithms[0]), cmp.Or(s.Encoding, Encodings[0]), cmp.Or(s.Key, Keys[0])
	return s
}

// Check reports each member that is not acceptable, by its JSON name. The scheme has its defaults.
func (s Scheme) Check(wrong func(member, reason string)) {
	for _, h := range s.names() {
		switch {
		case h.name == "":
			if h.member == "header" {
				wrong(h.member, "must be given: the name of the header with the signature")
			}
		case len(h.name) > maxHeaderName || !isToken(h.name):
			wrong(h.member, "is not a valid header name")
		}
	}
	choose := func(member, value string, list []string) {
		for _, v := range list {
			if v == value {
				return
			}
		}
		wrong(member, "must be one of "+strings.Join(list, ", "))
	}
	choose("algorithm", s.Algorithm, Algorithms)
	choose("encoding", s.Encoding, Encodings)
	choose("key", s.Key, Keys)
	for _, a := range []struct{ member, text string }{{"prefix", s.Prefix}, {"separator", s.Separator}} {
		if len(a.text) > maxAffix || !isPrintable(a.text) {
			wrong(a.member, fmt.Sprintf("must have at most %d characters that a header can hold", maxAffix))
		}
	}
	if !isPrintable(s.Value) || strings.TrimSpace(s.Value) != s.Value {
		wrong("value", "must consist of characters that a header can hold, without spaces around them")
	} else if reason := checkTemplate(s.Value, placeSignatures, placeID, placeTimestamp); reason != "" {
		wrong("value", reason)
	}
	if reason := checkTemplate(s.Content, placeBody, placeID, placeTimestamp); reason != "" {
		wrong("content", reason)
	} else if strings.Contains(s.Content, placeTimestamp) && s.TimestampHeader == "" && !strings.Contains(s.Value, placeTimestamp) {
		wrong("content", "has {timestamp}, which the receiver must be told: put it into value, or name a timestampHeader")
	}
}

// isToken reports whether a header may have the name (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	return strings.IndexFunc(name, func(c rune) bool {
		return c > '~' || !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	}) < 0
}

func isPrintable(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

type headerName struct{ member, name string }

func (s *Scheme) names() []headerName {
	return []headerName{{"header", s.Header}, {"idHeader", s.IDHeader}, {"timestampHeader", s.TimestampHeader}}
}

// Headers returns the names of the headers that the scheme sets, with the JSON names of the members
// that name them.
func (s *Scheme) Headers(f func(member, name string)) {
	for _, h := range s.names() {
		if h.name != "" {
			f(h.member, h.name)
		}
	}
}

// checkTemplate returns what is wrong with a template that has must exactly once and may have the
// others; "": nothing.
func checkTemplate(text, must string, may ...string) string {
	switch {
	case len(text) > maxTemplate:
		return fmt.Sprintf("must have at most %d bytes, got %d", maxTemplate, len(text))
	case strings.Count(text, must) != 1:
		return "must have " + must + " once"
	}
	rest := strings.Replace(text, must, "", 1)
	for _, place := range may {
		rest = strings.ReplaceAll(rest, place, "")
	}
	if strings.ContainsAny(rest, "{}") {
		return "has braces around something else than " + strings.Join(append([]string{must}, may...), ", ")
	}
	return ""
}

// CheckSecret returns an error unless a secret is a key of the scheme. It wraps ErrSecret and does
// not contain the secret.
func (s Scheme) CheckSecret(secret string) error {
	_, err := s.key(secret)
	return err
}

func (s Scheme) key(secret string) (key []byte, err error) {
	if secret == "" || len(secret) > maxSecretChars {
		return nil, fmt.Errorf("%w: %d bytes, want 1 to %d", ErrSecret, len(secret), maxSecretChars)
	}
	switch s.Key {
	case "base64":
		key, err = decode(strings.TrimPrefix(secret, prefixSecret))
	case "hex":
		key, err = hex.DecodeString(secret)
	default:
		key = []byte(secret)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is not valid %s", ErrSecret, s.Key)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrSecret)
	}
	return key, nil
}

// Signer signs as a Scheme describes. It is safe for concurrent use.
type Signer struct {
	scheme Scheme
	hash   func() hash.Hash
	keys   [][]byte
}

// NewSigner prepares signing with secrets, newest first; those behind the first sign only where the
// scheme has a Separator and they are keys of it. The error wraps ErrSecret.
func NewSigner(s Scheme, secrets ...string) (*Signer, error) {
	g := &Signer{scheme: s, hash: sha256.New}
	switch s.Algorithm {
	case "sha1":
		g.hash = sha1.New
	case "sha512":
		g.hash = sha512.New
	}
	for i, secret := range secrets {
		if i > 0 && s.Separator == "" {
			break
		}
		key, err := s.key(secret)
		if err != nil && i == 0 {
			return nil, fmt.Errorf("preparing signatures: %w", err)
		}
		if err == nil {
			g.keys = append(g.keys, key)
		}
	}
	if len(g.keys) == 0 {
		return nil, fmt.Errorf("preparing signatures: %w: none given", ErrSecret)
	}
	return g, nil
}

// Fields calls f with each header of a request and its value. The timestamp is in unix seconds. With
// hide the value holds *** for each signature.
func (g *Signer) Fields(id string, timestamp int64, body []byte, hide bool, f func(name, value string)) {
	s, at := &g.scheme, strconv.FormatInt(timestamp, 10)
	if s.IDHeader != "" {
		f(s.IDHeader, id)
	}
	if s.TimestampHeader != "" {
		f(s.TimestampHeader, at)
	}
	fill := strings.NewReplacer(placeID, id, placeTimestamp, at)
	var signatures []string
	for _, key := range g.keys {
		signature := "***"
		if !hide {
			signature = g.sign(key, fill, body)
		}
		signatures = append(signatures, s.Prefix+signature)
	}
	before, after, _ := strings.Cut(s.Value, placeSignatures)
	f(s.Header, fill.Replace(before)+strings.Join(signatures, s.Separator)+fill.Replace(after))
}

func (g *Signer) sign(key []byte, fill *strings.Replacer, body []byte) string {
	mac := hmac.New(g.hash, key)
	before, after, _ := strings.Cut(g.scheme.Content, placeBody)
	mac.Write([]byte(fill.Replace(before)))
	mac.Write(body)
	mac.Write([]byte(fill.Replace(after)))
	if g.scheme.Encoding == "base64" {
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Verify verifies a request, of which header returns the value of a header. It returns nil when one
// of the signatures matches one of the signer's secrets, and the timestamp, if it is signed, is
// within tolerance of now. id is used where no header of the scheme has it. The error wraps
// ErrTimestamp, ErrSignature or ErrNoMatch.
func (g *Signer) Verify(header func(name string) string, id string, body []byte, now time.Time, tolerance time.Duration) error {
	s := &g.scheme
	value := header(s.Header)
	if s.IDHeader != "" {
		id = header(s.IDHeader)
	}
	var at, list string
	if s.TimestampHeader != "" {
		at = header(s.TimestampHeader)
	} else if strings.Contains(s.Value, placeTimestamp) {
		// The digits stand where the template has them: behind the text before them.
		before, _, _ := strings.Cut(s.Value, placeTimestamp)
		rest, ok := strings.CutPrefix(value, strings.ReplaceAll(before, placeID, id))
		if !ok || strings.Contains(before, placeSignatures) {
			return fmt.Errorf("verifying signature: %w: not of the form %q", ErrSignature, s.Value)
		}
		at = rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	}
	if strings.Contains(s.Content, placeTimestamp) {
		if err := checkTimestamp(at, now, tolerance); err != nil {
			return fmt.Errorf("verifying signature: %w", err)
		}
	}
	fill := strings.NewReplacer(placeID, id, placeTimestamp, at)
	before, after, _ := strings.Cut(s.Value, placeSignatures)
	before, after = fill.Replace(before), fill.Replace(after)
	if len(value) <= len(before)+len(after) || !strings.HasPrefix(value, before) || !strings.HasSuffix(value, after) {
		return fmt.Errorf("verifying signature: %w: not of the form %q", ErrSignature, s.Value)
	}
	list = value[len(before) : len(value)-len(after)]
	signatures := []string{list}
	if s.Separator != "" {
		signatures = strings.SplitN(list, s.Separator, maxSignatures+1)
	}
	for _, signature := range signatures[:min(len(signatures), maxSignatures)] {
		for _, key := range g.keys {
			if hmac.Equal([]byte(signature), []byte(s.Prefix+g.sign(key, fill, body))) {
				return nil
			}
		}
	}
	return fmt.Errorf("verifying signature: %w", ErrNoMatch)
}
