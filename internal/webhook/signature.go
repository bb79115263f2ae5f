package webhook

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/signing"
)

// SignCustom is what SignatureName returns for signatures that have no name together.
const SignCustom = "custom"

// SignatureNames returns the names that SetSignature takes.
func SignatureNames() []string {
	return append([]string{string(SignRelay), string(SignStandard), string(SignBoth), string(SignNone)}, signing.PresetNames()...)
}

// SignatureName returns the one name that says how requests are signed.
func (s *Settings) SignatureName() string {
	switch {
	case len(s.Signatures) == 0:
		return string(s.Signature)
	case len(s.Signatures) == 1 && s.Signature == SignNone && s.Signatures[0].Name() != "":
		return s.Signatures[0].Name()
	}
	return SignCustom
}

// SetSignature signs requests as a name says. The check of the settings rejects an unknown one.
func (s *Settings) SetSignature(name string) {
	s.Signature, s.Signatures = Signature(name), nil
	if g, ok := signing.Preset(name); ok {
		s.Signature, s.Signatures = SignNone, []signing.Scheme{g}
	}
}

// Signed reports whether requests are signed.
func (s *Settings) Signed() bool { return s.Signature != SignNone || len(s.Signatures) > 0 }

// SignsStandard reports whether requests have the signature of Standard Webhooks.
func (s *Settings) SignsStandard() bool {
	return s.Signature == SignStandard || s.Signature == SignBoth
}

// Overlaps reports whether some signature can be made with two secrets at once, which a rotation without a gap needs.
func (s *Settings) Overlaps() bool {
	return s.SignsStandard() || slices.ContainsFunc(s.Signatures, func(g signing.Scheme) bool { return g.Separator != "" })
}

// checkSignatures checks the signatures in forms of other systems, and fills in what was left out of them.
func (s *Settings) checkSignatures(wrong *findings) {
	if len(s.Signatures) > maxSignatures {
		wrong.add("signature", "must have at most %d entries in forms of other systems, got %d", maxSignatures, len(s.Signatures))
		return
	}
	taken := map[string]bool{"user-agent": true, "content-type": true, "content-encoding": true}
	for i := range s.Signatures {
		g := &s.Signatures[i]
		*g = g.WithDefaults()
		path := s.signaturePath(i)
		g.Check(func(member, reason string) { wrong.add(path+"."+member, "%s", reason) })
		g.Headers(func(member, name string) {
			lower := strings.ToLower(name)
			if err := egress.CheckHeader(name, ""); err != nil {
				wrong.add(path+"."+member, "%v", err)
			} else if taken[lower] {
				wrong.add(path+"."+member, "is set by Relay, or by another signature")
			}
			taken[lower] = true
		})
	}
}

// signaturePath returns the name of the n-th of Signatures in a message.
func (s *Settings) signaturePath(n int) string {
	if len(s.Signatures) == 1 {
		return "signature"
	}
	return fmt.Sprintf("signature[%q]", s.Signatures[n].Header)
}

// signs reports whether a signature sets the header, in lower case.
func (s *Settings) signs(lower string) (found bool) {
	for i := range s.Signatures {
		s.Signatures[i].Headers(func(_, name string) { found = found || strings.ToLower(name) == lower })
	}
	return found
}

const (
	// minRelaySecret is how many bytes a secret of the signature "relay" has at least: receivers refuse to verify with a
	// shorter one, which could be guessed.
	minRelaySecret = 24
	maxSecret      = 512 // bytes
)

// secretFault returns why the signatures cannot be made with the secret, to complete "the secret …"; "": they can.
func (s *Settings) secretFault(secret string) string {
	reason := func(err error) string {
		_, why, _ := strings.Cut(err.Error(), signing.ErrSecret.Error()+": ")
		return why
	}
	if s.SignsStandard() {
		if err := signing.CheckSecret(secret); err != nil {
			return fmt.Sprintf("must be whsec_ and the base64 of 24 to 64 bytes for the signature %q: %s", s.Signature, reason(err))
		}
	}
	switch n := len(secret); {
	case s.Signature == SignRelay && n < minRelaySecret:
		return fmt.Sprintf("must have at least %d bytes for the signature %q, got %d", minRelaySecret, s.Signature, n)
	case n == 0 || n > maxSecret:
		return fmt.Sprintf("must have 1 to %d bytes, got %d", maxSecret, n)
	}
	for i := range s.Signatures {
		if err := s.Signatures[i].CheckSecret(secret); err != nil {
			return fmt.Sprintf("cannot make the signature in %s: %s", s.Signatures[i].Header, reason(err))
		}
	}
	return ""
}

// chooseSecret returns the secret, or a fresh one for an empty one, if the signatures can be made with it.
func (s *Settings) chooseSecret(secret string) (string, error) {
	if secret == "" {
		secret = signing.NewSecret()
		if slices.ContainsFunc(s.Signatures, func(g signing.Scheme) bool { return g.Key == "hex" }) {
			var b [32]byte
			rand.Read(b[:]) // documented to never fail
			secret = hex.EncodeToString(b[:])
		}
	}
	if fault := s.secretFault(secret); fault != "" {
		return "", problem.InvalidField("secret", "%s", fault)
	}
	return secret, nil
}
