package egress

import (
	"net/url"
	"slices"
	"strings"
)

// Resolve returns the target on t's host that ref names, with query set. It is for those who may choose where on a host a
// request goes, but not the host.
//
// ref is a path with or without a query ("/orders?x=1"), a whole URL with t's scheme, host and port, or empty for t itself. The
// parameters in query replace those of the same names, and are added in the order of their names. The error is a *URLError.
//
// The host is t's, so what ParseURL and the dialer say about it holds for the new target as well.
func (t Target) Resolve(ref string, query map[string]string) (Target, error) {
	if t.url == nil {
		return Target{}, refuse("there is no URL to begin with")
	}
	if ref == "" && len(query) == 0 {
		return t, nil
	}
	host, port, err := splitPort(t.url.Host, t.url.Scheme)
	if err != nil {
		return Target{}, err
	}
	tail := t.uri
	if ref != "" {
		if tail, err = tailOf(ref, t.url.Scheme, host, port); err != nil {
			return Target{}, err
		}
	}
	path, rawQuery, err := splitTail(tail)
	if err != nil {
		return Target{}, err
	}
	if len(query) > 0 {
		rawQuery = withQuery(rawQuery, query)
	}
	out := newTarget(t.url.Scheme, host, port, path, rawQuery)
	if len(out.str) > maxURL {
		return Target{}, refuse("the URL is longer than %d bytes", maxURL)
	}
	return out, nil
}

// tailOf returns the path and query of ref, which must stay on the host.
func tailOf(ref, scheme, host string, port uint16) (string, error) {
	if err := checkBytes(ref); err != nil {
		return "", err
	}
	if strings.HasPrefix(ref, "/") && !strings.HasPrefix(ref, "//") { // two slashes would begin a host
		return ref, nil
	}
	other := func() error {
		return refuse("the URL must be a path that starts with a slash, or begin with %s:// and the same host and port", scheme)
	}
	s, rest, ok := strings.Cut(ref, "://")
	if !ok || !strings.EqualFold(s, scheme) {
		return "", other()
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	h, p, err := splitPort(authority, scheme)
	if err != nil {
		return "", err
	}
	if !strings.EqualFold(h, host) || p != port {
		return "", other()
	}
	return tail, nil
}

// withQuery sets parameters in a query that is empty or starts with "?".
func withQuery(rawQuery string, set map[string]string) string {
	var pairs []string
	for pair := range strings.SplitSeq(strings.TrimPrefix(rawQuery, "?"), "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if _, replaced := set[name]; !replaced && pair != "" {
			pairs = append(pairs, pair) // as it was written
		}
	}
	kept := len(pairs)
	for name, value := range set {
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	slices.Sort(pairs[kept:])
	return "?" + strings.Join(pairs, "&")
}
