package user

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// hashing is how passwords are hashed: the OWASP Password Storage Cheat Sheet's parameters for argon2id. They do not depend
// on the machine, so that a hash costs the same on each.
var hashing = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	// hashesAtOnce bounds the memory of sign-ins: each hash takes 19 MiB, and as much lies behind it until it is
	// collected.
	hashesAtOnce = 1
	// hashWait is how long a sign-in waits for its turn.
	hashWait = 2 * time.Second
)

// hasher hashes passwords, a few at a time.
type hasher struct {
	turns  chan struct{}
	wait   time.Duration
	params argon2id.Params
	// unknown returns what is compared where there is no password, so that it takes as long as where there is one. It is
	// made when it is needed first: hashing takes 19 MiB, which a server that nobody signs in to never needs.
	unknown func() (string, error)
}

func newHasher() *hasher {
	h := &hasher{turns: make(chan struct{}, hashesAtOnce), wait: hashWait, params: hashing}
	h.unknown = sync.OnceValues(func() (string, error) { return argon2id.CreateHash(randomid.Token(""), &h.params) })
	return h
}

// turn waits for a turn to hash; done must be called. An Unavailable problem says that too many are before.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	t := time.NewTimer(h.wait)
	defer t.Stop()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-t.C:
		return nil, &problem.Error{Kind: problem.Unavailable, After: h.wait, Detail: "too many people are signing in at this moment: try again"}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash returns what is stored of a password, in PHC form. The caller has a turn.
func (h *hasher) hash(password string) (string, error) {
	s, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return s, nil
}

// check reports whether the password is the stored one, in a time that does not say whether there is one, and whether it
// was hashed with other parameters than new ones are. The caller has a turn.
func (h *hasher) check(password, stored string) (right, stale bool, err error) {
	against := stored
	if stored == "" {
		if against, err = h.unknown(); err != nil {
			return false, false, fmt.Errorf("hashing a password: %w", err)
		}
	}
	right, params, err := argon2id.CheckHash(password, against)
	if err != nil {
		return false, false, fmt.Errorf("checking a password: %w", err)
	}
	return right && stored != "", *params != h.params, nil
}
