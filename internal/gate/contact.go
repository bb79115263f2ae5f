package gate

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
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

// normalPhone is how numbers are compared: compatibility forms (full-width digits) in their usual form, without what people and
// programs put between and around digits, seen or not, and with an international prefix 00 as "+". What is left of a
// number that isE164 refuses cannot be compared with certainty.
func normalPhone(s string) string {
	s = strings.TrimPrefix(strings.ToLower(visible(s)), "tel:")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '+' || unicode.IsLetter(r):
			return r
		case unicode.Is(unicode.Nd, r):
			return digit(r)
		}
		return -1
	}, s)
	if rest, ok := strings.CutPrefix(s, "00"); ok {
		return "+" + rest
	}
	return s
}

// digit returns the ASCII digit of a decimal digit of any script: those of a script follow one another.
func digit(r rune) rune {
	n := rune(0)
	for n < 9 && unicode.Is(unicode.Nd, r-n-1) && (r-n-1)/16 == r/16 {
		n++
	}
	if r >= '0' && r <= '9' {
		n = r - '0'
	}
	return '0' + n
}

// normalEmail is how addresses are compared: as normalPhone does it, without a name and a scheme around them.
func normalEmail(s string) string {
	s = strings.ToLower(visible(s))
	if i, j := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>'); i >= 0 && i < j {
		s = s[i+1 : j]
	}
	s = strings.TrimPrefix(s, "mailto:")
	s, _, _ = strings.Cut(s, "?")
	return s
}

// visible returns a text in compatibility form (NFKC) without spaces, controls and format characters, which cannot be seen.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if isBlank(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
}

// isBlank reports whether a character is a space, a control or a format character (Unicode Z*, Cc, Cf).
func isBlank(r rune) bool { return unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf) }

// searchForm is how texts are searched: in lower case and compatibility form, without format characters.
func searchForm(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s)))
}
