// Package passkeytest is an authenticator in software, for tests: it makes passkeys and signs by them as a device does that
// has verified its user.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// Authenticator holds one passkey. The zero value has none yet.
type Authenticator struct {
	// Counter is the number of signatures so far; it rises with each unless Uncounted.
	Counter   uint32
	Uncounted bool
	// Unverified leaves out who holds the device.
	Unverified bool
	// Origin is whose page asks.
	Origin string

	key        *ecdsa.PrivateKey
	credential []byte
	handle     string
}

// Flags of authenticator data, WebAuthn level 3, section 6.1.
const (
	present  = 1 << 0
	verified = 1 << 2
	attested = 1 << 6
)

// Create answers options for navigator.credentials.create by a new passkey.
func (a *Authenticator) Create(options []byte) ([]byte, error) {
	var o struct {
		RP                 struct{ ID string }
		User               struct{ ID string }
		Challenge          string
		ExcludeCredentials []struct{ ID string }
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	for _, c := range o.ExcludeCredentials {
		if a.key != nil && c.ID == b64(a.credential) {
			return nil, fmt.Errorf("InvalidStateError: it has a passkey of the account already")
		}
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		return nil, err
	}
	a.handle, a.credential = string(handle), make([]byte, 32)
	rand.Read(a.credential)
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	point, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	// A COSE key, RFC 9053 section 7.1: EC2, ES256, P-256, x, y.
	cose := slices.Concat([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33], []byte{0x22, 0x58, 32}, point[33:])
	data := a.data(o.RP.ID, attested)
	data = append(data, make([]byte, 16)...) // no model
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.credential)))
	data = slices.Concat(data, a.credential, cose)
	object := slices.Concat([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), []byte{byte(len(data))}, data)
	return a.answer(map[string]any{
		"clientDataJSON": a.client("webauthn.create", o.Challenge), "attestationObject": b64(object), "transports": []string{"internal"},
	})
}

// Get answers options for navigator.credentials.get by the passkey.
func (a *Authenticator) Get(options []byte) ([]byte, error) {
	var o struct{ RPID, Challenge string }
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	if a.key == nil {
		return nil, fmt.Errorf("NotAllowedError: there is no passkey")
	}
	if !a.Uncounted {
		a.Counter++
	}
	data, client := a.data(o.RPID, 0), a.client("webauthn.get", o.Challenge)
	raw, err := base64.RawURLEncoding.DecodeString(client)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(raw)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, err
	}
	return a.answer(map[string]any{
		"clientDataJSON": client, "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64([]byte(a.handle)),
	})
}

// data is the authenticator data without what follows the counter.
func (a *Authenticator) data(party string, flags byte) []byte {
	flags |= present
	if !a.Unverified {
		flags |= verified
	}
	hash := sha256.Sum256([]byte(party))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.Counter)
}

func (a *Authenticator) client(kind, challenge string) string {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false}) // cannot fail
	return b64(b)
}

func (a *Authenticator) answer(response map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"id": b64(a.credential), "rawId": b64(a.credential), "type": "public-key", "response": response, "clientExtensionResults": struct{}{},
	})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
