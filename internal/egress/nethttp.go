package egress

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// newTransport returns net/http's transport over d, for HTTPClient. It keeps no connections, does not inflate, and knows no
// proxy but d's.
func newTransport(d *dialer) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialContext:            d.dialPlain,
		DialTLSContext:         d.dialTLS,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              &protocols,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

// HTTPClient returns a client for libraries that want one (OAuth, OpenID Connect). It has the same guard, follows no
// redirect, and fails reads of a body beyond 1 MiB. timeout bounds each request including its body; zero or negative
// means 10 s. Each request has a connection of its own: these requests are rare, and a library would not know how to act
// when a kept one turns out to be closed. It ends with c.
func (c *Client) HTTPClient(timeout time.Duration) *http.Client {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return c.httpClient(timeout, "")
}

// HTTPClientTo is HTTPClient for a service that the operator has chosen, such as an identity provider, which is often
// inside: the host of the URL may have any address and any name. All other hosts are guarded as ever. The error is a
// *URLError.
func (c *Client) HTTPClientTo(raw string, timeout time.Duration) (*http.Client, error) {
	t, err := c.chosen.ParseURL(raw)
	if err != nil {
		return nil, err
	}
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return c.httpClient(timeout, t.key.address), nil
}

func (c *Client) httpClient(timeout time.Duration, chosen string) *http.Client {
	return &http.Client{
		Transport:     &roundTripper{c, chosen},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A roundTripper applies the rules of Do to requests that were made elsewhere.
type roundTripper struct {
	c      *Client
	chosen string // host and port that need not pass the guard; empty: none
}

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	fail := func(err error) (*http.Response, error) {
		if req.Body != nil {
			req.Body.Close() // the contract of RoundTripper
		}
		return nil, err
	}
	c := r.c
	t, err := c.chosen.ParseURL(req.URL.String())
	if err == nil && t.key.address == r.chosen {
		c = c.chosen
	} else {
		t, err = c.ParseURL(req.URL.String())
	}
	if err != nil {
		return fail(err)
	}
	// Host could name another virtual host than the one checked.
	if req.Host != "" && req.Host != req.URL.Host {
		return fail(&HeaderError{"Host", "is set by the connection and cannot be chosen"})
	}
	out := req.Clone(req.Context())
	out.URL, out.Host = t.url, t.url.Host
	out.GetBody = nil // nothing is sent again: the connection is always new, and the body cannot be rewound
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", c.userAgent)
	}
	res, err := c.oneShot.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	res.Request = req
	res.Body = &cappedBody{res.Body, maxAdvised}
	return res, nil
}

// errBodyTooLong ends the reading of a body by a library.
var errBodyTooLong = fmt.Errorf("the answer's body is longer than %d KiB", maxAdvised>>10)

// A cappedBody fails instead of ending, so that a cut document is not taken for a whole one.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyTooLong
	}
	// One byte beyond the cap may be asked for, to tell a body of exactly that length from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errBodyTooLong
	}
	return n, err
}
