package dashboard

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/problem"
)

// The fields of the page that asks people to prove who they are. All others are those of the form that it interrupted.
const (
	confirmPassword = "confirm-password"
	confirmCode     = "confirm-code"
	confirmPasskey  = "confirm-passkey"
)

var confirmFields = []string{confirmPassword, confirmCode, confirmPasskey}

// needsProof reports whether a route changes what opens the installation to others, or cannot be taken back: then the person
// must have proved a short while ago who they are. It agrees with that of package api.
func needsProof(pattern string) bool {
	path, changes := strings.CutPrefix(pattern, "POST ")
	if !changes {
		return false
	}
	return path == "/t/{tenant}/start/key" || path == "/me/passkeys/new" || path == "/me/passkeys/{id}/remove" || slices.ContainsFunc([]string{"/account/keys", "/account/users", "/account/sign-in"}, func(of string) bool {
		rest, ok := strings.CutPrefix(path, "/t/{tenant}"+of)
		return ok && (rest == "" || rest[0] == '/')
	}) || strings.HasPrefix(path, "/platform/tenants/") && strings.HasSuffix(path, "/delete")
}

// confirmView is the page that asks who somebody is. Its form is sent to where the interrupted one was, with its fields, so
// that nothing that was typed is lost.
type confirmView struct {
	To     string
	Fields []confirmField
	Factor bool // a code will do
	// Passkey is what to ask an authenticator for; empty: the person has none for this site.
	Passkey string
	Way     string // the identity provider by which they sign in; empty: none
	Label   string // of it
	Next    string
	Wrong   string
}

type confirmField struct{ Name, Value string }

// confirm checks the proof that came with the form. Without a right one it returns the page that asks for it.
func (d *Dashboard) confirm(q *request) (a answer, ok bool, err error) {
	password, code, passkey := q.form.Get(confirmPassword), q.value(confirmCode), q.form.Get(confirmPasskey)
	v := confirmView{To: d.Base + q.URL.RequestURI(), Next: q.path("account")}
	if q.root == "" { // a page about the person, and not about a tenant
		d.inFirstTenant(q)
		v.Next = "/me"
	}
	status := http.StatusForbidden
	if password != "" || code != "" || passkey != "" {
		var err error
		if passkey != "" {
			err = d.Sessions.ConfirmPasskey(q.Context(), q.who, d.client(q), d.party(q), []byte(passkey))
		} else {
			err = d.Sessions.Confirm(q.Context(), q.who, d.client(q), password, code)
		}
		if err == nil {
			for _, name := range confirmFields {
				q.form.Del(name)
			}
			return answer{}, true, nil
		}
		p := asProblem(err)
		if p.Kind == problem.Internal || p.Kind == problem.Unauthorized {
			return answer{}, false, err
		}
		v.Wrong, status = sentence(p.Detail), p.Kind.Status()
	}
	person, err := d.Sessions.Whoami(q.Context(), q.who)
	if err != nil {
		return answer{}, false, err
	}
	v.Factor = person.SecondFactor
	if has, err := d.Sessions.HasPasskey(q.Context(), person.ID, d.party(q)); err != nil {
		return answer{}, false, err
	} else if has {
		if v.Passkey, err = d.askPasskey(q); err != nil {
			return answer{}, false, err
		}
	}
	if q.session.Provider != "" {
		v.Way, v.Label = q.session.Provider, cmp.Or(d.Providers.Label(q.session.Provider), q.session.Provider)
	}
	for name, values := range q.form {
		for _, value := range values {
			if !slices.Contains(confirmFields, name) {
				v.Fields = append(v.Fields, confirmField{name, value})
			}
		}
	}
	slices.SortStableFunc(v.Fields, func(a, b confirmField) int { return cmp.Compare(a.Name, b.Name) })
	return answer{page: "confirm", title: "Is it you?", section: "account", status: status, data: v, secret: true}, false, nil
}
