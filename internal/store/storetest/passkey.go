package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/user"
)

// passkeys: each is one person's, its challenge and its counter serve once, and it goes with its person.
func passkeys(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	session := accepted(t, s, link, "ses_1")
	challenge := func(text string) user.Challenge {
		return user.Challenge{Hash: user.HashToken(text), ExpiresAt: noon.Add(time.Hour)}
	}
	one := user.Passkey{
		ID: "psk_1", Person: ann.ID, Name: "Laptop ø", Party: "relay.example.com", CreatedAt: noon,
		Key: passkey.Key{Credential: []byte{0, 1, 0xff}, Public: []byte("cose"), Counter: 1<<32 - 2, Flags: 0x1d},
	}
	two := one
	two.ID, two.Name, two.Key.Credential, two.Key.Counter, two.CreatedAt = "psk_2", "Phone", []byte("two"), 0, noon.Add(time.Second)
	nobody := one
	nobody.Person = "usr_none"
	if err := s.PasskeyAdd(ctx, nobody, challenge("a"), 2, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("of nobody: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.PasskeyAdd(ctx, one, challenge("a"), 2, []*access.Entry{entryOf("user.passkey-add", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.PasskeyAdd(ctx, two, challenge("a"), 2, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("a challenge again: got %v, want %v", err, user.ErrChanged)
	}
	again := two
	again.Key.Credential = one.Key.Credential
	if err := s.PasskeyAdd(ctx, again, challenge("b"), 2, nil); !errors.Is(err, user.ErrExists) {
		t.Errorf("a credential again: got %v, want %v", err, user.ErrExists)
	}
	if err := s.PasskeyAdd(ctx, two, challenge("b"), 2, nil); err != nil { // the refused one has used nothing up
		t.Fatal(err)
	}
	if err := s.PasskeyAdd(ctx, again, challenge("c"), 2, nil); !errors.Is(err, user.ErrFull) {
		t.Errorf("one too many: got %v, want %v", err, user.ErrFull)
	}
	for text, want := range map[string]bool{"a": true, "b": true, "c": false} {
		if got, err := s.ChallengeUsed(ctx, user.HashToken(text)); err != nil || got != want {
			t.Errorf("challenge %s: got %t, %v, want it used %t", text, got, err, want)
		}
	}
	check := func(want ...user.Passkey) {
		t.Helper()
		for range 2 {
			list, err := s.PasskeyList(ctx, ann.ID)
			if err != nil || !same(list, want) {
				t.Errorf("got %+v, %v, want %+v", list, err, want)
			}
			for _, k := range want {
				if got, ok, err := s.PasskeyFind(ctx, k.Key.Credential); err != nil || !ok || !same(got, k) {
					t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, k)
				}
			}
			s.Reopen(t)
		}
	}
	check(one, two)
	if _, ok, err := s.PasskeyFind(ctx, []byte("none")); ok || err != nil {
		t.Errorf("a credential that nobody has: got %t, %v", ok, err)
	}

	use := func(text string) user.PasskeyUse {
		next := one.Key
		next.Counter++
		return user.PasskeyUse{Passkey: one, Key: next, At: noon.Add(time.Minute), Challenge: challenge(text), Was: "PHC", Most: 99}
	}
	// Of many at once with one counter, one counts.
	var wait sync.WaitGroup
	var won atomic.Int32
	for i := range 4 {
		wait.Go(func() {
			u, new := use(string(rune('p'+i))), aSession("ses_"+string(rune('p'+i)), ann.ID)
			u.Session = &new
			switch err := s.PasskeyUse(ctx, u, nil); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, user.ErrChanged):
				t.Errorf("using it: %v", err)
			}
		})
	}
	wait.Wait()
	one.Key.Counter++
	one.UsedAt = noon.Add(time.Minute)
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 2 || won.Load() != 1 {
		t.Errorf("%d uses were taken, got %d sessions, %v, want one more", won.Load(), len(list), err)
	}
	check(one, two)
	again2 := use("x")
	again2.Key.Counter, again2.Prove = 7, session.ID
	if err := s.PasskeyUse(ctx, again2, []*access.Entry{entryOf("user.confirm", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	one.Key.Counter = 7
	if list, err := s.SessionList(ctx, ann.ID); err != nil || !list[0].ProvedAt.Equal(noon.Add(time.Minute)) && !list[1].ProvedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %+v, %v, want one that is proved", list, err)
	}
	again2.Passkey = one
	if err := s.PasskeyUse(ctx, again2, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("a challenge again: got %v, want %v", err, user.ErrChanged)
	}
	waits := user.Pending{Hash: user.HashToken("waits"), Person: ann.ID, Method: user.ByPassword, CreatedAt: noon, ExpiresAt: noon.Add(time.Minute)}
	if err := s.PendingPut(ctx, waits, "PHC", 2); err != nil {
		t.Fatal(err)
	}
	third := use("y")
	third.Passkey, third.Pending = one, &waits.Hash
	begun := aSession("ses_3", ann.ID)
	third.Session = &begun
	wrong := third
	wrong.Was = "another"
	if err := s.PasskeyUse(ctx, wrong, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("with another password: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.PasskeyUse(ctx, third, nil); err != nil {
		t.Fatal(err)
	}
	one.Key.Counter = third.Key.Counter
	third.Challenge, third.Passkey = challenge("z"), one
	if err := s.PasskeyUse(ctx, third, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("where nothing waits: got %v, want %v", err, user.ErrNotFound)
	}
	check(one, two)

	if err := s.PasskeyRename(ctx, "usr_b", one.ID, "x", nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("renaming another's: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.PasskeyRename(ctx, ann.ID, one.ID, "Old", []*access.Entry{entryOf("user.passkey-rename", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	one.Name = "Old"
	if err := s.PasskeyRemove(ctx, "usr_b", two.ID, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("removing another's: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.PasskeyRemove(ctx, ann.ID, two.ID, []*access.Entry{entryOf("user.passkey-remove", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	check(one)
	for _, want := range []string{"user.passkey-add", "user.confirm", "user.passkey-rename", "user.passkey-remove"} {
		found := false
		for _, got := range trail(t, s, ann.ID) {
			found = found || got == want
		}
		if !found {
			t.Errorf("the audit log lacks %s", want)
		}
	}

	// Challenges that would not hold any longer are forgotten: a, b, x, y, one of the four, in batches.
	for left := 5; left > 0; left -= 2 {
		n, err := s.SignInExpire(ctx, noon.Add(-24*time.Hour), noon.Add(time.Hour), 2)
		if want := min(left, 2); err != nil || n != want {
			t.Errorf("expiring with %d left: got %d, %v, want %d", left, n, err, want)
		}
	}
	if err := s.FactorRemove(ctx, ann.ID, nil, nil); err != nil {
		t.Errorf("removing all factors: %v", err)
	}
	check()
	if err := s.PasskeyAdd(ctx, two, challenge("a"), 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.UserRemove(ctx, 1, ann.ID, nil); err != nil {
		t.Fatal(err)
	}
	check()
	if _, ok, err := s.PasskeyFind(ctx, two.Key.Credential); ok || err != nil {
		t.Errorf("a passkey has outlived its person: %t, %v", ok, err)
	}
}
