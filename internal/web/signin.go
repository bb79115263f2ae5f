package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/problem"
)

// SignIn is how browsers carry sessions, for all faces alike: which cookie, over which connections, and from whose pages.
// Make it with NewSignIn.
type SignIn struct {
	public *url.URL // the address by which browsers reach Relay; nil: it is not known
	origin *http.CrossOriginProtection
}

// NewSignIn returns the rules for an installation at the address, which is http:// or https://, or nil where it is not
// known: then people sign in on this machine only.
func NewSignIn(public *url.URL) (*SignIn, error) {
	s := &SignIn{public: public, origin: http.NewCrossOriginProtection()}
	if public != nil {
		// A proxy may change the Host header, by which requests of Relay's own pages are recognised otherwise.
		if err := s.origin.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, fmt.Errorf("the address %q: %w", public.Redacted(), err)
		}
	}
	return s, nil
}

// Address returns the address by which browsers reach Relay, without a slash at the end. Where the operator has not stated
// it, it is the one that the request was made to.
func (s *SignIn) Address(r *http.Request) string {
	if s.public != nil {
		return strings.TrimSuffix(s.public.String(), "/")
	}
	return "http://" + r.Host
}

// SecureCookie is the name of the cookie that holds a session's token over HTTPS. Browsers take it over HTTPS only, from
// this very host (RFC 6265bis section 4.1.3.2).
const SecureCookie = "__Host-relay"

const (
	plainCookie = "relay"
	// pathCookie takes the place of SecureCookie where Relay shares a host, below a path: browsers take a __Host- cookie for
	// all of a host only.
	pathCookie = "__Secure-relay"
)

// Secure reports whether people reach Relay over HTTPS: cookies are then sent over nothing else.
func (s *SignIn) Secure() bool { return s.public != nil && s.public.Scheme == "https" }

// Allowed reports whether sessions may be used over the request's connection. Without HTTPS, a session is readable on the
// way, so it takes an operator who says so by the address, or a way that does not leave the machine.
func (s *SignIn) Allowed(r *http.Request) bool { return s.public != nil || loopback(r.Host) }

// loopback reports whether the host, with or without a port, is this machine to the browser.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// path is the path that cookies are for.
func (s *SignIn) path() string {
	if s.public == nil || s.public.Path == "" {
		return "/"
	}
	return s.public.Path
}

func (s *SignIn) cookieName() string {
	switch {
	case s.Secure() && s.path() == "/":
		return SecureCookie
	case s.Secure():
		return pathCookie
	}
	return plainCookie
}

// Token returns the session's token in the request's cookie, empty without one.
func (s *SignIn) Token(r *http.Request) string {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// Cookie returns a cookie that holds a session's token; the caller says for how long. It is Lax: a link from a mail or a
// chat finds the person signed in, and no other site can make them change anything.
func (s *SignIn) Cookie(token string) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(), Value: token, Path: s.path(), HttpOnly: true, Secure: s.Secure(), SameSite: http.SameSiteLaxMode}
}

// WaitingCookie returns a cookie that holds the token of a sign-in which waits for the second factor; the caller says for
// how long.
func (s *SignIn) WaitingCookie(token string) *http.Cookie {
	c := s.Cookie(token)
	c.Name += waitingSuffix
	c.SameSite = http.SameSiteStrictMode
	return c
}

const waitingSuffix = "-waiting"

// Waiting returns the token in the cookie of WaitingCookie, empty without one.
func (s *SignIn) Waiting(r *http.Request) string {
	c, err := r.Cookie(s.cookieName() + waitingSuffix)
	if err != nil {
		return ""
	}
	return c.Value
}

// AwayCookie returns a cookie that holds what a browser must bring back from an identity provider; the caller says for how
// long. It is Lax as the session's: the way back begins at another site.
func (s *SignIn) AwayCookie(text string) *http.Cookie {
	c := s.Cookie(text)
	c.Name += awaySuffix
	return c
}

const awaySuffix = "-away"

// Away returns the text in the cookie of AwayCookie, empty without one.
func (s *SignIn) Away(r *http.Request) string {
	c, err := r.Cookie(s.cookieName() + awaySuffix)
	if err != nil {
		return ""
	}
	return c.Value
}

// PortalCookie returns a cookie that holds the token of a session in the portal with the id; the caller says for how long. A
// portal is shown in a frame of another site, where browsers send a cookie only if it is partitioned: kept apart for each
// site that embeds the portal (CHIPS). They take such cookies over HTTPS only; without it the portal works in a tab of its
// own.
func (s *SignIn) PortalCookie(portal, token string) *http.Cookie {
	c := &http.Cookie{Name: s.portalCookieName(portal), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.Secure() {
		c.Secure, c.SameSite, c.Partitioned = true, http.SameSiteNoneMode, true
	}
	return c
}

// portalCookieName tells portals apart, several of which a site may embed.
func (s *SignIn) portalCookieName(portal string) string { return s.cookieName() + "-" + portal }

// PortalToken returns the token in the cookie of PortalCookie, empty without one.
func (s *SignIn) PortalToken(r *http.Request, portal string) string {
	c, err := r.Cookie(s.portalCookieName(portal))
	if err != nil {
		return ""
	}
	return c.Value
}

// Issuer names the installation in people's authenticator apps.
func (s *SignIn) Issuer() string {
	if s.public == nil {
		return "Relay"
	}
	return "Relay (" + s.public.Host + ")"
}

// Party returns the site that passkeys made on the request's page belong to, the zero Party if there cannot be any. It is
// the address by which browsers reach Relay: where the operator has not stated that, the request's own on this machine.
func (s *SignIn) Party(r *http.Request) passkey.Party {
	address := s.public
	if address == nil {
		if !loopback(r.Host) {
			return passkey.Party{}
		}
		address = &url.URL{Scheme: "http", Host: r.Host}
	}
	return passkey.PartyAt(address, "Relay")
}

// OwnPage refuses a request by a browser that another site has caused. fromBrowser says that the request must tell where
// it comes from: it rests on a cookie, which a browser sends whoever causes the request, and browsers that send neither
// Sec-Fetch-Site nor Origin are too old to be told apart.
func (s *SignIn) OwnPage(r *http.Request, fromBrowser bool) error {
	if err := s.origin.Check(r); err != nil {
		return problem.Wrap(err, problem.Forbidden, "another site has caused this request, or a proxy has changed its Host: set publicUrl to the address that browsers use")
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if fromBrowser && !safe && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return problem.New(problem.Forbidden, "a change by a session needs the header Origin or Sec-Fetch-Site, which browsers send; programs send a key instead")
	}
	return nil
}
