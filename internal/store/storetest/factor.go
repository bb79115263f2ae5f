package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/user"
)

// factors: a second factor is set up until it is confirmed, its codes serve once, and it goes with its person.
func factors(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	keep := accepted(t, s, link, "ses_1")
	f := user.Factor{Person: ann.ID, Secret: []byte("12345678901234567890"), CreatedAt: noon}
	nobody := f
	nobody.Person = "usr_none"
	if err := s.FactorPut(ctx, nobody); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("of nobody: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.FactorPut(ctx, user.Factor{Person: ann.ID, Secret: []byte("x"), CreatedAt: noon.Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := s.FactorPut(ctx, f); err != nil {
		t.Fatal(err)
	}
	check := func(want user.Factor) {
		t.Helper()
		for range 2 {
			got, ok, err := s.FactorGet(ctx, ann.ID)
			if err != nil || !ok || !same(got, want) {
				t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, want)
			}
			p, _, err := s.PersonGet(ctx, ann.ID)
			if confirmed := !want.ConfirmedAt.IsZero(); err != nil || p.SecondFactor != confirmed || p.Users[0].SecondFactor != confirmed {
				t.Errorf("got %+v, %v, want that she has a second factor %t", p, err, confirmed)
			}
			s.Reopen(t)
		}
	}
	check(f)
	start := func(id string) error { return s.SessionStart(ctx, aSession(id, ann.ID), "PHC", 99, nil) }
	if err := start("ses_2"); err != nil {
		t.Errorf("a session before it is confirmed: %v", err)
	}
	waiting := func(token string, at time.Time) user.Pending {
		return user.Pending{Hash: user.HashToken(token), Person: ann.ID, Method: user.ByPassword, CreatedAt: at, ExpiresAt: at.Add(time.Minute)}
	}
	put := func(p user.Pending) {
		t.Helper()
		if err := s.PendingPut(ctx, p, "PHC", 2); err != nil {
			t.Fatal(err)
		}
	}
	put(waiting("early", noon))
	stale := f
	stale.CreatedAt, stale.ConfirmedAt = noon.Add(-time.Minute), noon
	if err := s.FactorConfirm(ctx, stale, nil, "", nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("confirming one that was replaced: got %v, want %v", err, user.ErrChanged)
	}
	f.ConfirmedAt, f.Step, f.Codes = noon.Add(time.Second), 100, 2
	codes := [][32]byte{user.HashToken("one"), user.HashToken("two")}
	if err := s.FactorConfirm(ctx, f, codes, keep.ID, []*access.Entry{entryOf("user.factor-enable", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	check(f)
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 || list[0].ID != keep.ID {
		t.Errorf("got %+v, %v, want the session that was kept", list, err)
	}
	if _, ok, err := s.PendingGet(ctx, user.HashToken("early")); ok || err != nil {
		t.Errorf("a sign-in that waited: got %t, %v", ok, err)
	}
	if err := s.FactorConfirm(ctx, f, codes, "", nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("confirming twice: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.FactorPut(ctx, f); !errors.Is(err, user.ErrExists) {
		t.Errorf("another: got %v, want %v", err, user.ErrExists)
	}
	if err := start("ses_3"); !errors.Is(err, user.ErrChanged) {
		t.Errorf("a session without it: got %v, want %v", err, user.ErrChanged)
	}

	first := waiting("first", noon)
	put(first)
	if got, ok, err := s.PendingGet(ctx, first.Hash); err != nil || !ok || !same(got, first) {
		t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, first)
	}
	if err := s.PendingPut(ctx, waiting("wrong", noon), "another", 2); !errors.Is(err, user.ErrChanged) {
		t.Errorf("by a password that has changed: got %v, want %v", err, user.ErrChanged)
	}
	use := func(p user.Pending, session string, proof user.Proof) error {
		return s.PendingUse(ctx, p.Hash, proof, aSession(session, ann.ID), "PHC", 99, []*access.Entry{entryOf("user.login", ann.ID)})
	}
	for _, proof := range []user.Proof{{Step: 100}, {Step: 99}, {Recovery: user.HashToken("three")}} {
		if err := use(first, "ses_4", proof); !errors.Is(err, user.ErrChanged) {
			t.Errorf("%+v: got %v, want %v", proof, err, user.ErrChanged)
		}
	}
	// Used by many at once, a code serves one.
	second := waiting("second", noon.Add(time.Second))
	put(second)
	var won atomic.Int32
	var wg sync.WaitGroup
	for i, p := range []user.Pending{first, second, first, second} {
		wg.Go(func() {
			switch err := use(p, "ses_many"+string(rune('0'+i)), user.Proof{Step: 101}); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, user.ErrChanged):
				t.Errorf("got %v, want %v", err, user.ErrChanged)
			}
		})
	}
	wg.Wait()
	f.Step = 101
	if check(f); won.Load() != 1 {
		t.Errorf("%d got in by one code", won.Load())
	}
	third := waiting("third", noon.Add(2*time.Second))
	put(third)
	if err := use(third, "ses_5", user.Proof{Recovery: codes[0]}); err != nil {
		t.Fatal(err)
	}
	f.Codes = 1
	check(f)
	if err := use(third, "ses_6", user.Proof{Recovery: codes[1]}); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("a wait that has ended: got %v, want %v", err, user.ErrNotFound)
	}
	check(f) // the code was not used up
	for i := range 3 {
		put(waiting("many"+string(rune('0'+i)), noon.Add(time.Duration(i)*time.Minute)))
	}
	if _, ok, err := s.PendingGet(ctx, user.HashToken("many0")); ok || err != nil {
		t.Errorf("the oldest of three: got %t, %v, want that two wait at most", ok, err)
	}
	if _, err := s.SignInExpire(ctx, noon.Add(-time.Hour), noon.Add(2*time.Minute), 99); err != nil {
		t.Error(err)
	}
	for token, want := range map[string]bool{"many1": false, "many2": true} {
		if _, ok, err := s.PendingGet(ctx, user.HashToken(token)); ok != want || err != nil {
			t.Errorf("%s after a sweep: got %t, %v, want %t", token, ok, err, want)
		}
	}

	fresh := [][32]byte{user.HashToken("four")}
	if err := s.FactorRenew(ctx, ann.ID, user.Proof{Recovery: codes[0]}, fresh, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("by a used code: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.FactorRenew(ctx, ann.ID, user.Proof{Recovery: codes[1]}, append(fresh, user.HashToken("five")), []*access.Entry{entryOf("user.recovery-codes", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	f.Codes = 2
	check(f)
	if err := s.FactorRemove(ctx, ann.ID, &user.Proof{Recovery: codes[1]}, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("removing by a used code: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.FactorRemove(ctx, ann.ID, &user.Proof{Recovery: fresh[0]}, []*access.Entry{entryOf("user.factor-disable", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.FactorRemove(ctx, ann.ID, nil, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("removing it twice: got %v, want %v", err, user.ErrNotFound)
	}
	if err := start("ses_7"); err != nil {
		t.Errorf("a session afterwards: %v", err)
	}

	f.CreatedAt, f.ConfirmedAt, f.Step, f.Codes = noon.Add(time.Hour), noon.Add(time.Hour), 200, 1
	if err := s.FactorPut(ctx, f); err != nil {
		t.Fatal(err)
	}
	if err := s.FactorConfirm(ctx, f, fresh, "", nil); err != nil {
		t.Fatal(err)
	}
	check(f) // no code of the one before
	put(first)
	if err := s.PasswordSet(ctx, ann.ID, "PHC", "PHC", "", nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.PendingGet(ctx, first.Hash); ok || err != nil {
		t.Errorf("after a new password: got %t, %v, want that nothing waits", ok, err)
	}
	if err := s.UserRemove(ctx, 1, ann.ID, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.FactorGet(ctx, ann.ID); ok || err != nil {
		t.Errorf("of somebody who was removed: got %t, %v", ok, err)
	}
}
