package auth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

// TestOneRefreshForAll: however many deliveries wait, the token server is asked once.
func TestOneRefreshForAll(t *testing.T) {
	release := make(chan struct{})
	s := newTokenServer(t, func(w http.ResponseWriter, r *http.Request, n int64) {
		<-release
		numbered(w, r, n)
	})
	a := s.auth(t)
	var waiting, wg sync.WaitGroup
	for range 100 {
		waiting.Add(1)
		wg.Go(func() {
			waiting.Done()
			wantHeader(t, a, "Authorization", "Bearer t1")
		})
	}
	waiting.Wait()
	close(release)
	wg.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("100 calls of Header: got %d requests, want 1", n)
	}

	// All of them are refused, and share the next one too.
	used := egress.Field{Name: "Authorization", Value: "Bearer t1"}
	for range 100 {
		wg.Go(func() {
			if retry, err := a.Refused(t.Context(), used); !retry || err != nil {
				t.Errorf("Refused: got %t, %v, want true", retry, err)
			}
			wantHeader(t, a, "Authorization", "Bearer t2")
		})
	}
	wg.Wait()
	if n := s.asked.Load(); n != 2 {
		t.Errorf("100 calls of Refused: got %d requests, want one more", n-1)
	}
	if n := s.worst.Load(); n != 1 {
		t.Errorf("requests at a time: got %d, want 1", n)
	}
}

// TestCallersGiveUpAlone: the end of one delivery ends neither the request nor the others' waiting.
func TestCallersGiveUpAlone(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := newTokenServer(t, func(w http.ResponseWriter, r *http.Request, n int64) {
		close(arrived)
		<-release
		numbered(w, r, n)
	})
	a := s.auth(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, _, err := a.Header(ctx)
		first <- err
	}()
	<-arrived
	var wg sync.WaitGroup
	wg.Go(func() { wantHeader(t, a, "Authorization", "Bearer t1") })
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("Header of a caller that gave up: got %v, want %v", err, context.Canceled)
	}
	close(release)
	wg.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("got %d requests, want 1", n)
	}
}

func bubble(t *testing.T, answer func(c net.Conn, n int64), f func(t *testing.T, s *pipeServer, a *Authenticator)) {
	synctest.Test(t, func(t *testing.T) {
		s, settle := servePipe(answer)
		defer settle()
		a := s.auth(t)
		defer a.Close()
		f(t, s, a)
	})
}

func (s *pipeServer) want(t *testing.T, when string, asked int64) {
	t.Helper()
	synctest.Wait()
	if n := s.asked.Load(); n != asked {
		t.Errorf("%s: got %d requests so far, want %d", when, n, asked)
	}
}

// TestExpiry: a token is replaced a minute ahead while it still serves, and never handed out in its last 10 seconds.
func TestExpiry(t *testing.T) {
	bubble(t, func(c net.Conn, n int64) { rawToken(c, n, "3600") }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		start := time.Now()
		until := func(d time.Duration) { time.Sleep(time.Until(start.Add(d))) }
		wantHeader(t, a, "Authorization", "Bearer t1")
		until(time.Hour - earlyRefresh - time.Second)
		wantHeader(t, a, "Authorization", "Bearer t1")
		s.want(t, "before the last minute", 1)
		until(time.Hour - earlyRefresh)
		wantHeader(t, a, "Authorization", "Bearer t1") // nobody waits
		s.want(t, "in the last minute", 2)
		wantHeader(t, a, "Authorization", "Bearer t2")

		until(3 * time.Hour) // nobody asked meanwhile
		wantHeader(t, a, "Authorization", "Bearer t3")
		s.want(t, "after a pause", 3)
	})
}

// TestExpiryWhileTheServerIsDown: a token serves until its last 10 seconds, then the error is the token server's.
func TestExpiryWhileTheServerIsDown(t *testing.T) {
	answer := func(c net.Conn, n int64) {
		if n == 1 || n > 60 {
			rawToken(c, n, "3600")
		} else {
			raw(c, 503, "", "")
		}
	}
	bubble(t, answer, func(t *testing.T, s *pipeServer, a *Authenticator) {
		start := time.Now()
		wantHeader(t, a, "Authorization", "Bearer t1")
		time.Sleep(time.Hour - earlyRefresh)
		for time.Since(start) < time.Hour-lateRefresh {
			wantHeader(t, a, "Authorization", "Bearer t1")
			time.Sleep(100 * time.Millisecond)
		}
		var e *Error
		if _, ok, err := a.Header(t.Context()); ok || !errors.As(err, &e) || !strings.Contains(err.Error(), "503") {
			t.Errorf("Header after the token's end: got %t, %v, want the server's 503", ok, err)
		}
		if n := s.asked.Load(); n < 4 || n > 8 { // after 0, 1, 3, 7, 15, 31 s
			t.Errorf("requests in 50 s of failure: got %d, want them to become rarer", n-1)
		}
	})
}

