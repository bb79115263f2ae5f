package user

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Second factors: codes of an authenticator app (RFC 6238), and recovery codes for when the app is lost.
//
// Whoever has one proves it at each sign-in, after the password. In between they hold a token that can do nothing else.

const (
	// codeStep is how long a code is shown, and codeSkew how many steps the clock of a phone may be off.
	codeStep = 30 * time.Second
	codeSkew = 1
	// secretBytes is the length of an app's secret: that of the hash, RFC 4226 section 4.
	secretBytes = 20
	// recoveryCodes is how many recovery codes a person has. Each has 80 random bits, so that a plain SHA-256 of it cannot
	// be searched.
	recoveryCodes = 10
	// factorFresh is how young a session must be to set up a second factor without the password.
	factorFresh = 10 * time.Minute
	// pendingTime is how long a sign-in waits for the second factor.
	pendingTime = 5 * time.Minute
	// maxPending bounds the sign-ins of a person that wait; a further one ends the oldest.
	maxPending = 10

	pendingPrefix = "rp_" // of the token of a sign-in that waits
)

// Factor is the second factor of a person.
type Factor struct {
	Person      string
	Secret      []byte    // sealed at rest
	CreatedAt   time.Time // UTC
	ConfirmedAt time.Time // UTC; zero: it is being set up, and is not asked for
	Step        int64     // the last time step whose code was used; none below may be used any longer
	Codes       int       // recovery codes that are left
}

// Proof is a code, used once: that of a step of time, or a recovery code.
type Proof struct {
	Step     int64    // above all that were used; zero: it is a recovery code
	Recovery [32]byte // the code's hash
}

// Pending is a sign-in that waits for the second factor.
type Pending struct {
	Hash      [32]byte // of its token; see HashToken
	Person    string
	Method    Method    // how the first factor was proved
	CreatedAt time.Time // UTC
	ExpiresAt time.Time // UTC
}

// FactorStore keeps second factors, and sign-ins that wait for them. The promises are those of Store.
type FactorStore interface {
	// FactorPut stores a factor that is being set up, in place of another such; ErrExists if the person has confirmed one.
	FactorPut(ctx context.Context, f Factor) error
	// FactorGet returns the person's factor.
	FactorGet(ctx context.Context, person string) (Factor, bool, error)
	// FactorConfirm stores that the factor is confirmed, its step and the hashes of its recovery codes, and ends all
	// sessions but keep and all sign-ins that wait; ErrChanged if it is not the one that is being set up any longer.
	FactorConfirm(ctx context.Context, f Factor, codes [][32]byte, keep string, entries []*access.Entry) error
	// FactorRenew uses a proof up and replaces the recovery codes; ErrChanged if the proof was used before.
	FactorRenew(ctx context.Context, person string, proof Proof, codes [][32]byte, entries []*access.Entry) error
	// FactorRemove uses a proof up and removes the factor with its recovery codes; without a proof it removes the person's
	// passkeys, too. ErrChanged if the proof was used before, ErrNotFound if there is nothing to remove.
	FactorRemove(ctx context.Context, person string, proof *Proof, entries []*access.Entry) error

	// PendingPut adds a sign-in that waits. If the person has more than most, the oldest end. ErrChanged if the person's
	// password is not was any longer.
	PendingPut(ctx context.Context, p Pending, was string, most int) error
	// PendingGet returns the sign-in with the hash.
	PendingGet(ctx context.Context, hash [32]byte) (Pending, bool, error)
	// PendingUse ends the wait, uses the proof up and begins the session, as SessionStart does. ErrNotFound if nothing
	// waits any longer, ErrChanged if the password is another or the proof was used before.
	PendingUse(ctx context.Context, hash [32]byte, proof Proof, s Session, was string, most int, entries []*access.Entry) error
}

// Waiting is the right to prove the second factor, and nothing else. The zero value is none.
type Waiting struct {
	Token     string // shown once
	ExpiresAt time.Time
}

// Setup is what an authenticator app needs.
type Setup struct {
	Secret string // base32, for who cannot scan
	URI    string // otpauth://…, for a QR code
}

// FactorStatus is where a person stands with their second factor.
type FactorStatus struct {
	Enabled     bool
	ConfirmedAt time.Time
	Codes       int // recovery codes that are left
}

