package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

var errNoTLS = errors.New("only https:// has a certificate")

// Handshake connects to an https:// target and returns what its host shows, without sending a
// request. It has the guard of Do, and verifies the certificate. The caller's ctx bounds it, and so
// does the default timeout.
func (c *Client) Handshake(ctx context.Context, t Target) (tls.ConnectionState, error) {
	if t.IsZero() || t.url.Scheme != "https" {
		return tls.ConnectionState{}, errNoTLS
	}
	made, err := c.dialer.dialTLS(ctx, "tcp", t.key.address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer made.Close()
	return tlsState(made), nil
}

// HandshakeTo is Handshake with a host that the operator has chosen, as for HTTPClientTo.
func (c *Client) HandshakeTo(ctx context.Context, raw string) (tls.ConnectionState, error) {
	t, err := c.chosen.ParseURL(raw)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	return c.chosen.Handshake(ctx, t)
}

func tlsState(made net.Conn) tls.ConnectionState {
	if own, ok := made.(*conn); ok {
		made = own.Conn
	}
	if secure, ok := made.(*tls.Conn); ok {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}