// TestShortLives: tokens that live for a second are handed out, and not asked for in a storm.
func TestShortLives(t *testing.T) {
	bubble(t, func(c net.Conn, n int64) { rawToken(c, n, "1") }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		for range 1000 {
			if _, ok, err := a.Header(t.Context()); !ok || err != nil {
				t.Fatalf("Header: got %t, %v, want a token", ok, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.asked.Load(); n > 21 {
			t.Errorf("requests in 10 s: got %d, want at most two a second", n)
		}
	})
}

// TestFailingServerIsLeftAlone: thousands of deliveries do not become thousands of requests.
func TestFailingServerIsLeftAlone(t *testing.T) {
	answer := func(c net.Conn, n int64) {
		switch {
		case n <= 3:
			raw(c, 500, "", "")
		case n == 4:
			raw(c, 429, "Retry-After: 200\r\n", "")
		case n == 6:
			raw(c, 500, "", "")
		default:
			rawToken(c, n, "3600")
		}
	}
	bubble(t, answer, func(t *testing.T, s *pipeServer, a *Authenticator) {
		start := time.Now()
		var at []time.Duration // of the requests
		for s.asked.Load() < 5 {
			before := s.asked.Load()
			_, _, err := a.Header(t.Context())
			synctest.Wait()
			if n := s.asked.Load(); n > before {
				at = append(at, time.Since(start))
			}
			if (err == nil) != (s.asked.Load() == 5) {
				t.Fatalf("Header after %d requests: got %v", s.asked.Load(), err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 207 * time.Second}
		for i, d := range at {
			if d != want[i] {
				t.Errorf("requests to a failing server at: got %v, want %v", at, want)
				break
			}
		}
		// A failure long after counts as the first.
		time.Sleep(2 * time.Hour)
		if _, _, err := a.Header(t.Context()); err == nil {
			t.Error("Header with the server down again: got nil, want an error")
		}
		time.Sleep(failWait)
		wantHeader(t, a, "Authorization", "Bearer t7")
	})
}

// TestRefusedInTheMiddle: a token is withdrawn before its time, and one request gets the next.
func TestRefusedInTheMiddle(t *testing.T) {
	bubble(t, func(c net.Conn, n int64) { rawToken(c, n, "3600") }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		old := wantHeader(t, a, "Authorization", "Bearer t1")
		if retry, err := a.Refused(t.Context(), old); !retry || err != nil {
			t.Errorf("Refused(t1): got %t, %v, want true", retry, err)
		}
		wantHeader(t, a, "Authorization", "Bearer t2")
		// Somebody whose request with t1 took longer.
		if retry, err := a.Refused(t.Context(), old); !retry || err != nil {
			t.Errorf("Refused(t1), replaced before: got %t, %v, want true", retry, err)
		}
		s.want(t, "after two refusals of one token", 2)
	})
}

// TestNoStormOnRefusals: an endpoint that refuses every token costs few of them.
func TestNoStormOnRefusals(t *testing.T) {
	bubble(t, func(c net.Conn, n int64) { rawToken(c, n, "86400") }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		attempts, sent := 0, 0
		endless := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				f, _, err := a.Header(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				attempts++
				sent++
				retry, err := a.Refused(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if retry {
					sent++
				}
			}
		}
		endless(time.Hour)
		// 5, 10, 20 … 300 s apart.
		if n := s.asked.Load(); n < 10 || n > 20 {
			t.Errorf("%d attempts refused in an hour: got %d requests for tokens, want 10 to 20", attempts, n)
		}
		if more := sent - attempts; more > 20 {
			t.Errorf("%d attempts were sent %d times more, want at most once for a token", attempts, more)
		}
		// After a quiet time a refusal is taken seriously at once.
		time.Sleep(3 * maxRefusedWait)
		f, _, _ := a.Header(t.Context())
		before := s.asked.Load()
		for range 2 { // and the count begins anew
			if retry, err := a.Refused(t.Context(), f); !retry || err != nil {
				t.Errorf("Refused after a quiet time: got %t, %v, want true", retry, err)
			}
			f, _, _ = a.Header(t.Context())
			time.Sleep(refusedWait)
		}
		s.want(t, "after a quiet time", before+2)
	})
}

// TestRefusedGivesTheSameToken: a token server with a cache is not taken for a new token.
func TestRefusedGivesTheSameToken(t *testing.T) {
	bubble(t, func(c net.Conn, _ int64) { rawToken(c, 7, "3600") }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		f := wantHeader(t, a, "Authorization", "Bearer t7")
		if retry, err := a.Refused(t.Context(), f); retry || err != nil {
			t.Errorf("Refused, and the same token came again: got %t, %v, want false", retry, err)
		}
	})
}

// TestRefusedAndTheServerIsDown: a token that was refused is not sent again.
func TestRefusedAndTheServerIsDown(t *testing.T) {
	answer := func(c net.Conn, n int64) {
		if n == 1 {
			rawToken(c, n, "3600")
		} else {
			raw(c, 500, "", "")
		}
	}
	bubble(t, answer, func(t *testing.T, s *pipeServer, a *Authenticator) {
		f := wantHeader(t, a, "Authorization", "Bearer t1")
		for range 2 { // the second time there is no current token
			if retry, err := a.Refused(t.Context(), f); retry || err == nil {
				t.Errorf("Refused: got %t, %v, want the token server's error", retry, err)
			}
		}
		if _, ok, err := a.Header(t.Context()); ok || err == nil {
			t.Errorf("Header: got %t, %v, want the token server's error", ok, err)
		}
		s.want(t, "within a second", 2)
	})
}

// TestClose: whoever waits is let go, and nothing is left.
func TestClose(t *testing.T) {
	bubble(t, func(c net.Conn, _ int64) { c.Read(make([]byte, 1)) }, func(t *testing.T, s *pipeServer, a *Authenticator) {
		got := make(chan error, 3)
		for range cap(got) {
			go func() {
				_, _, err := a.Header(t.Context())
				got <- err
			}()
		}
		synctest.Wait()
		begun := time.Now()
		a.Close()
		a.Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Close with a request under way: took %v, want it ended at once", took)
		}
		for range cap(got) {
			if err := <-got; !errors.Is(err, ErrClosed) {
				t.Errorf("Header while it is closed: got %v, want ErrClosed", err)
			}
		}
		if _, _, err := a.Header(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Header after Close: got %v, want ErrClosed", err)
		}
		s.want(t, "after Close", 1)
	})
}

