package user_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// as returns the principal of a session.
func (h *house) as(in user.SignedIn) *access.Principal {
	h.t.Helper()
	_, p, err := h.sessions.Resume(ctx, in.Token, -1)
	if err != nil {
		h.t.Fatal(err)
	}
	p.Request = here.Request
	return p
}

// code returns what the app with the secret shows now.
func (h *house) code(secret string) string {
	h.t.Helper()
	c, err := totp.GenerateCode(secret, h.now())
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// enroll gives somebody a second factor.
func (h *house) enroll(in user.SignedIn) (secret string, recovery []string) {
	h.t.Helper()
	p := h.as(in)
	setup, err := h.sessions.SetUpFactor(ctx, p, here, "", "Relay")
	if err != nil {
		h.t.Fatal(err)
	}
	recovery, err = h.sessions.ConfirmFactor(ctx, p, here, h.code(setup.Secret))
	if err != nil {
		h.t.Fatal(err)
	}
	return setup.Secret, recovery
}

func (h *house) firstStep(email string) user.SignedIn {
	h.t.Helper()
	in, err := h.sessions.Login(ctx, here, email, goodPassword)
	if err != nil || in.Token != "" || in.Waiting.Token == "" {
		h.t.Fatalf("got %+v, %v, want that it waits for the second factor", in, err)
	}
	return in
}

func TestSecondFactor(t *testing.T) {
	h := newHouse(t)
	in := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	other, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword)
	if err != nil {
		t.Fatal(err)
	}

	// Setting it up takes a fresh session or the password, and a code.
	h.pass(10 * time.Minute)
	p := h.as(in)
	_, err = h.sessions.SetUpFactor(ctx, p, here, "", "Relay")
	want(t, "an old session without the password", err, problem.Forbidden)
	_, err = h.sessions.SetUpFactor(ctx, p, here, "wrong", "Relay")
	want(t, "a wrong password", err, problem.Forbidden)
	_, err = h.sessions.ConfirmFactor(ctx, p, here, "123456")
	want(t, "a code of nothing", err, problem.Conflict)
	setup, err := h.sessions.SetUpFactor(ctx, p, here, goodPassword, "Relay at home")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(setup.URI)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Relay at home:ann@example.com" || u.Query().Get("secret") != setup.Secret ||
		u.Query().Get("issuer") != "Relay at home" || strings.Contains(setup.URI, "+") {
		t.Errorf("got %q, %v", setup.URI, err)
	}
	if f, err := h.sessions.Factor(ctx, p); err != nil || f.Enabled {
		t.Errorf("before a code: got %+v, %v", f, err)
	}
	if again, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword); err != nil || again.Token == "" {
		t.Errorf("signing in before a code: got %+v, %v, want that nothing is asked for", again, err)
	}
	_, err = h.sessions.ConfirmFactor(ctx, p, here, "000000")
	want(t, "a wrong code", err, problem.Forbidden)
	code := h.code(setup.Secret)
	recovery, err := h.sessions.ConfirmFactor(ctx, p, here, code)
	if err != nil || len(recovery) != 10 {
		t.Fatalf("got %v, %v, want ten recovery codes", recovery, err)
	}
	if f, err := h.sessions.Factor(ctx, p); err != nil || !f.Enabled || f.Codes != 10 || !f.ConfirmedAt.Equal(h.now()) {
		t.Errorf("got %+v, %v", f, err)
	}
	_, _, err = h.sessions.Resume(ctx, other.Token, -1)
	want(t, "a session from before, elsewhere", err, problem.Unauthorized)
	h.as(in)
	_, err = h.sessions.SetUpFactor(ctx, p, here, goodPassword, "Relay")
	want(t, "setting up another", err, problem.Conflict)

	// Signing in takes two steps, and a code serves once.
	login := func(code string) (user.SignedIn, error) {
		t.Helper()
		return h.sessions.LoginCode(ctx, here, h.firstStep("ann@example.com").Waiting.Token, code)
	}
	_, err = login(code)
	want(t, "the code that has confirmed it", err, problem.Unauthorized)
	h.pass(30 * time.Second)
	code = h.code(setup.Secret)
	signedIn, err := login(code[:3] + " " + code[3:])
	if err != nil || signedIn.Session.Method != user.ByPassword {
		t.Fatalf("got %+v, %v", signedIn, err)
	}
	h.as(signedIn)
	_, err = login(code)
	want(t, "a code again", err, problem.Unauthorized)
	for skew, good := range map[time.Duration]bool{-60 * time.Second: false, -30 * time.Second: true, 60 * time.Second: false, 30 * time.Second: true} {
		h.pass(5 * time.Minute)
		c, _ := totp.GenerateCode(setup.Secret, h.now().Add(skew))
		if _, err := login(c); (err == nil) != good {
			t.Errorf("a clock that is %v off: got %v, want it taken %t", skew, err, good)
		}
	}
	h.pass(5 * time.Minute)
	c, _ := totp.GenerateCode(setup.Secret, h.now())
	if _, err := login(c); err != nil {
		t.Fatal(err)
	}
	c, _ = totp.GenerateCode(setup.Secret, h.now().Add(-30*time.Second))
	_, err = login(c)
	want(t, "a code before one that was used", err, problem.Unauthorized)

	// The first step waits five minutes, serves once, and nothing else.
	h.pass(time.Hour)
	first := h.firstStep("ann@example.com")
	_, _, err = h.sessions.Resume(ctx, first.Waiting.Token, -1)
	want(t, "the first step as a session", err, problem.Unauthorized)
	h.pass(5 * time.Minute)
	_, err = h.sessions.LoginCode(ctx, here, first.Waiting.Token, h.code(setup.Secret))
	want(t, "after five minutes", err, problem.Unauthorized)
	first = h.firstStep("ann@example.com")
	if _, err := h.sessions.LoginCode(ctx, here, first.Waiting.Token, h.code(setup.Secret)); err != nil {
		t.Fatal(err)
	}
	h.pass(30 * time.Second)
	_, err = h.sessions.LoginCode(ctx, here, first.Waiting.Token, h.code(setup.Secret))
	want(t, "a first step twice", err, problem.Unauthorized)

	// A recovery code serves once, also when it is used twice at once, and as people type it.
	h.pass(time.Hour)
	waiting := []user.SignedIn{h.firstStep("ann@example.com"), h.firstStep("ann@example.com"), h.firstStep("ann@example.com")}
	var mu sync.Mutex
	var wg sync.WaitGroup
	won := 0
	for _, w := range waiting {
		wg.Go(func() {
			if _, err := h.sessions.LoginCode(ctx, here, w.Waiting.Token, strings.ToLower(strings.ReplaceAll(recovery[0], "-", " "))); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if f, err := h.sessions.Factor(ctx, p); won != 1 || err != nil || f.Codes != 9 {
		t.Errorf("%d got in with one recovery code, %d are left, %v; want 1 and 9", won, f.Codes, err)
	}
	h.pass(time.Hour)
	_, err = h.sessions.RenewRecoveryCodes(ctx, p, here, recovery[0])
	want(t, "new codes by a used one", err, problem.Forbidden)
	fresh, err := h.sessions.RenewRecoveryCodes(ctx, p, here, recovery[1])
	if err != nil || len(fresh) != 10 || slices.Contains(fresh, recovery[2]) {
		t.Fatalf("got %v, %v", fresh, err)
	}
	_, err = login(recovery[2])
	want(t, "a recovery code that was replaced", err, problem.Unauthorized)

	// A new password ends what waits.
	h.pass(15 * time.Minute)
	first = h.firstStep("ann@example.com")
	if err := h.sessions.SetPassword(ctx, p, here, in.Session.ID, goodPassword, "five other words nobody says"); err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.LoginCode(ctx, here, first.Waiting.Token, fresh[0])
	want(t, "a first step by the password before", err, problem.Unauthorized)

	want(t, "disabling it by a wrong code", h.sessions.DisableFactor(ctx, p, here, "000000"), problem.Forbidden)
	h.pass(15 * time.Minute)
	if err := h.sessions.DisableFactor(ctx, p, here, fresh[1]); err != nil {
		t.Fatal(err)
	}
	want(t, "disabling it twice", h.sessions.DisableFactor(ctx, p, here, fresh[2]), problem.Conflict)
	if in, err := h.sessions.Login(ctx, here, "ann@example.com", "five other words nobody says"); err != nil || in.Token == "" {
		t.Errorf("afterwards: got %+v, %v, want a session at once", in, err)
	}

	list, _, err := h.store.AuditList(ctx, access.Query{Tenant: 1, Limit: 250})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range list {
		actions = append(actions, e.Action)
		for _, secret := range append(append(recovery, fresh...), setup.Secret, first.Waiting.Token) {
			if strings.Contains(string(e.After)+string(e.Before), secret) {
				t.Errorf("the audit log shows %s", secret)
			}
		}
	}
	for _, action := range []string{"user.factor-enable", "user.factor-disable", "user.recovery-codes", "user.login", "user.login-failed"} {
		if !slices.Contains(actions, action) {
			t.Errorf("%s is not in the audit log", action)
		}
	}
}

// TestGuessingCodes: whoever knows the password has few codes to try, and the right password in between does not forgive
// them.
func TestGuessingCodes(t *testing.T) {
	h := newHouse(t)
	secret, _ := h.enroll(h.join(admin(1), "ann@example.com", access.RoleViewer))
	h.pass(time.Minute)
	looked := 0
	for i := range 200 {
		in, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i)), "ann@example.com", goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		h.pass(time.Millisecond)
		if _, err = h.sessions.LoginCode(ctx, from(fmt.Sprintf("198.51.100.%d", i)), in.Waiting.Token, "00000"+fmt.Sprint(i%10)); problem.KindOf(err) == problem.Unauthorized {
			looked++
		}
	}
	if looked != 5 {
		t.Errorf("%d of 200 codes were looked at, want 5", looked)
	}
	h.pass(15 * time.Minute)
	if _, err := h.sessions.LoginCode(ctx, here, h.firstStep("ann@example.com").Waiting.Token, h.code(secret)); err != nil {
		t.Errorf("the right one after a quarter of an hour: %v", err)
	}
}

