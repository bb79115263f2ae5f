package signing

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The ways to go wrong that Diagnose tries, in one respect each.

// keys returns the keys that a verifier may have used, the right ones first.
func (x *search) keys() (list []variant) {
	g := x.signed.Scheme
	add := func(b []byte, m Mistake, detail string) {
		if !slices.ContainsFunc(list, func(v variant) bool { return bytes.Equal(v.bytes, b) }) {
			list = append(list, variant{b, m, detail})
		}
	}
	for _, secret := range x.signed.Secrets {
		if key, err := g.key(secret); err == nil {
			add(key, "", "")
		}
	}
	ways := func(secret string) {
		cut := strings.TrimPrefix(secret, prefixSecret)
		asText := SecretNotDecoded
		if g.Key == "text" {
			asText = SecretPrefixCut
			if decoded, err := decode(cut); err == nil {
				add(decoded, SecretDecoded, "")
			}
			// Some decoders skip what is no base64, or take _ for a digit.
			if decoded, err := lenient(secret); err == nil {
				add(decoded, SecretDecoded, "")
			}
		} else {
			add([]byte(secret), SecretNotDecoded, "")
			if decoded, err := lenient(secret); err == nil {
				add(decoded, SecretNotCut, "")
			}
		}
		add([]byte(cut), asText, "")
		if digits, err := hex.DecodeString(cut); err == nil {
			add(digits, SecretDecoded, "hex")
		}
		for _, around := range [][2]string{{"", "\n"}, {"", "\r\n"}, {"", "\r"}, {"", " "}, {" ", ""}, {`"`, `"`}, {"'", "'"}} {
			add([]byte(around[0]+secret+around[1]), SecretWithBlanks, strconv.Quote(around[0]+"…"+around[1]))
		}
	}
	for _, secret := range x.signed.Secrets {
		ways(secret)
	}
	for _, secret := range x.signed.Former {
		if key, err := g.key(secret); err == nil {
			add(key, OldSecret, "")
		}
		add([]byte(secret), OldSecret, "")
	}
	add(nil, SecretEmpty, "")
	if secret := strings.TrimSpace(x.secret); secret != "" {
		if key, err := g.key(secret); err == nil {
			add(key, OtherSecret, "")
		}
		add([]byte(secret), OtherSecret, "")
		add([]byte(x.secret), OtherSecret, "")
	}
	return list
}

// lenient decodes base64 as Node.js does: in both alphabets, and without padding.
func lenient(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(s), "=")
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// fill fills the template of the content but for the body.
func (x *search) fill(content, timestamp, id string) []byte {
	return []byte(strings.NewReplacer(placeTimestamp, timestamp, placeID, id).Replace(content))
}

