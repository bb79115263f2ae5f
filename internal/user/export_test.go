package user

import (
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
)

// SetClock gives the users and sessions another clock.
func SetClock(d *Directory, s *Sessions, now func() time.Time) { d.now, s.now = now, now }

// HashQuickly makes hashes cheap, for tests that are about something else.
func HashQuickly(s *Sessions) {
	quick := hashing
	quick.Memory, quick.Iterations = 64, 1
	hashBy(s, quick)
}

// HashFully makes hashes cost again what they do.
func HashFully(s *Sessions) { hashBy(s, hashing) }

func hashBy(s *Sessions, params argon2id.Params) {
	s.hasher.params = params
	s.hasher.unknown = sync.OnceValues(func() (string, error) { return argon2id.CreateHash("x", &params) })
}

// WaitForTurns sets how long a sign-in waits for its turn.
func WaitForTurns(s *Sessions, d time.Duration) { s.hasher.wait = d }

const (
	FailureBurst = failureBurst
	MaxSessions  = maxSessions
)

// CheckPassword is checkPassword.
func CheckPassword(password, email string) error { return checkPassword("password", password, email) }

// CleanEmail is cleanEmail.
func CleanEmail(s string) (string, string) { return cleanEmail(s) }

// MaxPasskeys is maxPasskeys.
const MaxPasskeys = maxPasskeys
