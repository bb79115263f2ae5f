package user

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/access"
)

// Identity is a person as an identity provider knows them. The issuer and the subject are the person, for ever; addresses
// change hands.
type Identity struct {
	Issuer, Subject string
	Person          string
	Provider        string    // the name of the settings by which they came first
	CreatedAt       time.Time // UTC
	SeenAt          time.Time // UTC; the last sign-in
}

// IdentityUse is what a sign-in at an identity provider changes.
type IdentityUse struct {
	Identity Identity
	Known    bool   // the identity is stored already
	New      bool   // the person is not; they have Email from now on
	Email    string // the person's
	Was      string // the person's password as it was read
	// Put are the person's users to add, with the Version 0, or to store over the Version that was read; Remove are those
	// to remove, likewise. A person who is left with none is removed, too.
	Put, Remove []User
	// Quotas bound the users of the tenants that get one more; nil: any number.
	Quotas func(u *User) Quota
	// Session begins. Nil: none does, because no user is left who may act.
	Session *Session
	Most    int // sessions of the person; the oldest beyond them end
}

// IdentityStore keeps identities. The promises are those of Store.
type IdentityStore interface {
	// IdentityGet returns the identity with the issuer and the subject.
	IdentityGet(ctx context.Context, issuer, subject string) (Identity, bool, error)
	// IdentityList returns the person's identities, the oldest first.
	IdentityList(ctx context.Context, person string) ([]Identity, error)
	// IdentityUse stores a sign-in. ErrChanged without a change if anything is no longer as it was read: the person's
	// password or users, who has the address, or who has the identity; a person has one of each issuer at most.
	IdentityUse(ctx context.Context, use IdentityUse, entries []*access.Entry) error
	// SessionEndProvided ends the sessions that began by the provider and have its session id, of the person; either of
	// the two may be empty, but not both. entries makes the audit entries of the people whose sessions end.
	SessionEndProvided(ctx context.Context, provider, session, person string, entries func(person string) ([]*access.Entry, error)) (int, error)
}
