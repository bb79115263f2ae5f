package user

import (
	"context"
	"fmt"
)

// Invitee is the person a link is for.
type Invitee struct {
	Kind  LinkKind
	Email string
	// Known tells that the person has a password: they accept an invitation by it, and choose none.
	Known bool
}

// Look returns the person a link is for, and uses nothing up: programs that preview links in messages call this. A
// NotFound problem says that the link is not valid; addresses that ask for many such links are throttled.
func (s *Sessions) Look(ctx context.Context, from Client, token string) (Invitee, error) {
	if err := s.throttled("", from.Addr); err != nil {
		return Invitee{}, err
	}
	link, ok, err := s.store.LinkGet(ctx, HashToken(token))
	if err != nil {
		return Invitee{}, fmt.Errorf("reading a link: %w", err)
	}
	if !ok || !s.now().Before(link.ExpiresAt) {
		s.addresses.fail(addressName(from.Addr), s.now())
		return Invitee{}, errLink
	}
	p, ok, err := s.store.PersonGet(ctx, link.Person)
	if err != nil {
		return Invitee{}, fmt.Errorf("reading a link: %w", err)
	}
	if !ok {
		return Invitee{}, errLink
	}
	return Invitee{Kind: link.Kind, Email: p.Email, Known: p.Password != "" && link.Kind == Invitation}, nil
}
