package user

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Passkeys: a person signs in without typing anything, by an authenticator that has verified them. That is two factors in
// one step, so a sign-in by a passkey waits for nothing, and a passkey may stand in for the code of an app.
//
// A question is not stored. Its challenge is a sealed text that says until when it holds, so that those who look at the
// sign-in page write nothing; only the challenges that were answered rightly are kept, until they would not hold anyway.

const (
	// challengeTime is how long a challenge to sign in holds: people leave the page open.
	challengeTime = time.Hour
	// maxPasskeys bounds the passkeys of a person.
	maxPasskeys = 20
)

// Passkey is one of a person's passkeys.
type Passkey struct {
	ID        string // "psk_…"
	Person    string
	Name      string // by which the person tells it from others
	Party     string // the name of the site, at which alone it works
	Key       passkey.Key
	CreatedAt time.Time // UTC
	UsedAt    time.Time // UTC; zero: it has not been used yet
}

// Challenge is a question that was answered.
type Challenge struct {
	Hash      [32]byte  // of it
	ExpiresAt time.Time // UTC; when it would no longer hold anyway
}

// PasskeyUse is what somebody does who has proved a passkey.
type PasskeyUse struct {
	Passkey   Passkey // as it was read
	Key       passkey.Key
	At        time.Time
	Challenge Challenge
	// Session begins, if it is not nil; Most and Was are as in Store.SessionStart, but for the second factor.
	Session *Session
	Most    int
	Was     string
	// Pending is the hash of the sign-in that waits for the proof, and ends with it. Nil: none.
	Pending *[32]byte
	// Prove is the id of the session in which the person has proved who they are. Empty: none.
	Prove string
}

// PasskeyStore keeps passkeys. The promises are those of Store.
type PasskeyStore interface {
	// PasskeyAdd adds a passkey and uses the challenge up. ErrExists if there is a passkey with its credential, ErrFull if
	// the person has most of them, ErrChanged if the challenge was used before, ErrNotFound without the person.
	PasskeyAdd(ctx context.Context, k Passkey, c Challenge, most int, entries []*access.Entry) error
	// PasskeyList returns the person's passkeys, the oldest first.
	PasskeyList(ctx context.Context, person string) ([]Passkey, error)
	// PasskeyFind returns the passkey with the credential's id.
	PasskeyFind(ctx context.Context, credential []byte) (Passkey, bool, error)
	// PasskeyRename gives a passkey of the person another name; ErrNotFound without one.
	PasskeyRename(ctx context.Context, person, id, name string, entries []*access.Entry) error
	// PasskeyRemove removes a passkey of the person; ErrNotFound without one.
	PasskeyRemove(ctx context.Context, person, id string, entries []*access.Entry) error
	// ChallengeUsed reports whether the challenge with the hash was used up, and would hold still.
	ChallengeUsed(ctx context.Context, hash [32]byte) (bool, error)
	// PasskeyUse uses the challenge up, stores the passkey's counter and flags, and does what the use says. ErrChanged if
	// the challenge was used before, the passkey has been used or removed since it was read, or the password is another;
	// ErrNotFound if nothing waits any longer, or the session to prove has ended.
	PasskeyUse(ctx context.Context, use PasskeyUse, entries []*access.Entry) error
}

// ErrFull is returned for a passkey of somebody who has too many.
var ErrFull = errors.New("user: too many passkeys")

