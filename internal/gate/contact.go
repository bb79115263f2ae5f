package gate

import (
	"net/mail"
	"strings"
)

// checkContact warns about contact data that looks wrong.
func (p *Payload) checkContact() {
	for _, c := range []struct{ path, value string }{
		{"respondent.emailAddress", p.Respondent.EmailAddress},
		{"respondent.company.emailAddress", p.Respondent.Company.EmailAddress},
		{"employee.email", p.Employee.Email},
		{"sender.email", p.Sender.Email},
	} {
		if c.value != "" && !isEmail(c.value) {
			p.warn(c.path, "does not look like an e-mail address")
		}
	}
	if phone := p.Respondent.PhoneNumber; phone != "" && !isE164(phone) {
		if isE164(normalPhone(phone)) {
			p.warn("respondent.phoneNumber", "should be in E.164 form, without spaces and punctuation, as +4512345678")
		} else {
			p.warn("respondent.phoneNumber", "is not a telephone number in E.164 form, as +4512345678")
		}
	}
	if p.Respondent.PhoneNumber == "" && p.Respondent.EmailAddress == "" {
		p.warn("respondent", "has neither emailAddress nor phoneNumber: nobody can be contacted")
	}
}

// isEmail reports whether s is an address alone (RFC 5322 addr-spec) at a domain with a dot.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return false
	}
	domain := s[strings.LastIndexByte(s, '@')+1:]
	return strings.Contains(domain, ".") && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".")
}

// isE164 reports whether s is an international number of ITU-T E.164: "+", a country code that does not begin with 0, at
// most 15 digits; fewer than 7 are nobody's.
func isE164(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// normalPhone takes what people put between digits out of a number, and writes an international prefix 00 as "+".
func normalPhone(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '(', ')', '.', '/', '\u00a0', '\u2011', '\u2013', '\t':
			return -1
		}
		return r
	}, s)
	if rest, ok := strings.CutPrefix(s, "00"); ok {
		return "+" + rest
	}
	return s
}

// normalEmail is how addresses are compared.
func normalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
