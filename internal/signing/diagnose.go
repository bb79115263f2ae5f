package signing

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // a mistake that receivers make
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Mistake is one that verifiers of signatures are known to make.
type Mistake string

// The mistakes. Each says how what a verifier did differs from what the scheme asks for.
const (
	OldSecret        Mistake = "oldSecret"        // a secret that was rotated away
	OtherSecret      Mistake = "otherSecret"      // a secret that is not the webhook's
	SecretPrefixCut  Mistake = "secretPrefixCut"  // "whsec_" was cut off, though the whole text is the key
	SecretDecoded    Mistake = "secretDecoded"    // decoded from base64, though the whole text is the key
	SecretNotDecoded Mistake = "secretNotDecoded" // the text as it is, though it is to be decoded from base64
	SecretNotCut     Mistake = "secretNotCut"     // "whsec_" was decoded along
	SecretWithBlanks Mistake = "secretWithBlanks" // blanks, a line end or quotes around it
	SecretEmpty      Mistake = "secretEmpty"      // an environment variable that is not set

	BodyReserialized Mistake = "bodyReserialized" // parsed and written again, in another way
	BodyObject       Mistake = "bodyObject"       // a parsed object put into a text
	BodyEmpty        Mistake = "bodyEmpty"        // read already, or by nobody
	BodyLineEnd      Mistake = "bodyLineEnd"      // with a line end more or less, or other ones
	BodyCharset      Mistake = "bodyCharset"      // bytes taken for another character set than UTF-8
	BodyOnlyData     Mistake = "bodyOnlyData"     // the member "data" in place of all

	TimestampMissing      Mistake = "timestampMissing"
	TimestampMilliseconds Mistake = "timestampMilliseconds"
	TimestampForm         Mistake = "timestampForm"  // a date in place of unix seconds
	TimestampOther        Mistake = "timestampOther" // the verifier's own clock in place of the header
	IDMissing             Mistake = "idMissing"
	IDOther               Mistake = "idOther" // another id, such as one in the body
	IDAdded               Mistake = "idAdded" // an id that is not signed
	PeriodMissing         Mistake = "periodMissing"
	OrderOther            Mistake = "orderOther"   // the body before the timestamp
	PrefixHashed          Mistake = "prefixHashed" // the header's prefix hashed along

	NotHMAC       Mistake = "notHMAC"       // a plain hash
	HashOther     Mistake = "hashOther"     // another hash function
	EncodingOther Mistake = "encodingOther" // hexadecimal in place of base64 or the reverse
	EncodingTwice Mistake = "encodingTwice" // base64 of the hexadecimal digits
	EncodingUpper Mistake = "encodingUpper" // upper-case digits
	EncodingURL   Mistake = "encodingURL"   // the URL-safe or unpadded form of base64
	SchemeOther   Mistake = "schemeOther"   // the signature of another header of the same request
	HeaderMissing Mistake = "headerMissing" // a header did not reach the verifier
	HeaderChanged Mistake = "headerChanged" // a header reached it with another value
	ClockOff      Mistake = "clockOff"      // the timestamp is outside of the tolerance of its clock
	BodyDiffers   Mistake = "bodyDiffers"   // it hashed other bytes than were sent
	NotASignature Mistake = "notASignature" // nothing that a signature could be
)

// Signed is a request as it was signed.
type Signed struct {
	Scheme    Scheme   // complete: see WithDefaults
	Others    []Scheme // further ones that the same request is signed by
	Secrets   []string // that have signed it, the newest first
	Former    []string // that were the webhook's before
	ID        string
	Timestamp int64 // unix seconds
	Body      []byte
}

// Received is what somebody tells of a receiver. Empty fields tell nothing.
type Received struct {
	Signature string // that its code has computed, or the value it compared with
	Secret    string // that its code uses
	Headers   string // that it got, a line each: "Name: value"
	Body      string // that its code has hashed
}

// A Finding is a mistake that was made.
type Finding struct {
	Mistake Mistake
	Detail  string // which way exactly: "JSON.stringify"; empty: there is nothing to add
}

