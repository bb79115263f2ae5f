package connector

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // partners ask for it; it protects nothing of ours
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// functions are what definitions have beside CEL's own. Functions of one text can be called in both ways: lower(x) and
// x.lower().
func functions() (list []cel.EnvOption) {
	for name, f := range map[string]func(string) string{
		"sha256hex": hashed(func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }),
		"md5hex":    hashed(func(s string) []byte { h := md5.Sum([]byte(s)); return h[:] }), //nolint:gosec // see above
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"lower":     strings.ToLower,
		"trim":      strings.TrimSpace,
		"urlquery":  url.QueryEscape,

		"norm.email":       normEmail,
		"norm.gmail":       normGmail,
		"norm.phoneDigits": normPhoneDigits,
		"norm.name":        func(s string) string { return keep(strings.ToLower(strings.TrimSpace(s)), isNameRune) },
		"norm.city":        func(s string) string { return keep(strings.ToLower(s), unicode.IsLetter) },
		"norm.zip":         func(s string) string { z, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "-"); return z },
		"norm.country":     func(s string) string { return strings.ToLower(strings.TrimSpace(s)) },
	} {
		id := "relay_" + strings.ReplaceAll(name, ".", "_")
		binding := cel.UnaryBinding(func(v ref.Val) ref.Val {
			s, ok := v.(types.String)
			if !ok {
				return types.NewErr("%s needs a text, got a %s", name, v.Type().TypeName())
			}
			return types.String(f(string(s)))
		})
		overloads := []cel.FunctionOpt{cel.Overload(id, []*cel.Type{cel.DynType}, cel.StringType, binding)}
		if !strings.Contains(name, ".") && name != "trim" { // CEL's own has trim as a method
			overloads = append(overloads, cel.MemberOverload(id+"_of", []*cel.Type{cel.StringType}, cel.StringType, binding))
		}
		list = append(list, cel.Function(name, overloads...))
	}
	two := func(name string, f func(a, b string) ref.Val) {
		list = append(list, cel.Function(name, cel.Overload("relay_"+name, []*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val { return f(string(a.(types.String)), string(b.(types.String))) }))))
	}
	two("hmacSha256", func(text, key string) ref.Val {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text))
		return types.String(hex.EncodeToString(h.Sum(nil)))
	})
	two("e164", func(text, region string) ref.Val { return types.String(e164(text, region)) })
	list = append(list,
		cel.Function("alreadyHashed", cel.Overload("relay_alreadyHashed", []*cel.Type{cel.StringType}, cel.BoolType,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return types.Bool(alreadyHashed(string(v.(types.String)))) }))),
		cel.Function("unix", cel.Overload("relay_unix", []*cel.Type{cel.StringType}, cel.IntType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				t, err := time.Parse(time.RFC3339, string(v.(types.String)))
				if err != nil {
					return types.NewErr("unix needs a time such as 2026-05-05T14:23:00Z")
				}
				return types.Int(t.Unix())
			}))),
		cel.Function("iso", cel.Overload("relay_iso", []*cel.Type{cel.IntType}, cel.StringType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				return types.String(time.Unix(int64(v.(types.Int)), 0).UTC().Format(time.RFC3339))
			}))),
	)
	return list
}

// hashed returns a function that hashes texts to hexadecimal digits. The empty text stays empty, as partners want a value
// that is not there, and a hash stays as it is.
func hashed(sum func(string) []byte) func(string) string {
	return func(s string) string {
		if s == "" || alreadyHashed(s) {
			return s
		}
		return hex.EncodeToString(sum(s))
	}
}

// alreadyHashed reports whether a text is 64 hexadecimal digits, as SHA-256 gives them.
func alreadyHashed(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

func normEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// normGmail is normEmail, and removes the dots that Google ignores in addresses of its own.
func normGmail(s string) string {
	s = normEmail(s)
	user, host, ok := strings.Cut(s, "@")
	if ok && (host == "gmail.com" || host == "googlemail.com") {
		return strings.ReplaceAll(user, ".", "") + "@" + host
	}
	return s
}

// normPhoneDigits returns the digits of a number, without leading zeros.
func normPhoneDigits(s string) string {
	if alreadyHashed(s) {
		return s
	}
	return strings.TrimLeft(keep(s, func(r rune) bool { return r >= '0' && r <= '9' }), "0")
}

func keep(s string, f func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if f(r) {
			return r
		}
		return -1
	}, s)
}

func isNameRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || r == ' ' }

// dialCodes are the country codes of the regions that e164 knows, and whether a number at home begins with a zero that is
// left out abroad (ITU-T E.164, national numbering plans).
var dialCodes = map[string]struct {
	code string
	zero bool
}{
	"AT": {"43", true}, "AU": {"61", true}, "BE": {"32", true}, "BR": {"55", true}, "CA": {"1", false}, "CH": {"41", true},
	"CZ": {"420", false}, "DE": {"49", true}, "DK": {"45", false}, "EE": {"372", false}, "ES": {"34", false}, "FI": {"358", true},
	"FO": {"298", false}, "FR": {"33", true}, "GB": {"44", true}, "GL": {"299", false}, "GR": {"30", false}, "IE": {"353", true},
	"IN": {"91", true}, "IS": {"354", false}, "IT": {"39", false}, "JP": {"81", true}, "LT": {"370", true}, "LU": {"352", false},
	"LV": {"371", false}, "NL": {"31", true}, "NO": {"47", false}, "NZ": {"64", true}, "PL": {"48", false}, "PT": {"351", false},
	"SE": {"46", true}, "US": {"1", false}, "ZA": {"27", true},
}

// e164 returns a telephone number in the international form +4512345678, "" if it has no digits or the region is not known
// and needed.
func e164(text, region string) string {
	text = strings.TrimSpace(text)
	digits := keep(text, func(r rune) bool { return r >= '0' && r <= '9' })
	switch {
	case digits == "":
		return ""
	case strings.HasPrefix(text, "+"):
		return "+" + digits
	case strings.HasPrefix(digits, "00"):
		return "+" + strings.TrimPrefix(digits, "00")
	}
	r, ok := dialCodes[strings.ToUpper(region)]
	if !ok {
		return ""
	}
	if r.zero {
		digits = strings.TrimPrefix(digits, "0")
	}
	return "+" + r.code + digits
}
