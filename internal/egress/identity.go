package egress

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// identitySessions is how many TLS sessions are kept for one identity: it usually belongs to one endpoint.
const identitySessions = 4

// Why a client certificate cannot be used; NewIdentity's errors wrap one of them.
var (
	ErrIdentityCert = errors.New("the certificate cannot be used")
	ErrIdentityKey  = errors.New("the private key cannot be used")
)

// An Identity is a client certificate with its private key, for receivers that ask who connects (RFC 8446 section
// 4.3.2). It is immutable. Connections and TLS sessions are kept apart for each *Identity, by the pointer: two that
// were made from the same certificate share nothing, so make one and use it for all requests of an endpoint.
type Identity struct {
	cert tls.Certificate
	// sessions is its own: a session resumed carries the certificate that was shown when it began (RFC 8446 section
	// 4.6.1), so a shared cache would let one endpoint's requests go out under another's name.
	sessions tls.ClientSessionCache
}

// NewIdentity reads a certificate, followed by its intermediates if any, and its private key, both in PEM. It does
// not look at the dates, so that a saved identity can always be loaded; see NotAfter. The error wraps
// ErrIdentityCert or ErrIdentityKey and repeats nothing of the key.
func NewIdentity(certPEM, keyPEM []byte) (*Identity, error) {
	n := 0
	for rest := certPEM; ; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: it holds something else than certificates", ErrIdentityCert)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("%w: number %d is not a valid certificate", ErrIdentityCert, n+1)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: it is not in PEM form (-----BEGIN CERTIFICATE-----)", ErrIdentityCert)
	}
	// No cause is wrapped below: errors about a key might quote it.
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, fmt.Errorf("%w: it is not in PEM form (-----BEGIN PRIVATE KEY-----)", ErrIdentityKey)
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("%w: it is protected by a password, give it without", ErrIdentityKey)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil && keyIsFurtherDown(certPEM, keyPEM) {
		return nil, fmt.Errorf("%w: the certificate that belongs to the key must come first, its intermediates behind it", ErrIdentityCert)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is not valid, or belongs to another certificate", ErrIdentityKey)
	}
	if isWeak(cert.Leaf) {
		return nil, fmt.Errorf("%w: its key is too short, receivers refuse it", ErrIdentityCert)
	}
	return &Identity{cert: cert, sessions: tls.NewLRUClientSessionCache(identitySessions)}, nil
}

// keyIsFurtherDown tells that the key belongs to another certificate of the list than the first.
func keyIsFurtherDown(certPEM, keyPEM []byte) bool {
	_, rest := pem.Decode(certPEM)
	for {
		block, next := pem.Decode(rest)
		if block == nil {
			return false
		}
		if _, err := tls.X509KeyPair(pem.EncodeToMemory(block), keyPEM); err == nil {
			return true
		}
		rest = next
	}
}

// NotBefore is when the certificate becomes valid.
func (id *Identity) NotBefore() time.Time { return id.cert.Leaf.NotBefore }

// NotAfter is when the certificate expires.
func (id *Identity) NotAfter() time.Time { return id.cert.Leaf.NotAfter }

// String names the certificate, not the key.
func (id *Identity) String() string { return "certificate of " + id.cert.Leaf.Subject.String() }

// apply makes a connection show the certificate. A nil Identity changes nothing.
func (id *Identity) apply(cfg *tls.Config) {
	if id == nil {
		return
	}
	// Shown whatever authorities the receiver lists: lists are often incomplete, and a receiver that refuses a
	// certificate says why, while one that got none can only say that it wants one.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &id.cert, nil }
	cfg.ClientSessionCache = id.sessions
	cfg.NextProtos = []string{"http/1.1"} // of HTTP/2, renegotiation is forbidden (RFC 9113 section 9.2.1)
	// Receivers such as IIS ask for the certificate when they have seen which path is asked for, by renegotiation
	// (TLS 1.2). Once is enough, and bounds the cost of a hostile one.
	cfg.Renegotiation = tls.RenegotiateOnceAsClient
}

// isWeak tells a certificate whose key can be broken.
func isWeak(cert *x509.Certificate) bool {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() < minRSABits
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize < 256
	}
	return false
}