// A Diagnosis is what Diagnose has found.
type Diagnosis struct {
	// Right tells that the signature is as it should be: the mistake is in what it is compared with.
	Right bool
	// Findings are the mistakes that together explain the signature, and what the headers, the body and the secret show by
	// themselves. Empty, and not Right: nothing that is known explains it.
	Findings []Finding
	// Known tells that the findings explain the signature.
	Known bool
}

// RelayScheme is the scheme of NewRelay, as others are described.
func RelayScheme() Scheme {
	return Scheme{Header: HeaderRelaySignature, TimestampHeader: HeaderRelayTimestamp, Content: "{timestamp}.{body}", Prefix: relayPrefix}.WithDefaults()
}

// StandardScheme is the scheme of NewStandard with secrets, as others are described.
func StandardScheme() Scheme {
	return Scheme{Header: HeaderStandardSignature, IDHeader: HeaderStandardID, TimestampHeader: HeaderStandardTimestamp,
		Content: "{id}.{timestamp}.{body}", Encoding: "base64", Prefix: versionHMAC, Separator: " ", Key: "base64"}.WithDefaults()
}

// mostHashed bounds the work of a diagnosis, in bytes hashed: about a third of a second. All that is tried with a body of
// 1 KiB takes less.
const mostHashed = 96 << 20

// mostMistakes is how many mistakes at a time are looked for.
const mostMistakes = 3

// Diagnose says which known mistakes explain what a receiver has made of a request. It tries all ways to be wrong, those
// with the fewest mistakes first.
func Diagnose(s Signed, r Received) Diagnosis {
	var d Diagnosis
	d.Findings = append(d.Findings, s.readHeaders(r.Headers)...)
	secret := strings.TrimSpace(r.Secret)
	told := secret != "" && !slices.Contains(s.Secrets, secret)
	if r.Signature != "" {
		forms := readSignature(r.Signature, s.Scheme)
		if len(forms) == 0 {
			d.Findings = append(d.Findings, Finding{NotASignature, ""})
			return d
		}
		x := search{signed: s, text: r.Signature, secret: r.Secret, forms: forms}
		if r.Body != "" {
			x.body = []byte(r.Body)
		}
		found, ok := x.run()
		if ok && len(found) == 0 {
			d.Right, d.Known = true, true
			return d
		}
		if d.Known = ok; ok {
			d.Findings = append(d.Findings, found...)
			return d
		}
	}
	if told {
		d.Findings = append(d.Findings, secretFinding(s, r.Secret)...)
	} else if r.Secret != secret {
		d.Findings = append(d.Findings, Finding{SecretWithBlanks, ""})
	}
	if r.Body != "" && r.Body != string(s.Body) {
		d.Findings = append(d.Findings, bodyFinding(s.Body, []byte(r.Body)))
	}
	if r.Signature == "" {
		d.Known = len(d.Findings) > 0
		d.Right = !d.Known && (r.Headers != "" || r.Secret != "" || r.Body != "")
	}
	return d
}

// secretFinding says what is wrong with a secret that is none of the webhook's.
func secretFinding(s Signed, secret string) []Finding {
	clean := strings.Trim(secret, " \t\r\n\"'")
	switch {
	case slices.Contains(s.Secrets, clean):
		return []Finding{{SecretWithBlanks, ""}}
	case slices.Contains(s.Former, clean):
		return []Finding{{OldSecret, ""}}
	case slices.ContainsFunc(s.Secrets, func(own string) bool { return own == prefixSecret+clean }) && s.Scheme.Key == "text":
		return []Finding{{SecretPrefixCut, ""}}
	case slices.ContainsFunc(s.Secrets, func(own string) bool { return own == prefixSecret+clean }):
		return nil // it may come without
	}
	return []Finding{{OtherSecret, ""}}
}