// TestLinksAskForTheSecondFactor: neither an invitation nor a login link is a way around it.
func TestLinksAskForTheSecondFactor(t *testing.T) {
	h := newHouse(t)
	ann := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	_, recovery := h.enroll(ann)
	_, token, err := h.users.Invite(ctx, admin(2), user.New{Email: "ann@example.com", Role: access.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	in, err := h.sessions.UseLink(ctx, here, token.Text, goodPassword, "")
	if err != nil || in.Token != "" || in.Waiting.Token == "" {
		t.Fatalf("an invitation: got %+v, %v, want that it waits", in, err)
	}
	if in, err = h.sessions.LoginCode(ctx, here, in.Waiting.Token, recovery[0]); err != nil || in.Session.Method != user.ByInvitation {
		t.Errorf("got %+v, %v", in, err)
	}
	if _, _, err := h.sessions.Resume(ctx, in.Token, 2); err != nil {
		t.Errorf("in the tenant that has invited her: %v", err)
	}
	_, token, err = h.users.LoginLink(ctx, platform, ann.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	in, err = h.sessions.UseLink(ctx, here, token.Text, "five other words nobody says", "")
	if err != nil || in.Token != "" || in.Waiting.Token == "" {
		t.Fatalf("a login link: got %+v, %v, want that it waits", in, err)
	}
	_, _, err = h.sessions.Resume(ctx, ann.Token, -1)
	want(t, "the session before", err, problem.Unauthorized)
	if _, err := h.sessions.LoginCode(ctx, here, in.Waiting.Token, recovery[1]); err != nil {
		t.Error(err)
	}

	// An admin may take it from somebody who belongs to this tenant only.
	id := ann.Person.ID
	_, err = h.users.DisableFactor(ctx, admin(1), id)
	want(t, "by an admin, of somebody who belongs elsewhere, too", err, problem.Forbidden)
	_, err = h.users.DisableFactor(ctx, admin(3), id)
	want(t, "by another tenant's admin", err, problem.NotFound)
	if err := h.users.Remove(ctx, admin(2), id); err != nil {
		t.Fatal(err)
	}
	if u, err := h.users.Get(ctx, admin(1), id); err != nil || !u.SecondFactor {
		t.Errorf("got %+v, %v, want that she has one", u, err)
	}
	if u, err := h.users.DisableFactor(ctx, admin(1), id); err != nil || u.SecondFactor {
		t.Errorf("by an admin: got %+v, %v", u, err)
	}
	_, err = h.users.DisableFactor(ctx, admin(1), id)
	want(t, "again", err, problem.Conflict)
	if in, err := h.sessions.Login(ctx, here, "ann@example.com", "five other words nobody says"); err != nil || in.Token == "" {
		t.Errorf("afterwards: got %+v, %v", in, err)
	}
}

// TestSecondFactorRequired: a role that needs one may set it up, and do nothing else before.
func TestSecondFactorRequired(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.join(admin(1), "ann@example.com", access.RoleAdmin), h.join(admin(1), "bob@example.com", access.RoleViewer)
	op := h.join(platform, "op@example.com", access.RoleOperator)
	set := func(p *access.Principal, roles ...access.Role) error {
		_, err := h.settings.Change(ctx, p, func(s *user.Settings) { s.SecondFactor = roles })
		return err
	}
	want(t, "a role of the installation", set(admin(1), access.RoleOperator), problem.Invalid)
	want(t, "no role", set(admin(1), "owner"), problem.Invalid)
	if err := set(admin(1), access.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if p := h.as(ann); !p.NeedsFactor || p.May != access.OwnAccount {
		t.Errorf("an admin: got %+v, want nothing but her own account", p)
	}
	if p := h.as(bob); p.NeedsFactor || !p.Allows(access.View) {
		t.Errorf("a viewer: got %+v", p)
	}
	// An operator acts as an admin in the tenant, and in others as before.
	_, p, err := h.sessions.Resume(ctx, op.Token, 1)
	if err != nil || !p.NeedsFactor || p.Allows(access.RunPlatform) {
		t.Errorf("an operator in the tenant: got %+v, %v", p, err)
	}
	if _, p, err = h.sessions.Resume(ctx, op.Token, 2); err != nil || p.NeedsFactor || !p.Allows(access.RunPlatform) {
		t.Errorf("an operator elsewhere: got %+v, %v", p, err)
	}
	if err := set(access.System(access.Platform), access.RoleOperator); err != nil {
		t.Fatal(err)
	}
	if _, p, err = h.sessions.Resume(ctx, op.Token, 2); err != nil || !p.NeedsFactor || p.May != access.OwnAccount {
		t.Errorf("an operator, where operators need one: got %+v, %v", p, err)
	}
	h.enroll(ann)
	if p := h.as(ann); p.NeedsFactor || !p.Allows(access.ManageUsers) {
		t.Errorf("with one: got %+v", p)
	}
}

// TestSecretsOfFactorsAreSealed looks for what was shown in the files.
func TestSecretsOfFactorsAreSealed(t *testing.T) {
	h := newHouse(t)
	_, recovery := h.enroll(h.join(admin(1), "ann@example.com", access.RoleViewer))
	waiting := h.firstStep("ann@example.com")
	f, _, err := h.store.FactorGet(ctx, waiting.Person.ID)
	if err != nil || len(f.Secret) != 20 {
		t.Fatalf("got %+v, %v", f, err)
	}
	files, _ := filepath.Glob(filepath.Join(h.dir, "relay.db*"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range [][]byte{f.Secret, []byte(base64.StdEncoding.EncodeToString(f.Secret)), []byte(recovery[0]), []byte(strings.ReplaceAll(recovery[0], "-", "")), []byte(waiting.Waiting.Token)} {
			if bytes.Contains(b, secret) {
				t.Errorf("%s holds %q", file, secret)
			}
		}
	}
}
