package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// A Proxy is what all outgoing connections go through, but for those to this machine. Its credentials print nowhere.
//
// It is asked for a connection to an address, never to a name: names are resolved and every address is checked here, as
// without a proxy, and the proxy is told to reach the address that was checked. TLS with the receiver goes through
// it end to end, so that it sees neither the request nor the answer.
type Proxy struct {
	scheme         string // "http", "https" or "socks5"
	host, port     string
	user, password string // empty user: none
}

// String returns the proxy's URL without its credentials.
func (p *Proxy) String() string { return p.scheme + "://" + net.JoinHostPort(p.host, p.port) }

// GoString keeps %#v from showing the credentials.
func (p *Proxy) GoString() string { return p.String() }

var proxyPorts = map[string]string{"http": "3128", "https": "443", "socks5": "1080"}

// ParseProxy reads a proxy's URL: http://host:port or https://host:port for proxies that speak CONNECT (RFC 9110 section
// 9.3.6), in clear or inside TLS, and socks5://host:port (RFC 1928), each with user:password@ before the host where the
// proxy asks for it. The proxy itself may have any address. Errors do not repeat the URL, which may hold a password.
func ParseProxy(raw string) (*Proxy, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return nil, errors.New("must be a proxy's URL, as http://proxy.internal:3128")
	}
	standard, known := proxyPorts[u.Scheme]
	if !known {
		return nil, fmt.Errorf("must begin with http://, https:// or socks5://")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must have nothing behind the proxy's host and port")
	}
	p := &Proxy{scheme: u.Scheme, host: u.Hostname(), port: u.Port()}
	if p.port == "" {
		p.port = standard
	}
	if n, ok := parsePort(p.port); !ok || n == 0 || p.host == "" {
		return nil, errors.New("must name the proxy's host and a port from 1 to 65535")
	}
	if u.User != nil {
		p.user = u.User.Username()
		p.password, _ = u.User.Password()
		switch {
		case p.user == "":
			return nil, errors.New("must have a user name before the password")
		case p.scheme != "socks5" && strings.Contains(p.user, ":"): // RFC 7617 section 2
			return nil, errors.New("must have a user name without a colon")
		case p.scheme == "socks5" && (len(p.user) > 255 || len(p.password) > 255): // RFC 1929 section 2
			return nil, errors.New("must have a user name and a password of at most 255 bytes")
		}
	}
	return p, nil
}

// A proxyError is a connection that the proxy did not make. Its words are shown to the webhook's owner, and tell neither
// where the proxy is nor how one logs in.
type proxyError struct {
	words string
	kind  Kind  // KindProxy, or KindConnect where the proxy could not reach the receiver
	err   error // for the operator's log; may be nil
}

func (e *proxyError) Error() string {
	if e.err != nil {
		return e.words + ": " + e.err.Error()
	}
	return e.words
}
func (e *proxyError) Unwrap() error { return e.err }

// tunnel connects to an address through the proxy. The caller has checked the address.
func (d *dialer) tunnel(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	unreachable := func(err error) error {
		return &proxyError{"the outgoing proxy cannot be reached", KindProxy, err}
	}
	if d.proxy.scheme == "socks5" {
		return d.tunnelSOCKS(ctx, to, unreachable)
	}
	c, err := d.dialProxy(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	through := c
	if d.proxy.scheme == "https" {
		cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.tls.RootCAs, ServerName: d.proxy.host, VerifyConnection: verifyKeys}
		secure := tls.Client(c, cfg)
		if err = secure.HandshakeContext(ctx); err != nil {
			err = &proxyError{"TLS with the outgoing proxy failed", KindProxy, err}
		}
		through = secure
	}
	if err == nil {
		err = d.proxy.ask(through, to)
	}
	if !stop() && err == nil {
		err = ctx.Err() // its deadline may be set any moment
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return through, nil
}

// ask has the proxy connect to an address.
func (p *Proxy) ask(c net.Conn, to netip.AddrPort) error {
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", to, to)
	if p.user != "" {
		b.WriteString("Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password)) + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := c.Write([]byte(b.String())); err != nil {
		return &proxyError{"the outgoing proxy closed the connection", KindProxy, err}
	}
	r := bufio.NewReaderSize(c, readBuffer)
	ans, err := readAnswer(r, func() {})
	switch {
	case err != nil:
		return &proxyError{"the outgoing proxy did not answer in HTTP", KindProxy, err}
	case ans.status >= 200 && ans.status <= 299:
		if r.Buffered() > 0 { // the receiver speaks second, in TLS and in HTTP: this is the proxy's, and would be taken for an answer
			return &proxyError{"the outgoing proxy sent more than its answer", KindProxy, nil}
		}
		return nil
	}
	status := strings.TrimSpace(strconv.Itoa(ans.status) + " " + http.StatusText(ans.status))
	switch ans.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &proxyError{"the outgoing proxy could not connect to the host (" + status + ")", KindConnect, nil}
	}
	return &proxyError{"the outgoing proxy refused the connection (" + status + ")", KindProxy, nil}
}

// tunnelSOCKS connects to an address through a SOCKS proxy.
func (d *dialer) tunnelSOCKS(ctx context.Context, to netip.AddrPort, unreachable func(error) error) (net.Conn, error) {
	var auth *proxy.Auth
	if d.proxy.user != "" {
		auth = &proxy.Auth{User: d.proxy.user, Password: d.proxy.password}
	}
	first := &firstHop{dial: d.dialProxy}
	s, err := proxy.SOCKS5("tcp", net.JoinHostPort(d.proxy.host, d.proxy.port), auth, first)
	if err != nil {
		return nil, unreachable(err)
	}
	c, err := s.(proxy.ContextDialer).DialContext(ctx, "tcp", to.String())
	switch {
	case err != nil && first.err != nil:
		return nil, unreachable(first.err)
	case err != nil:
		return nil, &proxyError{"the outgoing proxy did not make the connection", KindProxy, err}
	}
	return c, nil
}

// firstHop connects to a SOCKS proxy and keeps the error, to tell it from the proxy's own refusal.
type firstHop struct {
	dial func(ctx context.Context) (net.Conn, error)
	err  error
}

func (f *firstHop) Dial(string, string) (net.Conn, error) {
	return f.DialContext(context.Background(), "", "")
}

func (f *firstHop) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := f.dial(ctx)
	f.err = err
	return c, err
}

// dialProxy connects to the proxy itself, which the guard does not judge: the operator named it.
func (d *dialer) dialProxy(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(d.proxy.host, d.proxy.port)
	if !d.source.set() {
		nd := net.Dialer{KeepAlive: -1, Resolver: d.resolver}
		return nd.DialContext(ctx, "tcp", address)
	}
	var failed error
	for _, network := range []string{"tcp4", "tcp6"} {
		nd := net.Dialer{KeepAlive: -1, Resolver: d.resolver}
		if !d.source.bind(&nd, network == "tcp4") {
			continue
		}
		c, err := nd.DialContext(ctx, network, address)
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}
