package user_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/passkey/passkeytest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/user"
)

var site = passkey.Party{ID: "relay.example.com", Origin: "https://relay.example.com", Name: "Relay"}

// withPasskeys is a house in which people may have passkeys.
func withPasskeys(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	keys, err := secret.Open(t.TempDir()+"/keys", nil)
	if err == nil {
		err = keys.Save()
	}
	if err != nil {
		t.Fatal(err)
	}
	h.sessions.UsePasskeys(keys)
	return h
}

// audited fails unless the audit log of the first tenant has n entries of the action.
func (h *house) audited(n int, action string) {
	h.t.Helper()
	list, _, err := h.store.AuditList(ctx, access.Query{Tenant: 1, Action: action, Limit: 100})
	if err != nil || len(list) != n {
		h.t.Errorf("%s: got %d entries, %v, want %d: %+v", action, len(list), err, n, list)
	}
}

// register gives somebody a passkey.
func (h *house) register(in user.SignedIn, name string) (*passkeytest.Authenticator, user.Passkey) {
	h.t.Helper()
	p := h.as(in)
	options, err := h.sessions.OfferPasskey(ctx, p, site)
	if err != nil {
		h.t.Fatal(err)
	}
	device := &passkeytest.Authenticator{Origin: site.Origin}
	answer, err := device.Create(options)
	if err != nil {
		h.t.Fatal(err)
	}
	k, err := h.sessions.AddPasskey(ctx, p, site, name, answer)
	if err != nil {
		h.t.Fatal(err)
	}
	return device, k
}