// bodyFinding says how a body differs from the one that was sent.
func bodyFinding(sent, got []byte) Finding {
	for _, v := range bodyVariants(sent) {
		if string(v.bytes) == string(got) {
			return Finding{v.mistake, v.detail}
		}
	}
	at := 0
	for at < len(sent) && at < len(got) && sent[at] == got[at] {
		at++
	}
	return Finding{BodyDiffers, strconv.Itoa(at)}
}

// readHeaders looks at the headers that arrived.
func (s *Signed) readHeaders(text string) (list []Finding) {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	got := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			got[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	want := make(map[string]string)
	if signer, err := NewSigner(s.Scheme, s.Secrets...); err == nil {
		signer.Fields(s.ID, s.Timestamp, s.Body, false, func(name, value string) { want[name] = value })
	}
	for _, h := range s.Scheme.names() {
		if h.name == "" || want[h.name] == "" {
			continue
		}
		switch value, ok := got[strings.ToLower(h.name)]; {
		case !ok:
			list = append(list, Finding{HeaderMissing, h.name})
		case value != want[h.name]:
			list = append(list, Finding{HeaderChanged, h.name})
		}
	}
	if date, err := time.Parse(time.RFC1123, got["date"]); err == nil {
		if off := date.Sub(time.Unix(s.Timestamp, 0)); off.Abs() > DefaultTolerance {
			list = append(list, Finding{ClockOff, off.Round(time.Second).String()})
		}
	}
	return list
}

// A form is a way to read a signature: the bytes that it may stand for.
type form struct {
	bytes   []byte
	mistake Mistake // empty: it is written as the scheme has it
}

// readSignature reads a signature in whatever form it was pasted.
func readSignature(text string, g Scheme) (list []form) {
	add := func(b []byte, err error, m Mistake) {
		if err == nil && (len(b) == sha256.Size || len(b) == sha1.Size || len(b) == sha512.Size) {
			list = append(list, form{b, m})
		}
	}
	inHex, inBase64 := Mistake(""), EncodingOther
	if g.Encoding == "base64" {
		inHex, inBase64 = EncodingOther, ""
	}
	if name, value, ok := strings.Cut(text, ":"); ok && isToken(strings.TrimSpace(name)) {
		text = value // a line of the header
	}
	// Commas separate versions and, in some schemes, signatures; what is no signature does not decode.
	for part := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n,\"'", c) }) {
		for _, prefix := range []string{relayPrefix, "sha1=", "sha512=", "v1=", g.Prefix} {
			part = strings.TrimPrefix(part, prefix)
		}
		if b, err := hex.DecodeString(part); err == nil {
			m := inHex
			if m == "" && part != strings.ToLower(part) {
				m = EncodingUpper
			}
			add(b, nil, m)
			continue
		}
		if b, err := decode(part); err == nil {
			add(b, nil, inBase64)
			if inner, err := hex.DecodeString(string(b)); err == nil {
				add(inner, nil, EncodingTwice)
			}
			continue
		}
		for _, e := range []*base64.Encoding{base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			if b, err := e.DecodeString(part); err == nil {
				m := inBase64
				if m == "" {
					m = EncodingURL
				}
				add(b, nil, m)
				break
			}
		}
	}
	return list
}

// A variant is a way to go wrong in one respect; without a mistake it is the right way.
type variant struct {
	bytes   []byte
	mistake Mistake
	detail  string
}

// count is how many mistakes it counts as. A clock has many values to try, so that it is not combined with much else.
func (v *variant) count() int {
	switch v.mistake {
	case "":
		return 0
	case TimestampOther:
		return 2
	}
	return 1
}

// search looks for the ways that lead to a signature.
type search struct {
	signed Signed
	text   string // the signature as it was pasted
	secret string // as the receiver has it
	body   []byte // as the receiver has it; nil: as it was sent, or in a known way changed
	forms  []form
	hashed int
}

