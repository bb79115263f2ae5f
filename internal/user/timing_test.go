//go:build unix

package user_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// TestUnknownNamesTakeAsLong compares the processor time of the quickest of many tries, so that a busy machine matters little. A
// name whose password is not hashed takes a twentieth.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	h := newHouse(t)
	h.join(admin(1), "ann@example.com", access.RoleViewer)
	user.HashFully(h.sessions)
	if _, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword); err != nil { // hashed again
		t.Fatal(err)
	}
	if _, _, err := h.users.Invite(ctx, admin(1), user.New{Email: "new@example.com", Role: access.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	quickest := map[string]time.Duration{}
	names := []string{"ann@example.com", "nobody@example.com", "new@example.com", "no address"}
	for i := range 20 {
		for _, name := range names {
			h.pass(2 * time.Hour)
			begin := processorTime(t)
			_, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i)), name, "a wrong password")
			took := processorTime(t) - begin
			want(t, name, err, problem.Unauthorized)
			if old, ok := quickest[name]; !ok || took < old {
				quickest[name] = took
			}
		}
	}
	for _, name := range names[1:] {
		if ratio := float64(quickest[name]) / float64(quickest[names[0]]); ratio < 0.5 || ratio > 2 {
			t.Errorf("%q takes %v, a known name %v: want the same", name, quickest[name], quickest[names[0]])
		}
	}
}

func processorTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
