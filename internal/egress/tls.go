package egress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

const (
	// minRSABits is the smallest RSA key accepted in a receiver's chain (CA/Browser Forum Baseline Requirements
	// section 6.1.5). Go itself accepts 1024.
	minRSABits = 2048

	// sessionCache is how many TLS sessions are kept for resumption, one per host name. One holds a few KiB.
	sessionCache = 1024
)

// errWeakKey refuses a chain because of a key that can be broken.
var errWeakKey = fmt.Errorf("the certificate chain has an RSA key below %d bits", minRSABits)

// newTLSConfig is the one TLS setting of the program. There is no way to switch verification off.
func newTLSConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            roots,
		NextProtos:         []string{"h2", "http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionCache),
		VerifyConnection:   verifyKeys,
	}
}

// verifyKeys accepts if one verified chain has no weak key below its root. Roots are trusted by being listed, not by
// their signature. It also runs on resumed sessions.
func verifyKeys(s tls.ConnectionState) error {
	for _, chain := range s.VerifiedChains {
		strong := true
		for i, cert := range chain {
			if i > 0 && i == len(chain)-1 {
				break
			}
			if isWeak(cert) {
				strong = false
			}
		}
		if strong {
			return nil
		}
	}
	return errWeakKey
}

// tlsWords says why a handshake failed, for the attempt record.
func tlsWords(err error) string {
	var (
		invalid  x509.CertificateInvalidError
		host     x509.HostnameError
		unknown  x509.UnknownAuthorityError
		insecure x509.InsecureAlgorithmError
		record   tls.RecordHeaderError
		remote   *net.OpError
	)
	switch {
	case errors.Is(err, errWeakKey):
		return errWeakKey.Error()
	case errors.As(err, &host):
		if c := host.Certificate; c != nil && len(c.DNSNames) == 0 && len(c.IPAddresses) == 0 {
			return "the certificate names no host: it has no subject alternative name, and the common name does not count"
		}
		return "the certificate is for another host"
	case errors.As(err, &invalid):
		return invalidWords(invalid)
	case errors.As(err, &insecure):
		return "the certificate has an insecure signature (" + x509.SignatureAlgorithm(insecure).String() + ")"
	case errors.As(err, &unknown):
		return authorityWords(unknown.Cert)
	case errors.As(err, &record):
		return "the server did not answer in TLS (is it plain HTTP on this port?)"
	case strings.Contains(err.Error(), "protocol version"): // crypto/tls exports neither its alerts nor this refusal
		return "the server offers no TLS version from 1.2 on"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "the server refused the TLS connection: " + remote.Err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection during the TLS handshake"
	}
	return "the TLS handshake failed: " + err.Error()
}

func invalidWords(e x509.CertificateInvalidError) string {
	if e.Reason != x509.Expired {
		return "the certificate is not valid: " + e.Error()
	}
	// The Reason covers both ends of the period; the certificate tells them apart.
	if e.Cert != nil && time.Now().Before(e.Cert.NotBefore) {
		return "the certificate is not yet valid (from " + e.Cert.NotBefore.UTC().Format(time.RFC3339) + ")"
	}
	if e.Cert != nil {
		return "the certificate has expired (" + e.Cert.NotAfter.UTC().Format(time.RFC3339) + ")"
	}
	return "the certificate has expired"
}

// authorityWords tells the reasons apart for which no chain to a root was found. x509 hides an insecure signature in
// the text of this error, so the certificate is looked at again.
func authorityWords(cert *x509.Certificate) string {
	if cert == nil {
		return "the certificate is signed by an unknown authority"
	}
	switch cert.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA:
		return "the certificate has an insecure signature (" + cert.SignatureAlgorithm.String() + ")"
	}
	if string(cert.RawIssuer) == string(cert.RawSubject) {
		return "the certificate is self-signed"
	}
	return "the certificate is signed by an unknown authority: does the server send the intermediate certificate as well?"
}