var (
	errCode    = problem.New(problem.Unauthorized, "the code is wrong, or it was used already: wait for the next one")
	errPending = problem.New(problem.Unauthorized, "this took too long: sign in again")
	errFactor  = problem.New(problem.Conflict, "there is a second factor already: disable it first")
	errNoCode  = problem.New(problem.Conflict, "no second factor is being set up: begin again")
)

// codeName is how the throttle knows the codes of a person, apart from their password: a right password must not forgive
// wrong codes.
func codeName(person string) string { return "code " + person }

func (s *Sessions) newPending(person string, by Method) (Waiting, Pending) {
	now := s.now().UTC().Truncate(time.Millisecond)
	w := Waiting{Token: randomid.Token(pendingPrefix), ExpiresAt: now.Add(pendingTime)}
	return w, Pending{Hash: HashToken(w.Token), Person: person, Method: by, CreatedAt: now, ExpiresAt: w.ExpiresAt}
}

// wait makes a sign-in wait for the second factor of a person who has proved the first.
func (s *Sessions) wait(ctx context.Context, p *Person, by Method) (SignedIn, error) {
	w, pending := s.newPending(p.ID, by)
	switch err := s.store.PendingPut(ctx, pending, p.Password, maxPending); {
	case errors.Is(err, ErrChanged):
		return SignedIn{}, errSignIn
	case err != nil:
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	}
	return SignedIn{Waiting: w, Person: *p}, nil
}

