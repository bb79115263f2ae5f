// Package passkey speaks the WebAuthn protocol with browsers: it says what an authenticator is to do, and checks the
// answer. It keeps nothing: challenges and passkeys are the caller's.
//
// A passkey here is always one that signs in by itself: the authenticator stores it, knows whose it is, and verifies its
// user, by a finger, a face or a PIN. Attestation is not asked for: it would tell which model of authenticator somebody
// has, and nothing here depends on that.
package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// answerTime is how long browsers wait for the authenticator and the person: the recommendation of WebAuthn level 3,
// section 15.1.
const answerTime = 5 * time.Minute

// MaxAnswer bounds the answer of an authenticator, in bytes. One without attestation has some 1,500.
const MaxAnswer = 32 << 10

// Party is the site that passkeys belong to. The zero value stands for a site that cannot have any.
type Party struct {
	ID     string // its name, to which browsers bind passkeys for good
	Origin string // whose pages may ask
	Name   string // for people
}

// PartyAt returns the party for pages at an address, and the zero Party where browsers allow no passkeys: at an IP address,
// and without HTTPS except on this machine (WebAuthn level 3, sections 5.1.3 and 5.1.4).
func PartyAt(address *url.URL, name string) Party {
	host := strings.ToLower(address.Hostname())
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if host == "" || net.ParseIP(host) != nil || address.Scheme != "https" && !(address.Scheme == "http" && local) || protocol.ValidateRPID(host) != nil {
		return Party{}
	}
	return Party{ID: host, Origin: address.Scheme + "://" + strings.ToLower(address.Host), Name: name}
}

// Possible reports whether the site can have passkeys.
func (p Party) Possible() bool { return p.ID != "" }

// Account is whose passkeys they are.
type Account struct {
	Handle string // opaque, at most 64 bytes
	Name   string // that the person knows the account by
}

// Key is what a passkey is known by.
type Key struct {
	Credential []byte // its id, which the authenticator chose
	Public     []byte // a COSE key, RFC 9052
	// Counter is the number of signatures so far, where the authenticator counts them; zero: it does not.
	Counter uint32
	// Flags are the authenticator data's, WebAuthn level 3, section 6.1.
	Flags byte
}

// Synced reports whether the passkey may be on several devices of its owner.
func (k *Key) Synced() bool { return protocol.AuthenticatorFlags(k.Flags).HasBackupEligible() }

var (
	// ErrAnswer is wrapped by the error of an answer that proves nothing.
	ErrAnswer = errors.New("passkey: the answer is not valid")
	// ErrCopied is returned for an answer that is right but for its counter, which has not risen since the last one: there
	// may be a copy of the passkey.
	ErrCopied = errors.New("passkey: the counter has not risen")
)

// Check reports what is wrong with a challenge that comes back: whether it was made here for this, and still holds.
type Check func(challenge []byte) error

func (p Party) library() (*webauthn.WebAuthn, error) {
	required := true
	timeout := webauthn.TimeoutConfig{Timeout: answerTime, TimeoutUVD: answerTime}
	return webauthn.New(&webauthn.Config{
		RPID: p.ID, RPDisplayName: p.Name, RPOrigins: []string{p.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
		// No extension is asked for and none of their outputs is read, but password managers add some unasked.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

// owner is an Account as the library wants it.
type owner struct {
	Account
	keys []webauthn.Credential
}

func (o *owner) WebAuthnID() []byte                         { return []byte(o.Handle) }
func (o *owner) WebAuthnName() string                       { return o.Name }
func (o *owner) WebAuthnDisplayName() string                { return o.Name }
func (o *owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

func (k *Key) credential() webauthn.Credential {
	return webauthn.Credential{
		ID: k.Credential, PublicKey: k.Public, AttestationFormat: "none",
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
		Authenticator: webauthn.Authenticator{SignCount: k.Counter},
	}
}

// Create returns the options for navigator.credentials.create in their JSON form, by which a browser makes a passkey for
// the account; has are those that the account has already, which an authenticator does not double.
func (p Party) Create(a Account, challenge []byte, has []Key) (json.RawMessage, error) {
	l, err := p.library()
	if err != nil {
		return nil, err
	}
	options, _, err := l.BeginRegistration(&owner{Account: a}, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = challenge
		for i := range has {
			o.CredentialExcludeList = append(o.CredentialExcludeList, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: has[i].Credential})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking for a passkey: %w", err)
	}
	return json.Marshal(options.Response)
}

// Created checks the answer to Create, the JSON form of a PublicKeyCredential, and returns the passkey.
func (p Party) Created(a Account, answer []byte, check Check) (Key, error) {
	l, err := p.library()
	if err != nil {
		return Key{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Key{}, refused(err)
	}
	session, err := p.session(parsed.Response.CollectedClientData.Challenge, check)
	if err != nil {
		return Key{}, err
	}
	session.UserID, session.CredParams = []byte(a.Handle), webauthn.CredentialParametersDefault()
	c, err := l.CreateCredential(&owner{Account: a}, session, parsed)
	if err != nil {
		return Key{}, refused(err)
	}
	return Key{Credential: c.ID, Public: c.PublicKey, Counter: c.Authenticator.SignCount, Flags: c.Flags.MsgpByte()}, nil
}

// Get returns the options for navigator.credentials.get in their JSON form, by which a person chooses one of their passkeys.
func (p Party) Get(challenge []byte) (json.RawMessage, error) {
	l, err := p.library()
	if err != nil {
		return nil, err
	}
	options, _, err := l.BeginDiscoverableLogin(webauthn.WithChallenge(challenge))
	if err != nil {
		return nil, fmt.Errorf("asking for a passkey: %w", err)
	}
	return json.Marshal(options.Response)
}

// Got checks the answer to Get, the JSON form of a PublicKeyCredential. find returns the passkey with the credential's id
// and the handle of the account that has it. The result is the passkey as it is after the use; with ErrCopied, as it was.
func (p Party) Got(answer []byte, check Check, find func(credential []byte) (k Key, handle string, err error)) (Key, error) {
	l, err := p.library()
	if err != nil {
		return Key{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Key{}, refused(err)
	}
	session, err := p.session(parsed.Response.CollectedClientData.Challenge, check)
	if err != nil {
		return Key{}, err
	}
	key, handle, err := find(parsed.RawID)
	if err != nil {
		return Key{}, err
	}
	// The library compares the handle with that of the answer.
	_, c, err := l.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) {
		return &owner{Account: Account{Handle: handle}, keys: []webauthn.Credential{key.credential()}}, nil
	}, session, parsed)
	switch {
	case err != nil:
		return Key{}, refused(err)
	case c.Authenticator.CloneWarning: // the library leaves it to the caller to refuse
		return key, ErrCopied
	}
	key.Counter, key.Flags = c.Authenticator.SignCount, c.Flags.MsgpByte()
	return key, nil
}

// session returns what the library would have kept since the question, all of which follows from the challenge.
func (p Party) session(challenge string, check Check) (webauthn.SessionData, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(challenge, "="))
	if err == nil {
		err = check(raw)
	}
	if err != nil {
		return webauthn.SessionData{}, err
	}
	return webauthn.SessionData{Challenge: challenge, RelyingPartyID: p.ID, UserVerification: protocol.VerificationRequired}, nil
}

// refused wraps an error of the library, whose own text leaves the reason out.
func refused(err error) error {
	if e := (*protocol.Error)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w: %s (%s)", ErrAnswer, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrAnswer, err)
}
