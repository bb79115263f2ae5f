package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

const (
	// A token is replaced ahead of its end while it is still handed out, from earlyRefresh on, and is handed out no
	// longer from lateRefresh on, so that a request is not on its way when it expires. Of short lives it is a fraction.
	earlyRefresh = time.Minute
	lateRefresh  = 10 * time.Second

	// After a failed request the token server is left alone for failWait, twice as long each time, up to maxFailWait.
	failWait    = time.Second
	maxFailWait = time.Minute

	// After a token was refused and replaced, the next one that is refused is replaced only after refusedWait, twice as
	// long each time, up to maxRefusedWait: an endpoint that refuses every token would otherwise cost a token for each
	// attempt. As long again without a refusal, and the count begins anew.
	refusedWait    = 5 * time.Second
	maxRefusedWait = 5 * time.Minute
)

// ErrClosed means that the Authenticator was closed, because its settings have changed or the program ends. It says
// nothing about the endpoint or its token server.
var ErrClosed = errors.New("the authentication was closed")

// An Error says why there is no token.
type Error struct {
	// Message says it in words for the attempt record. It holds no credentials, and nothing that the token server
	// could have put into it.
	Message string
	// Err is the cause, for the operator's log. It may be nil.
	Err error

	after time.Duration // how long the token server wants to be left alone, 0: not said
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// local tells that this server lacked a resource that requests need.
func (e *Error) local() bool {
	var fail *egress.Error
	return errors.As(e.Err, &fail) && fail.Kind == egress.KindLocal
}

// A token comes from a token server. It is immutable.
type token struct {
	field       egress.Field
	early, late time.Time
}

func newToken(value string, from time.Time, life time.Duration) *token {
	return &token{
		field: egress.Field{Name: "Authorization", Value: "Bearer " + value},
		early: from.Add(life - min(earlyRefresh, life/2)),
		late:  from.Add(life - min(lateRefresh, life/4)),
	}
}

// tokens keeps the token of an endpoint.
type tokens struct {
	fetch func(ctx context.Context) (*token, *Error)
	pacer *Pacer // nil: none
	key   string // of the token server, for pacer

	life context.Context // of requests to the token server: none of a delivery's, which would end it for all
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	current *token   // nil: there is none, or it was refused
	flight  *refresh // the request under way, nil for none

	fails    int // since the last success
	failed   error
	notUntil time.Time // the token server is left alone

	refusals   int
	replaceNot time.Time // refused tokens are not replaced before
}

// A refresh is one request to the token server. token or err is set before done is closed.
type refresh struct {
	done  chan struct{}
	token *token
	err   error
}

func newTokens(fetch func(ctx context.Context) (*token, *Error)) *tokens {
	t := &tokens{fetch: fetch}
	t.life, t.end = context.WithCancel(context.Background())
	return t
}

// get returns a token that is good for now.
func (t *tokens) get(ctx context.Context) (*token, error) {
	t.mu.Lock()
	now := time.Now()
	if c := t.current; c != nil && now.Before(c.late) {
		if !now.Before(c.early) {
			_, _ = t.refreshLocked(now) // nobody waits for it, and if it fails there is still time to try again
		}
		t.mu.Unlock()
		return c, nil
	}
	f, err := t.refreshLocked(now)
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.wait(ctx)
}

// refused replaces the token in the field used, if it is the current one, and reports whether there is another now.
func (t *tokens) refused(ctx context.Context, used egress.Field) (bool, error) {
	t.mu.Lock()
	now := time.Now()
	if t.current != nil && t.current.field == used {
		if now.Before(t.replaceNot) {
			t.mu.Unlock()
			return false, nil
		}
		if now.After(t.replaceNot.Add(maxRefusedWait)) {
			t.refusals = 0
		}
		t.replaceNot = now.Add(min(refusedWait<<t.refusals, maxRefusedWait))
		t.refusals = min(t.refusals+1, 16) // shifted no further
		t.current = nil                    // whoever comes now waits for the next one
	}
	t.mu.Unlock()
	next, err := t.get(ctx)
	return err == nil && next.field != used, err
}

// refreshLocked returns the request under way, and begins one if there is none.
func (t *tokens) refreshLocked(now time.Time) (*refresh, error) {
	switch {
	case t.flight != nil:
		return t.flight, nil
	case t.life.Err() != nil:
		return nil, ErrClosed
	case now.Before(t.notUntil):
		return nil, t.failed
	}
	f := &refresh{done: make(chan struct{})}
	t.flight = f
	t.work.Go(func() { t.run(f) })
	return f, nil
}

func (t *tokens) run(f *refresh) {
	t.mu.Lock()
	fresh := t.fails == 0
	t.mu.Unlock()
	if fresh {
		t.pacer.wait(t.life, t.key) // with failures of its own it has waited for longer
	}
	got, fail := t.fetch(t.life)
	if t.life.Err() == nil {
		t.pacer.note(t.key, fail == nil || fail.local())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight = nil
	switch {
	case fail == nil:
		f.token, t.current = got, got
		t.fails, t.failed = 0, nil
	case t.life.Err() != nil:
		f.err = ErrClosed
	case fail.local():
		f.err, t.failed = fail, fail
		t.notUntil = time.Now().Add(failWait) // the token server has nothing to do with it
	default:
		wait := min(failWait<<t.fails, maxFailWait)
		t.fails = min(t.fails+1, 16) // shifted no further
		f.err, t.failed = fail, fail
		t.notUntil = time.Now().Add(max(wait, fail.after))
	}
	close(f.done)
}

// wait waits for the end of the request, or of ctx.
func (f *refresh) wait(ctx context.Context) (*token, error) {
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t *tokens) close() {
	t.mu.Lock()
	t.end()
	t.mu.Unlock()
	t.work.Wait()
}