// frames returns the contents that a verifier may have signed, with {body} in its place; the right one first.
func (x *search) frames() (list []variant) {
	s, content := &x.signed, x.signed.Scheme.Content
	at := strconv.FormatInt(s.Timestamp, 10)
	add := func(content, timestamp, id string, m Mistake, detail string) {
		b := x.fill(content, timestamp, id)
		if !slices.ContainsFunc(list, func(v variant) bool { return bytes.Equal(v.bytes, b) }) {
			list = append(list, variant{b, m, detail})
		}
	}
	add(content, at, s.ID, "", "")
	hasTime, hasID := strings.Contains(content, placeTimestamp), strings.Contains(content, placeID)
	var members struct {
		ID        string `json:"id"`
		WebhookID string `json:"webhookId"`
		Timestamp string `json:"timestamp"`
		Data      struct {
			SID     string `json:"sid"`
			EventID string `json:"eventId"`
			ID      string `json:"id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(s.Body, &members) // what it lacks is not tried
	if hasTime {
		add(strings.ReplaceAll(content, placeTimestamp+".", ""), at, s.ID, TimestampMissing, "")
		for _, between := range []string{"", ":", " ", ",", "\n", "_", "-", "|"} {
			add(strings.ReplaceAll(content, "}.{", "}"+between+"{"), at, s.ID, PeriodMissing, strconv.Quote(between))
		}
		moment := time.Unix(s.Timestamp, 0).UTC()
		add(content, at+"000", s.ID, TimestampMilliseconds, "")
		for _, date := range []string{members.Timestamp, moment.Format(time.RFC3339), moment.Format("2006-01-02T15:04:05.000Z"), moment.Format(time.RFC1123), at + ".0", "", "undefined", "null", "None"} {
			if date != at {
				add(content, date, s.ID, TimestampForm, strconv.Quote(date))
			}
		}
		add(strings.ReplaceAll(strings.ReplaceAll(content, placeTimestamp+"."+placeBody, placeBody+"."+placeTimestamp), placeBody+placeBody, placeBody), at, s.ID, OrderOther, "")
	}
	if hasID {
		add(strings.ReplaceAll(content, placeID+".", ""), at, s.ID, IDMissing, "")
		for _, id := range []string{members.WebhookID, members.ID, members.Data.SID, members.Data.EventID, members.Data.ID, ""} {
			if id != s.ID {
				add(content, at, id, IDOther, strconv.Quote(id))
			}
		}
	} else if s.ID != "" {
		add(placeID+"."+content, at, s.ID, IDAdded, "")
	}
	if s.Scheme.Prefix != "" {
		add(s.Scheme.Prefix+content, at, s.ID, PrefixHashed, "")
	}
	if hasTime {
		// The verifier's own clock, within the tolerance; where it is right by chance nothing is wrong.
		for off := int64(1); off <= int64(DefaultTolerance/time.Second); off++ {
			for _, t := range []int64{s.Timestamp + off, s.Timestamp - off} {
				list = append(list, variant{x.fill(content, strconv.FormatInt(t, 10), s.ID), TimestampOther, strconv.FormatInt(t, 10)})
			}
		}
	}
	return list
}

// bodyVariants returns the bodies that a verifier may have hashed, the one that was sent first.
func bodyVariants(body []byte) []variant {
	list := []variant{{body, "", ""}}
	add := func(b []byte, m Mistake, detail string) {
		if !slices.ContainsFunc(list, func(v variant) bool { return bytes.Equal(v.bytes, b) }) {
			list = append(list, variant{b, m, detail})
		}
	}
	text := string(body)
	add([]byte(text+"\n"), BodyLineEnd, `"\n"`)
	add([]byte(text+"\r\n"), BodyLineEnd, `"\r\n"`)
	add(bytes.TrimSpace(body), BodyLineEnd, "")
	add(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")), BodyLineEnd, `"\r\n"`)
	add(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), BodyLineEnd, `"\n"`)
	for _, s := range []string{"[object Object]", "undefined", "null", "None", "{}", "Array", "b'" + text + "'", `b"` + text + `"`} {
		add([]byte(s), BodyObject, clipped(s))
	}
	add(nil, BodyEmpty, "")
	if misread := latin1(text); misread != text {
		add([]byte(misread), BodyCharset, "ISO 8859-1")
		add([]byte(strings.Map(toASCII, text)), BodyCharset, "ASCII")
	}
	for _, w := range writers {
		if b, ok := w.write(body); ok {
			add(b, BodyReserialized, w.name)
		}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) == nil && members["data"] != nil {
		add(members["data"], BodyOnlyData, "")
		for _, w := range writers[:2] {
			if b, ok := w.write(members["data"]); ok {
				add(b, BodyOnlyData, w.name)
			}
		}
	}
	return list
}

func clipped(s string) string {
	if len(s) > 16 {
		return s[:2] + "…" + s[len(s)-1:]
	}
	return s
}

// latin1 is what becomes of UTF-8 that is taken for ISO 8859-1 and written again.
func latin1(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

func toASCII(c rune) rune {
	if c >= utf8.RuneSelf {
		return '?'
	}
	return c
}