// answer is that of a device to a new question.
func (h *house) answer(device *passkeytest.Authenticator) []byte {
	h.t.Helper()
	options, err := h.sessions.AskPasskey(ctx, site)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := device.Get(options)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

func (h *house) byPasskey(answer []byte, waiting string) (user.SignedIn, error) {
	return h.sessions.LoginPasskey(ctx, here, site, waiting, answer)
}

func TestPasskey(t *testing.T) {
	h := withPasskeys(t)
	in := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	device, k := h.register(in, "Laptop")
	if !strings.HasPrefix(k.ID, "psk_") || k.Name != "Laptop" || k.Party != site.ID || !k.CreatedAt.Equal(h.now()) || !k.UsedAt.IsZero() {
		t.Errorf("got %+v", k)
	}
	h.pass(time.Minute)
	answer := h.answer(device)
	got, err := h.byPasskey(answer, "")
	if err != nil || got.Token == "" || got.Session.Method != user.ByPasskey || got.Person.Email != "ann@example.com" || !h.sessions.Proved(&got.Session) {
		t.Fatalf("got %+v, %v, want a session that is proved", got, err)
	}
	if list, err := h.sessions.Passkeys(ctx, h.as(got)); err != nil || len(list) != 1 || !list[0].UsedAt.Equal(h.now()) || list[0].Key.Counter != 1 {
		t.Errorf("got %+v, %v, want its use", list, err)
	}
	// An answer is taken once, at any server, and for an hour.
	_, err = h.byPasskey(answer, "")
	want(t, "an answer again", err, problem.Unauthorized)
	late := h.answer(device)
	h.pass(time.Hour)
	_, err = h.byPasskey(late, "")
	want(t, "an answer to a question of an hour ago", err, problem.Unauthorized)

	// A copy is refused, told apart, and noted.
	device.Counter = 0
	_, err = h.byPasskey(h.answer(device), "")
	if want(t, "a copy", err, problem.Unauthorized); err == nil || !strings.Contains(err.Error(), "copy") {
		t.Errorf("got %v, want that it says why", err)
	}
	h.audited(1, "user.passkey-copied")
	device.Counter = 100
	if _, err := h.byPasskey(h.answer(device), ""); err != nil {
		t.Errorf("the device itself afterwards: %v", err)
	}

	// Its name and its end are the owner's.
	p, bob := h.as(got), h.as(h.join(admin(1), "bob@example.com", access.RoleViewer))
	_, err = h.sessions.RenamePasskey(ctx, bob, k.ID, "mine")
	want(t, "renaming another's", err, problem.NotFound)
	want(t, "removing another's", h.sessions.RemovePasskey(ctx, bob, k.ID), problem.NotFound)
	if _, err = h.sessions.RenamePasskey(ctx, p, k.ID, ""); err == nil {
		t.Error("a passkey has lost its name")
	}
	if renamed, err := h.sessions.RenamePasskey(ctx, p, k.ID, "Old laptop"); err != nil || renamed.Name != "Old laptop" {
		t.Errorf("got %+v, %v", renamed, err)
	}
	if err := h.sessions.RemovePasskey(ctx, p, k.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.byPasskey(h.answer(device), "")
	want(t, "a passkey that was removed", err, problem.Unauthorized)
	want(t, "removing it twice", h.sessions.RemovePasskey(ctx, p, k.ID), problem.NotFound)
	for _, action := range []string{"user.passkey-add", "user.passkey-rename", "user.passkey-remove"} {
		h.audited(1, action)
	}
}

func TestPasskeyChallenges(t *testing.T) {
	h := withPasskeys(t)
	ann := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	bob := h.join(admin(1), "bob@example.com", access.RoleViewer)
	options, err := h.sessions.OfferPasskey(ctx, h.as(ann), site)
	if err != nil {
		t.Fatal(err)
	}
	device := &passkeytest.Authenticator{Origin: site.Origin}
	answer, err := device.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	// What was offered to Ann in a session is taken from her in that session only.
	_, err = h.sessions.AddPasskey(ctx, h.as(bob), site, "mine", answer)
	want(t, "another's offer", err, problem.Forbidden)
	again, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.AddPasskey(ctx, h.as(again), site, "mine", answer)
	want(t, "another session's offer", err, problem.Forbidden)
	if _, err = h.sessions.AddPasskey(ctx, h.as(ann), site, "", answer); err == nil {
		t.Error("a passkey without a name was taken")
	}
	if _, err = h.sessions.AddPasskey(ctx, h.as(ann), site, "Laptop", answer); err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.AddPasskey(ctx, h.as(ann), site, "Laptop", answer)
	want(t, "an offer twice", err, problem.Forbidden)
	options, err = h.sessions.OfferPasskey(ctx, h.as(ann), site)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err = new(passkeytest.Authenticator).Create(options); err != nil { // another page's
		t.Fatal(err)
	}
	_, err = h.sessions.AddPasskey(ctx, h.as(ann), site, "Laptop", answer)
	want(t, "an answer to another page", err, problem.Forbidden)
	if answer, err = device.Create([]byte(strings.Replace(string(options), `"excludeCredentials"`, `"none"`, 1))); err != nil {
		t.Fatal(err)
	}
	h.pass(10 * time.Minute)
	_, err = h.sessions.AddPasskey(ctx, h.as(ann), site, "Laptop", answer)
	want(t, "an offer of ten minutes ago", err, problem.Forbidden)

	// A text that nobody has sealed is no challenge, though stored values from before encryption open as they are.
	device.Origin = site.Origin
	forged, err := device.Get([]byte(`{"rpId":"relay.example.com","challenge":"ewAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.byPasskey(forged, "")
	want(t, "a challenge of one's own", err, problem.Unauthorized)

	for _, party := range []passkey.Party{{}, {ID: "other.example.com", Origin: "https://other.example.com", Name: "Relay"}} {
		_, err := h.sessions.LoginPasskey(ctx, here, party, "", h.answer(device))
		if k := problem.KindOf(err); k != problem.Conflict && k != problem.Unauthorized {
			t.Errorf("at %+v: got %v", party, err)
		}
	}
	_, err = newHouse(t).sessions.AskPasskey(ctx, site)
	want(t, "without keys", err, problem.Conflict)
}

// TestPasskeyAsFactor: it stands for the code, counts as two factors, and proves who somebody is in a session.
func TestPasskeyAsFactor(t *testing.T) {
	h := withPasskeys(t)
	in := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	h.enroll(in)
	device, _ := h.register(in, "Laptop")
	other := h.join(admin(1), "bob@example.com", access.RoleAdmin)
	theirs, _ := h.register(other, "Phone")

	first := h.firstStep("ann@example.com")
	if ok, err := h.sessions.WaitsForPasskey(ctx, first.Waiting.Token, site); err != nil || !ok {
		t.Errorf("got %t, %v, want that a passkey will do", ok, err)
	}
	_, err := h.byPasskey(h.answer(theirs), first.Waiting.Token)
	want(t, "another's passkey", err, problem.Unauthorized)
	got, err := h.byPasskey(h.answer(device), first.Waiting.Token)
	if err != nil || got.Token == "" || got.Session.Method != user.ByPassword {
		t.Fatalf("got %+v, %v, want a session", got, err)
	}
	_, err = h.byPasskey(h.answer(device), first.Waiting.Token)
	want(t, "what waited, again", err, problem.Unauthorized)
	if got, err = h.byPasskey(h.answer(device), ""); err != nil || got.Token == "" {
		t.Errorf("without the password: got %+v, %v, want that it waits for nothing", got, err)
	}

	// Bob, who has no app, may do everything once he has come by his passkey.
	if _, err := h.settings.Change(ctx, admin(1), func(s *user.Settings) { s.SecondFactor = []access.Role{access.RoleAdmin} }); err != nil {
		t.Fatal(err)
	}
	if p := h.as(other); !p.NeedsFactor {
		t.Error("a session by a password alone needs no second factor")
	}
	if got, err = h.byPasskey(h.answer(theirs), ""); err != nil {
		t.Fatal(err)
	}
	p := h.as(got)
	if p.NeedsFactor {
		t.Error("a session by a passkey needs a second factor")
	}

	h.pass(user.ConfirmLasts)
	session, _, err := h.sessions.Resume(ctx, got.Token, -1)
	if err != nil || h.sessions.Proved(&session) {
		t.Fatalf("got %+v, %v, want that the proof is too old", session, err)
	}
	want(t, "confirming by another's", h.sessions.ConfirmPasskey(ctx, p, here, site, h.answer(device)), problem.Forbidden)
	if err := h.sessions.ConfirmPasskey(ctx, p, here, site, h.answer(theirs)); err != nil {
		t.Fatal(err)
	}
	if session, _, err = h.sessions.Resume(ctx, got.Token, -1); err != nil || !h.sessions.Proved(&session) {
		t.Errorf("got %+v, %v, want that it is proved", session, err)
	}
	theirs.Counter = 0
	want(t, "confirming by a copy", h.sessions.ConfirmPasskey(ctx, p, here, site, h.answer(theirs)), problem.Forbidden)

	// An admin takes both from somebody who has lost them.
	if _, err := h.users.DisableFactor(ctx, admin(1), in.Person.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.byPasskey(h.answer(device), "")
	want(t, "after an admin has disabled it", err, problem.Unauthorized)
	_, err = h.users.DisableFactor(ctx, admin(1), in.Person.ID)
	want(t, "disabling nothing", err, problem.Conflict)
	if _, err := h.users.DisableFactor(ctx, admin(1), other.Person.ID); err != nil {
		t.Errorf("of somebody who has passkeys alone: %v", err)
	}
}

// TestPasskeyAndTheRest: who may sign in here at all is decided as for passwords.
func TestPasskeyAndTheRest(t *testing.T) {
	h := withPasskeys(t)
	ann := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	bob := h.join(admin(1), "bob@example.com", access.RoleViewer)
	hers, _ := h.register(ann, "Laptop")
	his, _ := h.register(bob, "Laptop")
	set := func(l user.PasswordLogin) {
		t.Helper()
		if _, err := h.settings.Change(ctx, admin(access.Platform), func(s *user.Settings) { s.PasswordLogin = l }); err != nil {
			t.Fatal(err)
		}
	}
	set(user.PasswordsAdmins)
	if _, err := h.byPasskey(h.answer(hers), ""); err != nil {
		t.Errorf("an admin, where admins may: %v", err)
	}
	_, err := h.byPasskey(h.answer(his), "")
	want(t, "a viewer, where admins may", err, problem.Forbidden)
	set(user.PasswordsOff)
	_, err = h.byPasskey(h.answer(hers), "")
	want(t, "where nobody may", err, problem.Forbidden)
	set(user.PasswordsOn)

	if _, err := h.users.Disable(ctx, admin(1), bob.Person.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.byPasskey(h.answer(his), "")
	want(t, "somebody disabled", err, problem.Unauthorized)
	if _, err := h.users.Enable(ctx, admin(1), bob.Person.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.byPasskey(h.answer(his), ""); err != nil {
		t.Errorf("enabled again: %v", err)
	}
	if err := h.users.Remove(ctx, admin(1), bob.Person.ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.byPasskey(h.answer(his), "")
	want(t, "somebody removed", err, problem.Unauthorized)

	// Whoever has all roles from an identity provider is asked for there.
	arrived, err := h.sessions.Arrive(ctx, here, user.Arrival{
		Provider: "company", Issuer: "https://id.example.com", Subject: "1", Email: "eve@example.com", Verified: true, Create: true, ProvedAt: h.now(),
		Grants: []user.Grant{{Tenant: 1, Role: access.RoleMember}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.OfferPasskey(ctx, h.as(arrived), site)
	want(t, "somebody of an identity provider", err, problem.Forbidden)

	for i := range user.MaxPasskeys - 1 {
		h.register(ann, fmt.Sprint("Device ", i))
	}
	_, err = h.sessions.OfferPasskey(ctx, h.as(ann), site)
	want(t, "one too many", err, problem.Conflict)

	// Wrong answers are counted against the address.
	wrong := h.answer(hers)
	wrong = []byte(strings.Replace(string(wrong), `"signature":"`, `"signature":"AA`, 1))
	var tooMany *problem.Error
	for range 6 {
		_, err = h.byPasskey(wrong, "")
	}
	if !errors.As(err, &tooMany) || tooMany.Kind != problem.TooMany || tooMany.After <= 0 {
		t.Errorf("the sixth wrong answer: got %v, want %v", err, problem.TooMany)
	}
}
