package user

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

const (
	maxEmail = 254 // bytes, RFC 5321 section 4.5.3.1.3 without the brackets
	maxName  = 100 // characters

	// MinPassword is the fewest characters of a password.
	MinPassword = 12
	// maxPassword bounds the bytes that are hashed.
	maxPassword = 1024
	// fewDifferent is how many different characters make a password more than a repeated pattern.
	fewDifferent = 5
)

// common are passwords of twelve or more characters that many people choose, in lower case, a line each.
//
//go:embed common.txt
var commonText string

var common = strings.Fields(commonText)

// cleanEmail returns the address in the form that is stored and compared, and why it is none: in lower case, since hardly
// any mail server tells Ann@ from ann@, and people type either.
func cleanEmail(s string) (email, reason string) {
	s = strings.ToLower(norm.NFC.String(strings.TrimSpace(s)))
	local, domain, ok := strings.Cut(s, "@")
	strange := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`@"(),:;<>[\]`, r)
	}
	switch {
	case !utf8.ValidString(s) || !ok || local == "" || domain == "" || strings.ContainsFunc(local, strange) || strings.ContainsFunc(domain, strange):
		return "", "must be an e-mail address, such as ann@example.com"
	case len(s) > maxEmail:
		return "", fmt.Sprintf("must have at most %d bytes", maxEmail)
	}
	return s, ""
}

// checkName says why a user's name cannot be stored, "" if it can.
func checkName(name string) string {
	if utf8.RuneCountInString(name) > maxName {
		return fmt.Sprintf("must have at most %d characters", maxName)
	}
	if err := event.CheckLabel(name, false); err != nil {
		return err.Error()
	}
	return ""
}

// checkRole says why a role cannot be given, "" if it can.
func checkRole(r access.Role) string {
	if !slices.Contains(access.Roles, r) {
		return "must be one of viewer, member, admin, operator"
	}
	return ""
}

// cleanPassword returns a password in the form that is hashed, so that one that was typed on a keyboard which writes an
// accent as a character of its own is the same on every other.
func cleanPassword(s string) string { return norm.NFC.String(s) }

// checkPassword returns why a new password is refused, nil if it is good. It asks for length and not for kinds of
// characters: NIST SP 800-63B section 5.1.1.2.
func checkPassword(field, password, email string) error {
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(email, "@")
	different := make(map[rune]bool)
	for _, r := range lower {
		different[r] = true
	}
	switch {
	case !utf8.ValidString(password):
		return problem.InvalidField(field, "must be valid UTF-8")
	case utf8.RuneCountInString(password) < MinPassword:
		return problem.InvalidField(field, "must have at least %d characters", MinPassword)
	case len(password) > maxPassword:
		return problem.InvalidField(field, "must have at most %d bytes", maxPassword)
	case len(different) < fewDifferent:
		return problem.InvalidField(field, "must have at least %d different characters", fewDifferent)
	case slices.Contains(common, lower) || consecutive(lower):
		return problem.InvalidField(field, "is one of those that everybody tries first: choose another, such as four words that nobody says together")
	case lower == email || len(local) >= 4 && len(lower)-len(local) < 8 && strings.Contains(lower, local):
		return problem.InvalidField(field, "is made of the e-mail address: choose another")
	}
	return nil
}

// consecutive reports whether s consists of neighbours, such as 0123456789ab or cba987654321.
func consecutive(s string) bool {
	steps := 0
	var before rune
	for i, r := range s {
		if d := r - before; i > 0 && d >= -1 && d <= 1 {
			steps++
		}
		before = r
	}
	return steps*4 >= utf8.RuneCountInString(s)*3
}
