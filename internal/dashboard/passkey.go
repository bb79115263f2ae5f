package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// The browser's part is in assets/passkey.js: a button holds what to ask the authenticator for, whose answer goes into a
// field of the button's form. So a passkey comes with a form like everything else.

// Passkeys are those of people; user.Sessions has them.
type Passkeys interface {
	AskPasskey(ctx context.Context, party passkey.Party) (json.RawMessage, error)
	HasPasskey(ctx context.Context, person string, party passkey.Party) (bool, error)
	WaitsForPasskey(ctx context.Context, token string, party passkey.Party) (bool, error)
	LoginPasskey(ctx context.Context, from user.Client, party passkey.Party, waiting string, answer []byte) (user.SignedIn, error)
	ConfirmPasskey(ctx context.Context, p *access.Principal, from user.Client, party passkey.Party, answer []byte) error
	Passkeys(ctx context.Context, p *access.Principal) ([]user.Passkey, error)
	OfferPasskey(ctx context.Context, p *access.Principal, party passkey.Party) (json.RawMessage, error)
	AddPasskey(ctx context.Context, p *access.Principal, party passkey.Party, name string, answer []byte) (user.Passkey, error)
	RenamePasskey(ctx context.Context, p *access.Principal, id, name string) (user.Passkey, error)
	RemovePasskey(ctx context.Context, p *access.Principal, id string) error
}

// passkeyField is the field of a form that holds the answer of an authenticator.
const passkeyField = "passkey"

func (d *Dashboard) party(q *request) passkey.Party { return d.SignIn.Party(q.Request) }

// askPasskey returns what a button asks the authenticator for, empty where there can be no passkeys.
func (d *Dashboard) askPasskey(q *request) (string, error) {
	options, err := d.Sessions.AskPasskey(q.Context(), d.party(q))
	if problem.KindOf(err) == problem.Conflict {
		return "", nil
	}
	return string(options), err
}

// loginPasskey signs somebody in by a passkey, which in a sign-in that waits stands for the code.
func (d *Dashboard) loginPasskey(ctx context.Context, q *request, waiting string) (user.SignedIn, error) {
	answer := q.form.Get(passkeyField)
	if answer == "" {
		return user.SignedIn{}, problem.New(problem.Unauthorized, "the browser has sent no answer of a passkey: it needs JavaScript for that")
	}
	return d.Sessions.LoginPasskey(ctx, d.client(q), d.party(q), waiting, []byte(answer))
}

func (d *Dashboard) passkeyLogin(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	v := loginView{Next: next(q.value("next"))}
	in, err := d.loginPasskey(ctx, q, "")
	if err == nil {
		return d.signedIn(in, v.Next), nil
	}
	return d.loginFailed(q, v, err)
}

type passkeysView struct {
	Possible bool
	Address  string // where they would be possible; empty: nowhere
	List     []user.Passkey
	Site     string // the present one
	Offer    string // what a browser is asked for to make one; empty: it is not asked
	Name     string // of the one to make
	Wrong    string
	Saved    bool
}

func (d *Dashboard) passkeysPage(ctx context.Context, q *request) (answer, error) {
	return d.passkeys(ctx, q, passkeysView{Saved: q.URL.Query().Get("saved") == "1"}, http.StatusOK)
}

func (d *Dashboard) passkeys(ctx context.Context, q *request, v passkeysView, status int) (answer, error) {
	d.inFirstTenant(q)
	party := d.party(q)
	v.Possible, v.Site = party.Possible(), party.ID
	if host, port, ok := strings.Cut(q.Host, ":"); !v.Possible && host == "127.0.0.1" && d.PublicURL == "" {
		v.Address = "http://localhost" + d.Base + "/me/passkeys"
		if ok {
			v.Address = "http://localhost:" + port + d.Base + "/me/passkeys"
		}
	}
	var err error
	if v.List, err = d.Sessions.Passkeys(ctx, q.who); err != nil {
		return answer{}, err
	}
	return answer{page: "passkeys", title: "Passkeys", status: status, data: v}, nil
}

// passkeyFailed shows the page with what went wrong.
func (d *Dashboard) passkeyFailed(ctx context.Context, q *request, v passkeysView, err error) (answer, error) {
	p := asProblem(err)
	if p.Kind == problem.Internal || p.Kind == problem.NotFound || p.Kind == problem.Unauthorized {
		return answer{}, err
	}
	v.Wrong = sentence(p.Detail)
	for _, f := range p.Fields {
		v.Wrong = sentence("the " + f.Name + " " + f.Reason)
	}
	return d.passkeys(ctx, q, v, p.Kind.Status())
}

// passkeyNew asks the browser for a new passkey. The person has proved who they are; see needsProof.
func (d *Dashboard) passkeyNew(ctx context.Context, q *request) (answer, error) {
	v := passkeysView{Name: q.value("name")}
	offer, err := d.Sessions.OfferPasskey(ctx, q.who, d.party(q))
	if err != nil {
		return d.passkeyFailed(ctx, q, v, err)
	}
	v.Offer = string(offer)
	return d.passkeys(ctx, q, v, http.StatusOK)
}

func (d *Dashboard) passkeyAdd(ctx context.Context, q *request) (answer, error) {
	v := passkeysView{Name: q.value("name")}
	if _, err := d.Sessions.AddPasskey(ctx, q.who, d.party(q), v.Name, []byte(q.form.Get(passkeyField))); err != nil {
		return d.passkeyFailed(ctx, q, v, err)
	}
	return answer{to: "/me/passkeys?saved=1"}, nil
}

func (d *Dashboard) passkeyRename(ctx context.Context, q *request) (answer, error) {
	if _, err := d.Sessions.RenamePasskey(ctx, q.who, q.PathValue("id"), q.value("name")); err != nil {
		return d.passkeyFailed(ctx, q, passkeysView{}, err)
	}
	return answer{to: "/me/passkeys?saved=1"}, nil
}

func (d *Dashboard) passkeyRemove(ctx context.Context, q *request) (answer, error) {
	err := d.Sessions.RemovePasskey(ctx, q.who, q.PathValue("id"))
	if p := (*problem.Error)(nil); err != nil && !(errors.As(err, &p) && p.Kind == problem.NotFound) {
		return answer{}, err
	}
	return answer{to: "/me/passkeys?saved=1"}, nil
}
