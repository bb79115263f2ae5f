package storetest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/account"
)

// answers: the first request with a key has it, until it is forgotten, has expired, or its server has ended without an
// answer; of requests that come at once one has it.
func answers(t *testing.T, s Backend) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	make := func(key, token byte, at time.Time) account.Answer {
		return account.Answer{Key: [32]byte{key}, Tenant: 1, Token: [16]byte{token}, Request: [32]byte{key, token}, At: at}
	}
	expired, stuck := now.Add(-time.Hour), now.Add(-time.Minute)
	begin := func(a account.Answer) *account.Answer {
		t.Helper()
		before, err := s.AnswerBegin(ctx, a, expired, stuck)
		if err != nil {
			t.Fatal(err)
		}
		return before
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(got *account.Answer, want account.Answer) {
		t.Helper()
		if got == nil || got.Key != want.Key || got.Tenant != want.Tenant || got.Token != want.Token || got.Request != want.Request ||
			!bytes.Equal(got.Sealed, want.Sealed) || !got.At.Equal(want.At) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	first, second := make(1, 1, now), make(1, 2, now)
	if got := begin(first); got != nil {
		t.Errorf("a new key: got %+v", got)
	}
	is(begin(second), first)
	if got := begin(make(2, 1, now)); got != nil {
		t.Errorf("another key: got %+v", got)
	}

	second.Sealed = []byte("not its own")
	check(s.AnswerEnd(ctx, second))
	check(s.AnswerForget(ctx, second))
	is(begin(second), first)
	first.Sealed = []byte{0, 1, 255, '{'}
	check(s.AnswerEnd(ctx, first))
	is(begin(second), first)
	s.Reopen(t)
	is(begin(second), first)

	check(s.AnswerForget(ctx, first))
	second.Sealed = nil
	if got := begin(second); got != nil {
		t.Errorf("a forgotten key: got %+v", got)
	}

	old := make(3, 1, now.Add(-2*time.Minute)) // its server has ended
	if got := begin(old); got != nil {
		t.Errorf("a new key: got %+v", got)
	}
	if got := begin(make(3, 2, now)); got != nil {
		t.Errorf("a key whose request has no answer after so long: got %+v", got)
	}
	old = make(4, 1, now.Add(-2*time.Minute))
	begin(old)
	old.Sealed = []byte("x")
	check(s.AnswerEnd(ctx, old))
	is(begin(make(4, 2, now)), old)
	gone := make(5, 1, now.Add(-2*time.Hour))
	begin(gone)
	gone.Sealed = []byte("x")
	check(s.AnswerEnd(ctx, gone))
	if got := begin(make(5, 2, now)); got != nil {
		t.Errorf("an expired key: got %+v", got)
	}

	at := time.Now().UTC().Truncate(time.Millisecond).Add(time.Second) // the store has been opened again
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Go(func() {
			before, err := s.AnswerBegin(ctx, make(6, byte(i), at), expired, stuck)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if before == nil {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("8 requests at once: %d began, want 1", won)
	}

	one, err := s.Secret(ctx, "one")
	check(err)
	again, err := s.Secret(ctx, "one")
	check(err)
	two, err := s.Secret(ctx, "two")
	check(err)
	s.Reopen(t)
	later, err := s.Secret(ctx, "one")
	check(err)
	if len(one) < 32 || !bytes.Equal(one, again) || !bytes.Equal(one, later) || bytes.Equal(one, two) {
		t.Errorf("secrets: got %x, %x, %x and another %x", one, again, later, two)
	}
}