// run returns the fewest mistakes that explain the signature; none: it is right. ok tells whether there is an explanation.
func (x *search) run() (found []Finding, ok bool) {
	keys, frames, bodies := x.keys(), x.frames(), bodyVariants(x.signed.Body)
	if x.body != nil && string(x.body) != string(x.signed.Body) {
		f := bodyFinding(x.signed.Body, x.body)
		bodies = append(bodies[:1:1], variant{x.body, f.Mistake, f.Detail})
	}
	for mistakes := 0; mistakes <= mostMistakes; mistakes++ {
		for k := range keys {
			for f := range frames {
				for b := range bodies {
					left := mistakes - keys[k].count() - frames[f].count() - bodies[b].count()
					if left < 0 {
						continue
					}
					if found, ok := x.try(&keys[k], &frames[f], &bodies[b], left); ok {
						return found, true
					}
					if x.hashed > mostHashed {
						return nil, false
					}
				}
			}
		}
		if mistakes == 1 {
			if found, ok := x.others(); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// others looks whether the signature is that of another scheme of the same request.
func (x *search) others() ([]Finding, bool) {
	for _, g := range x.signed.Others {
		other := *x
		other.signed.Scheme, other.forms = g, readSignature(x.text, g)
		if found, ok := other.right(); ok {
			return append([]Finding{{SchemeOther, g.Header}}, found...), true
		}
	}
	return nil, false
}

// right tries the right way only.
func (x *search) right() ([]Finding, bool) {
	for i := range x.signed.Secrets {
		key, err := x.signed.Scheme.key(x.signed.Secrets[i])
		if err != nil {
			continue
		}
		fill := x.fill(x.signed.Scheme.Content, strconv.FormatInt(x.signed.Timestamp, 10), x.signed.ID)
		if found, ok := x.try(&variant{bytes: key}, &variant{bytes: fill}, &variant{bytes: x.signed.Body}, 0); ok {
			return found, ok
		}
	}
	return nil, false
}

type hashing struct {
	name   string
	new    func() hash.Hash
	size   int
	plain  bool // not an HMAC: of the secret and the content, or the content alone
	keyed  bool // with plain: the secret comes first
	reason Mistake
}

var hashings = []hashing{
	{name: "sha256", new: sha256.New, size: sha256.Size}, {name: "sha1", new: sha1.New, size: sha1.Size}, {name: "sha512", new: sha512.New, size: sha512.Size},
	{name: "sha256", new: sha256.New, size: sha256.Size, plain: true, keyed: true, reason: NotHMAC}, {name: "sha256", new: sha256.New, size: sha256.Size, plain: true, reason: NotHMAC},
}

// try hashes one way to write key, content and body, with as many further mistakes in the hash and the form as are left.
func (x *search) try(key, frame, body *variant, left int) ([]Finding, bool) {
	before, after, _ := strings.Cut(string(frame.bytes), placeBody)
	for _, h := range hashings {
		reason := h.reason
		if reason == "" && h.name != x.signed.Scheme.Algorithm {
			reason = HashOther
		}
		n := (&variant{mistake: reason}).count()
		if n > left || !slices.ContainsFunc(x.forms, func(f form) bool { return len(f.bytes) == h.size }) {
			continue
		}
		var mac hash.Hash
		switch {
		case h.plain:
			mac = h.new()
			if h.keyed {
				mac.Write(key.bytes)
			} else if key.mistake != "" {
				continue // the key plays no part
			}
		default:
			mac = hmac.New(h.new, key.bytes)
		}
		mac.Write([]byte(before))
		mac.Write(body.bytes)
		mac.Write([]byte(after))
		x.hashed += len(before) + len(body.bytes) + len(after) + 128
		sum := mac.Sum(nil)
		for _, f := range x.forms {
			if !hmac.Equal(f.bytes, sum) || n+(&variant{mistake: f.mistake}).count() != left {
				continue
			}
			var found []Finding
			for _, v := range []*variant{key, frame, body, {mistake: reason, detail: h.name}, {mistake: f.mistake}} {
				if v.mistake != "" {
					found = append(found, Finding{v.mistake, v.detail})
				}
			}
			return found, true
		}
	}
	return nil, false
}