// Sealer seals challenges; secret.Keyring does.
type Sealer interface {
	Seal(plain []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// UsePasskeys lets people have passkeys. It must be called before the sessions are shared.
func (s *Sessions) UsePasskeys(sealer Sealer) { s.sealer = sealer }

var (
	errNoParty    = problem.New(problem.Conflict, "passkeys belong to a name with HTTPS: the operator sets publicUrl; on the machine itself use the name localhost instead of its address")
	errPasskey    = problem.New(problem.Unauthorized, "this passkey is not known here, or was removed")
	errCopied     = problem.New(problem.Unauthorized, "this passkey is refused: its counter has not risen, so there may be a copy of it; sign in another way, remove it, and add a new one")
	errAnswer     = problem.New(problem.Unauthorized, "the answer of the passkey is not valid: try again")
	errChallenge  = problem.New(problem.Unauthorized, "this took too long, or was used already: try again")
	errNoPasskey  = problem.New(problem.NotFound, "there is no such passkey")
	errAtProvider = problem.New(problem.Forbidden, "your roles come from an identity provider, which must be asked at each sign-in: sign in there")
)

// newChallenge returns a challenge for a purpose, which holds for a while.
func (s *Sessions) newChallenge(purpose string, lasts time.Duration) ([]byte, error) {
	// A sealer takes texts that begin like JSON for values from before there was encryption, and opens them as they are.
	// The first byte tells those from what was sealed here.
	plain := binary.BigEndian.AppendUint64([]byte{challengeVersion}, uint64(s.now().Add(lasts).UnixMilli()))
	plain = append(plain, make([]byte, 16)...)
	rand.Read(plain[9:]) // never fails, see crypto/rand
	sealed, err := s.sealer.Seal(plain, challengeContext(purpose))
	if err != nil {
		return nil, fmt.Errorf("making a challenge: %w", err)
	}
	return sealed, nil
}

const (
	challengeVersion = 1
	signingIn        = "sign-in"
)

func challengeContext(purpose string) string { return "passkey challenge/" + purpose }

func registering(p *access.Principal) string { return "register/" + p.Actor.ID + "/" + p.Session }

// challenged checks a challenge that has come back, and returns what is to be kept of it.
func (s *Sessions) challenged(c *Challenge, purpose string) passkey.Check {
	return func(sealed []byte) error {
		const longest = 256 // bytes; none is longer
		if len(sealed) == 0 || len(sealed) > longest {
			return errChallenge
		}
		plain, err := s.sealer.Open(sealed, challengeContext(purpose))
		if err != nil || len(plain) != 25 || plain[0] != challengeVersion {
			return errChallenge
		}
		ends := time.UnixMilli(int64(binary.BigEndian.Uint64(plain[1:]))).UTC()
		if !s.now().Before(ends) {
			return errChallenge
		}
		*c = Challenge{Hash: HashToken(string(sealed)), ExpiresAt: ends}
		return nil
	}
}

func (s *Sessions) possible(party passkey.Party) error {
	if s.sealer == nil || !party.Possible() {
		return errNoParty
	}
	return nil
}

// Passkeys returns the passkeys of the principal, the oldest first.
func (s *Sessions) Passkeys(ctx context.Context, p *access.Principal) ([]Passkey, error) {
	list, err := s.store.PasskeyList(ctx, p.Actor.ID)
	if err != nil {
		return nil, fmt.Errorf("listing passkeys: %w", err)
	}
	return list, nil
}

// OfferPasskey begins to add a passkey of the principal: it returns the options for navigator.credentials.create, which
// hold for ten minutes in this session. A Conflict problem says that the site can have no passkeys. The caller makes sure
// that the session is proved; see Proved.
func (s *Sessions) OfferPasskey(ctx context.Context, p *access.Principal, party passkey.Party) (json.RawMessage, error) {
	if err := s.possible(party); err != nil {
		return nil, err
	}
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return nil, err
	}
	if !signsInByPasskey(&person) {
		return nil, errAtProvider
	}
	has, err := s.Passkeys(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(has) >= maxPasskeys {
		return nil, errTooMany
	}
	var keys []passkey.Key
	for i := range has {
		if has[i].Party == party.ID {
			keys = append(keys, has[i].Key)
		}
	}
	challenge, err := s.newChallenge(registering(p), factorFresh)
	if err != nil {
		return nil, err
	}
	return party.Create(passkey.Account{Handle: person.ID, Name: person.Email}, challenge, keys)
}

var errTooMany = problem.New(problem.Conflict, "you have %d passkeys, which is the most: remove one first", maxPasskeys)

// signsInByPasskey reports whether a passkey opens the account. Roles of an identity provider are read anew at each sign-in
// there, so whoever has no others must come from there.
func signsInByPasskey(p *Person) bool {
	return slices.ContainsFunc(p.Active(), func(u User) bool { return u.Provider == "" })
}

// AddPasskey adds the passkey that a browser has made by OfferPasskey. A Forbidden problem says that its answer is not
// valid.
func (s *Sessions) AddPasskey(ctx context.Context, p *access.Principal, party passkey.Party, name string, answer []byte) (Passkey, error) {
	if err := s.possible(party); err != nil {
		return Passkey{}, err
	}
	if err := checkPasskeyName(name); err != nil {
		return Passkey{}, err
	}
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return Passkey{}, err
	}
	if !signsInByPasskey(&person) {
		return Passkey{}, errAtProvider
	}
	var c Challenge
	key, err := party.Created(passkey.Account{Handle: person.ID, Name: person.Email}, answer, s.challenged(&c, registering(p)))
	if err != nil {
		return Passkey{}, s.notTaken(ctx, err)
	}
	k := Passkey{ID: randomid.New("psk_"), Person: person.ID, Name: name, Party: party.ID, Key: key, CreatedAt: s.now().UTC().Truncate(time.Millisecond)}
	notes, err := entries(&person, p.Request, "user.passkey-add", k.audited())
	if err != nil {
		return Passkey{}, err
	}
	switch err := s.store.PasskeyAdd(ctx, k, c, maxPasskeys, notes); {
	case errors.Is(err, ErrExists):
		return Passkey{}, problem.New(problem.Conflict, "this passkey is registered already")
	case errors.Is(err, ErrFull):
		return Passkey{}, errTooMany
	case errors.Is(err, ErrChanged):
		return Passkey{}, forSignedIn(errChallenge)
	case errors.Is(err, ErrNotFound):
		return Passkey{}, errSession
	case err != nil:
		return Passkey{}, fmt.Errorf("adding a passkey: %w", err)
	}
	return k, nil
}

// notTaken is the answer to somebody who has signed in and whose passkey proves nothing; the log gets the reason.
func (s *Sessions) notTaken(ctx context.Context, err error) error {
	if errors.Is(err, passkey.ErrAnswer) {
		s.log.InfoContext(ctx, "the answer of a passkey is not valid", "error", err)
		err = errAnswer
	}
	return forSignedIn(err)
}

// forSignedIn turns a problem about a sign-in into that of somebody who has signed in, whose session it must not end.
func forSignedIn(err error) error {
	if p := (*problem.Error)(nil); errors.As(err, &p) && p.Kind == problem.Unauthorized {
		return problem.New(problem.Forbidden, "%s", p.Detail)
	}
	return err
}

func checkPasskeyName(name string) error {
	reason := checkName(name)
	if name == "" {
		reason = "is required"
	}
	if reason != "" {
		return problem.InvalidField("name", "%s", reason)
	}
	return nil
}

func (k *Passkey) audited() any {
	return struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Party  string `json:"site"`
		Synced bool   `json:"synced"`
	}{k.ID, k.Name, k.Party, k.Key.Synced()}
}

