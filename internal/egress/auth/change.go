package auth

import (
	"net/url"

	"github.com/relay-events/relay/internal/problem"
)

// Member is a text of a Change: left out, null, or a value.
type Member struct {
	Given bool
	Null  bool   // resets it
	Value string // empty unless given and not null
}

// Change is a change of some members of settings. Those that are not given stay as they are.
type Change struct {
	Type                                              Member
	Username, Password                                Member
	Token, Header, Prefix                             Member
	ClientID, ClientSecret, TokenURL, Scope, Audience Member
	Style                                             Member
	Cert, Key                                         Member
	Parameters                                        *map[string]string // all of them; nil: not given
}

// Merge makes the change. Another type starts from nothing, as members of the one are no settings of the other. It must
// name the members that its endpoint needs: a forgotten password or scope is a mistake, an empty one is written as "".
func (s *Settings) Merge(c *Change) error {
	was := s.Type
	if c.Type.Given {
		s.Type = Type(c.Type.Value)
		if c.Type.Null {
			s.Type = None
		}
	}
	if s.Type != was {
		*s = Settings{Type: s.Type}
		if err := s.complete(c); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		into *string
		Member
	}{
		{&s.Username, c.Username}, {(*string)(&s.Password), c.Password},
		{(*string)(&s.Token), c.Token}, {&s.Header, c.Header}, {&s.Prefix, c.Prefix},
		{&s.ClientID, c.ClientID}, {(*string)(&s.ClientSecret), c.ClientSecret}, {&s.TokenURL, c.TokenURL},
		{&s.Scope, c.Scope}, {&s.Audience, c.Audience}, {(*string)(&s.Style), c.Style},
		{&s.Cert, c.Cert}, {(*string)(&s.Key), c.Key},
	} {
		if m.Given {
			*m.into = m.Value
		}
	}
	if c.Parameters != nil {
		form := make(url.Values, len(*c.Parameters))
		for name, value := range *c.Parameters {
			form.Set(name, value)
		}
		s.Parameters = form.Encode()
	}
	return nil
}

// complete checks that a change to the type of s names the members that may be empty, but not forgotten.
func (s *Settings) complete(c *Change) error {
	var missing []problem.Field
	for _, m := range []struct {
		of   Type
		name string
		Member
	}{{Basic, "username", c.Username}, {Basic, "password", c.Password}, {OAuth2, "scope", c.Scope}} {
		if m.of == s.Type && (!m.Given || m.Null) {
			missing = append(missing, problem.Field{Name: "auth." + m.name, Reason: `must be given; "" says that there is none`})
		}
	}
	if missing != nil {
		return &problem.Error{Kind: problem.Invalid, Fields: missing}
	}
	return nil
}
