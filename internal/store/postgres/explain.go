package postgres

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Codes of PostgreSQL's failures (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codePassword  = "28P01"
	codeNoLogin   = "28000"
	codeNoDB      = "3D000"
	codePrivilege = "42501"
	codeStarting  = "57P03"
)

// Absent reports whether a failure says that the database does not run yet: connections are refused, or it
// is starting.
func Absent(err error) bool {
	pg := new(pgconn.PgError)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &pg) && pg.Code == codeStarting ||
		errors.As(err, new(*net.OpError)) && errors.Is(err, syscall.ENOENT) // its socket in the file system
}

// Explain puts the cause of a failed connection first and adds the way out. It returns other errors
// as they are.
func Explain(err error) error {
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		switch pg.Code {
		case codePassword, codeNoLogin:
			return fmt.Errorf("PostgreSQL refused the login: %s; check the user and the password in the database's address", pg.Message)
		case codeNoDB:
			return fmt.Errorf("PostgreSQL has no such database: %s; create it with \"createdb -O USER NAME\"", pg.Message)
		case codePrivilege:
			return fmt.Errorf("PostgreSQL lacks a permission: %s; grant it with \"GRANT CREATE ON SCHEMA public TO USER\"", pg.Message)
		}
	}
	if dial := new(net.OpError); errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("PostgreSQL does not answer at %v: %w; is it running, and is the address right?", dial.Addr, dial.Err)
	}
	if dns := new(net.DNSError); errors.As(err, &dns) {
		return fmt.Errorf("PostgreSQL's host %q is not known: %s; is the address right?", dns.Name, dns.Err)
	}
	return err
}
