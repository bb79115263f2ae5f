package rest

import (
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Caller is who makes a request, as the face's Identify has found out.
type Caller struct {
	*access.Principal
	// Secret is a text that only the caller has, such as the key that they sent. Answers that are kept for an
	// Idempotency-Key are encrypted with it, because they may show secrets.
	Secret string
}

// Caller returns who makes the request, once they have the permission. For access.Anybody it returns nil and looks at no
// credentials.
func (f *Face) Caller(w http.ResponseWriter, r *http.Request, needs access.Permission) (*Caller, error) {
	if needs == access.Anybody {
		return nil, nil
	}
	c, err := f.identify(r)
	if err != nil {
		return nil, err
	}
	if c.NeedsFactor && !c.Allows(needs) {
		return nil, problem.New(problem.Forbidden, "this tenant requires a second factor: set yours up first")
	}
	if needs.Scope() == access.ScopeSession && !c.Allows(needs) {
		return nil, problem.New(problem.Forbidden, "this call is about the account of a person: sign in instead of sending a key")
	}
	if needed := needs &^ c.May; needed != 0 && c.Barred&needed == needed {
		return nil, problem.New(problem.Forbidden, "%s", c.BarredWhy)
	}
	if !c.Allows(needs) {
		return nil, problem.New(problem.Forbidden, "this call needs a key with the scope %q", needs.Scope())
	}
	if err := web.Authenticated(r); err != nil {
		return nil, err
	}
	c.Request.ID = web.RequestID(w)
	return c, nil
}