// TestSlowServerEnds: a token server that drips has 10 s in all.
func TestSlowServerEnds(t *testing.T) {
	answer := func(c net.Conn, _ int64) {
		c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"))
		for {
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	bubble(t, answer, func(t *testing.T, _ *pipeServer, a *Authenticator) {
		start := time.Now()
		_, _, err := a.Header(t.Context())
		if took := time.Since(start); err == nil || took != fetchTimeout || !strings.Contains(err.Error(), "limit of 10s") {
			t.Errorf("Header: got %v after %v, want a timeout after %v", err, took, fetchTimeout)
		}
	})
}

// BenchmarkHeader is the cost of a token that is there, for an attempt.
func BenchmarkHeader(b *testing.B) {
	a := &Authenticator{kind: OAuth2, tokens: newTokens(func(context.Context) (*token, *Error) {
		return newToken("t", time.Now(), time.Hour), nil
	})}
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := a.Header(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNewSettingsDoNotResetThePause: an Authenticator made anew, as a change of the settings does, asks a token server that
// has just failed no sooner than freshWait later, however often that is done; one of another owner, or with another server,
// does not wait.
func TestNewSettingsDoNotResetThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pacer Pacer
		asked := map[string][]time.Time{}
		try := func(owner, url string, ok bool) {
			a := &Authenticator{kind: OAuth2, tokens: newTokens(func(context.Context) (*token, *Error) {
				asked[owner+" "+url] = append(asked[owner+" "+url], time.Now())
				if ok {
					return newToken("t", time.Now(), time.Hour), nil
				}
				return nil, &Error{Message: "no"}
			})}
			a.tokens.key = url
			a.PaceBy(&pacer, owner)
			defer a.Close()
			a.Header(t.Context())
		}
		begun := time.Now()
		for range 5 {
			try("1", "https://a/", false)
		}
		if took := time.Since(begun); took != 4*freshWait {
			t.Errorf("5 requests with new settings took %v, want %v", took, 4*freshWait)
		}
		before := time.Now()
		try("2", "https://a/", true)
		try("1", "https://b/", true)
		if took := time.Since(before); took != 0 {
			t.Errorf("another owner and another server waited for %v, want no wait", took)
		}
		try("1", "https://a/", true) // waits once more, and ends the pause
		before = time.Now()
		try("1", "https://a/", true)
		if took := time.Since(before); took != 0 {
			t.Errorf("behind a success it waited for %v, want no wait", took)
		}
	})
}