// LoginCode ends a sign-in that waits for the second factor by a code of the app, or a recovery code. An Unauthorized
// problem says that the code is wrong or that nothing waits, a TooMany problem that too many codes were wrong.
func (s *Sessions) LoginCode(ctx context.Context, from Client, token, code string) (SignedIn, error) {
	if err := s.throttled("", from.Addr); err != nil {
		return SignedIn{}, err
	}
	pending, ok, err := s.store.PendingGet(ctx, HashToken(token))
	switch {
	case err != nil:
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	case !ok || !s.now().Before(pending.ExpiresAt):
		return SignedIn{}, errPending
	}
	p, ok, err := s.store.PersonGet(ctx, pending.Person)
	switch {
	case err != nil:
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	case !ok || len(p.Active()) == 0:
		return SignedIn{}, errPending
	}
	var in SignedIn
	in.Person = p
	in.Token, in.Session = s.newSession(&p, pending.Method, from)
	notes, err := entries(&p, from.Request, "user.login", sessionNote{Session: in.Session.ID, Method: in.Session.Method, SecondFactor: true})
	if err != nil {
		return SignedIn{}, err
	}
	err = s.prove(ctx, &p, from, code, func(proof Proof) error {
		return s.store.PendingUse(ctx, pending.Hash, proof, in.Session, p.Password, maxSessions, notes)
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return SignedIn{}, errPending
	case err != nil:
		return SignedIn{}, err
	}
	s.endBefore(ctx, from, p.ID)
	return in, nil
}

// prove checks a code of a person's second factor, and calls use with the proof, which returns ErrChanged if it was used
// before. What is wrong with a code is counted, and answered by errCode.
func (s *Sessions) prove(ctx context.Context, p *Person, from Client, code string, use func(Proof) error) error {
	done, err := s.turn(ctx, codeName(p.ID), from.Addr)
	if err != nil {
		return err
	}
	defer done()
	f, ok, err := s.store.FactorGet(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("reading a second factor: %w", err)
	}
	proof, right := Proof{}, false
	if ok && !f.ConfirmedAt.IsZero() {
		proof, right = f.proof(code, s.now())
	}
	if right {
		switch err := use(proof); {
		case err == nil:
			s.accounts.forgive(codeName(p.ID))
			return nil
		case errors.Is(err, ErrNotFound):
			return err
		case !errors.Is(err, ErrChanged):
			return fmt.Errorf("using a code: %w", err)
		}
	}
	s.fail(ctx, p, codeName(p.ID), from)
	return errCode
}

// proof returns what a code proves, if it can be right: whether a recovery code is one, only its use tells.
func (f *Factor) proof(code string, now time.Time) (Proof, bool) {
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
	switch len(code) {
	case otp.DigitsSix.Length():
		step := now.Unix() / int64(codeStep/time.Second)
		for skew := int64(-codeSkew); skew <= codeSkew; skew++ {
			if at := step + skew; at > f.Step && f.matches(code, at) {
				return Proof{Step: at}, true
			}
		}
	case base32.StdEncoding.EncodedLen(recoveryBytes):
		return Proof{Recovery: HashToken(code)}, true
	}
	return Proof{}, false
}

// matches reports whether the code is that of the step, in constant time.
func (f *Factor) matches(code string, step int64) bool {
	ok, err := hotp.ValidateCustom(code, uint64(step), f.text(), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	return ok && err == nil
}

func (f *Factor) text() string { return base32.StdEncoding.EncodeToString(f.Secret) }

// Factor returns where the principal stands with their second factor.
func (s *Sessions) Factor(ctx context.Context, p *access.Principal) (FactorStatus, error) {
	f, ok, err := s.store.FactorGet(ctx, p.Actor.ID)
	switch {
	case err != nil:
		return FactorStatus{}, fmt.Errorf("reading a second factor: %w", err)
	case !ok || f.ConfirmedAt.IsZero():
		return FactorStatus{}, nil
	}
	return FactorStatus{Enabled: true, ConfirmedAt: f.ConfirmedAt, Codes: f.Codes}, nil
}

// Fresh reports whether the principal has signed in a short while ago, so that they may set up a second factor without
// their password.
func (s *Sessions) Fresh(ctx context.Context, p *access.Principal) (bool, error) {
	list, err := s.List(ctx, p)
	if err != nil {
		return false, err
	}
	for i := range list {
		if list[i].ID == p.Session {
			return s.now().Sub(list[i].CreatedAt) < factorFresh || s.Proved(&list[i]), nil
		}
	}
	return false, nil
}

// SetUpFactor begins to set up a second factor for the principal, which holds once ConfirmFactor has seen a code of it. It
// takes the password, unless the session is fresh. issuer names the installation in the app.
func (s *Sessions) SetUpFactor(ctx context.Context, p *access.Principal, from Client, password, issuer string) (Setup, error) {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return Setup{}, err
	}
	fresh, err := s.Fresh(ctx, p)
	if err != nil {
		return Setup{}, err
	}
	if !fresh || password != "" {
		if err := s.confirmPassword(ctx, &person, from, password); err != nil {
			return Setup{}, err
		}
	}
	f := Factor{Person: person.ID, Secret: make([]byte, secretBytes), CreatedAt: s.now().UTC().Truncate(time.Millisecond)}
	rand.Read(f.Secret) // never fails, see crypto/rand
	switch err := s.store.FactorPut(ctx, f); {
	case errors.Is(err, ErrExists):
		return Setup{}, errFactor
	case err != nil:
		return Setup{}, fmt.Errorf("setting up a second factor: %w", err)
	}
	return f.setup(issuer, person.Email), nil
}

func (s *Sessions) confirmPassword(ctx context.Context, p *Person, from Client, password string) error {
	done, err := s.turn(ctx, p.Email, from.Addr)
	if err != nil {
		return err
	}
	defer done()
	if err := s.verify(ctx, p, p.Email, password, from); errors.Is(err, errSignIn) {
		return problem.New(problem.Forbidden, "the password is wrong")
	} else if err != nil {
		return err
	}
	return nil
}

// setup returns what an app needs of the factor.
func (f *Factor) setup(issuer, account string) Setup {
	q := url.Values{"secret": {f.text()}, "issuer": {issuer}}
	// Apps take a plus for itself.
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	return Setup{Secret: f.text(), URI: "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) + "?" + query}
}

// ConfirmFactor puts the second factor that is being set up into force by a code of it, ends the principal's other sessions,
// and returns the recovery codes, which are shown once. A Forbidden problem says that the code is wrong.
func (s *Sessions) ConfirmFactor(ctx context.Context, p *access.Principal, from Client, code string) ([]string, error) {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return nil, err
	}
	done, err := s.turn(ctx, codeName(person.ID), from.Addr)
	if err != nil {
		return nil, err
	}
	defer done()
	f, ok, err := s.store.FactorGet(ctx, person.ID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a second factor: %w", err)
	case ok && !f.ConfirmedAt.IsZero():
		return nil, errFactor
	case !ok || s.now().Sub(f.CreatedAt) > factorFresh:
		return nil, errNoCode
	}
	proof, right := f.proof(code, s.now())
	if !right || proof.Step == 0 {
		s.fail(ctx, &person, codeName(person.ID), from)
		return nil, wrongCode
	}
	f.Step, f.ConfirmedAt = proof.Step, s.now().UTC().Truncate(time.Millisecond)
	codes, hashes := newRecoveryCodes()
	notes, err := entries(&person, p.Request, "user.factor-enable", nil)
	if err != nil {
		return nil, err
	}
	switch err := s.store.FactorConfirm(ctx, f, hashes, p.Session, notes); {
	case errors.Is(err, ErrChanged):
		return nil, errNoCode
	case err != nil:
		return nil, fmt.Errorf("confirming a second factor: %w", err)
	}
	s.accounts.forgive(codeName(person.ID))
	return codes, nil
}

// wrongCode is errCode for somebody who has signed in.
var wrongCode = problem.New(problem.Forbidden, "the code is wrong, or it was used already: wait for the next one")

// RenewRecoveryCodes replaces the principal's recovery codes by new ones, which are shown once. It takes a code.
func (s *Sessions) RenewRecoveryCodes(ctx context.Context, p *access.Principal, from Client, code string) ([]string, error) {
	codes, hashes := newRecoveryCodes()
	err := s.useCode(ctx, p, from, code, "user.recovery-codes", func(proof Proof, notes []*access.Entry) error {
		return s.store.FactorRenew(ctx, p.Actor.ID, proof, hashes, notes)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// DisableFactor removes the principal's second factor. It takes a code.
func (s *Sessions) DisableFactor(ctx context.Context, p *access.Principal, from Client, code string) error {
	return s.useCode(ctx, p, from, code, "user.factor-disable", func(proof Proof, notes []*access.Entry) error {
		return s.store.FactorRemove(ctx, p.Actor.ID, &proof, notes)
	})
}

// useCode makes a change of the principal's second factor that takes a code.
func (s *Sessions) useCode(ctx context.Context, p *access.Principal, from Client, code, action string, change func(Proof, []*access.Entry) error) error {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return err
	}
	if !person.SecondFactor {
		return errNoFactor
	}
	notes, err := entries(&person, p.Request, action, nil)
	if err != nil {
		return err
	}
	err = s.prove(ctx, &person, from, code, func(proof Proof) error { return change(proof, notes) })
	switch {
	case errors.Is(err, errCode):
		return wrongCode
	case errors.Is(err, ErrNotFound):
		return errNoFactor
	}
	return err
}

var errNoFactor = problem.New(problem.Conflict, "there is no second factor")

// DisableFactor removes the second factor of a user and their passkeys, for somebody who has lost their phone and their
// recovery codes. The admin of a tenant may do it for people who belong to that tenant only: others' tenants trust the second factor, too.
func (d *Directory) DisableFactor(ctx context.Context, p *access.Principal, id string) (User, error) {
	u, err := d.Get(ctx, p, id)
	if err != nil {
		return User{}, err
	}
	if own(p, &u) {
		return User{}, errOwn
	}
	if !p.Allows(access.RunPlatform) {
		person, ok, err := d.store.PersonGet(ctx, id)
		switch {
		case err != nil:
			return User{}, fmt.Errorf("reading a person: %w", err)
		case ok && len(person.Users) > 1:
			return User{}, problem.New(problem.Forbidden, "only the platform can do this for somebody who signs in elsewhere, too")
		}
	}
	entry, err := d.entry(p, "user.factor-disable", nil, &u)
	if err != nil {
		return User{}, err
	}
	switch err := d.store.FactorRemove(ctx, id, nil, []*access.Entry{entry}); {
	case errors.Is(err, ErrNotFound):
		return User{}, problem.New(problem.Conflict, "the user has neither a second factor nor passkeys")
	case err != nil:
		return User{}, fmt.Errorf("removing a second factor: %w", err)
	}
	u.SecondFactor = false
	return u, nil
}

// recoveryBytes is the length of a recovery code before it is encoded.
const recoveryBytes = 10

// newRecoveryCodes returns codes as people read them, and what is stored of them.
func newRecoveryCodes() (codes []string, hashes [][32]byte) {
	for range recoveryCodes {
		var b [recoveryBytes]byte
		rand.Read(b[:]) // never fails, see crypto/rand
		c := base32.StdEncoding.EncodeToString(b[:])
		codes = append(codes, c[:4]+"-"+c[4:8]+"-"+c[8:12]+"-"+c[12:])
		hashes = append(hashes, HashToken(c))
	}
	return codes, hashes
}

// fail counts a failure of an account, or of what throttle has another name for, and notes it in the audit log.
func (s *Sessions) fail(ctx context.Context, p *Person, name string, from Client) {
	s.addresses.fail(addressName(from.Addr), s.now())
	s.noteFailure(ctx, p, s.accounts.fail(name, s.now()), p.Email, from)
}