// RenamePasskey gives a passkey of the principal another name. A NotFound problem says that there is none.
func (s *Sessions) RenamePasskey(ctx context.Context, p *access.Principal, id, name string) (Passkey, error) {
	if err := checkPasskeyName(name); err != nil {
		return Passkey{}, err
	}
	var changed Passkey
	err := s.changePasskey(ctx, p, id, "user.passkey-rename", func(k *Passkey) any {
		k.Name = name
		changed = *k
		return k.audited()
	}, func(notes []*access.Entry) error { return s.store.PasskeyRename(ctx, p.Actor.ID, id, name, notes) })
	return changed, err
}

// RemovePasskey removes a passkey of the principal: it signs nobody in from now on. A NotFound problem says that there is
// none.
func (s *Sessions) RemovePasskey(ctx context.Context, p *access.Principal, id string) error {
	return s.changePasskey(ctx, p, id, "user.passkey-remove", func(k *Passkey) any { return k.audited() },
		func(notes []*access.Entry) error { return s.store.PasskeyRemove(ctx, p.Actor.ID, id, notes) })
}

func (s *Sessions) changePasskey(ctx context.Context, p *access.Principal, id, action string, after func(k *Passkey) any, change func([]*access.Entry) error) error {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return err
	}
	list, err := s.Passkeys(ctx, p)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(k Passkey) bool { return k.ID == id })
	if at < 0 {
		return errNoPasskey
	}
	notes, err := entries(&person, p.Request, action, after(&list[at]))
	if err != nil {
		return err
	}
	switch err := change(notes); {
	case errors.Is(err, ErrNotFound):
		return errNoPasskey
	case err != nil:
		return fmt.Errorf("changing a passkey: %w", err)
	}
	return nil
}
