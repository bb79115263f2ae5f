package gate

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// verdict is an endpoint's answer in mode decide:
//
//	{"decision":"accept"|"reject","respondent":{…},"reason":"…"}
//
// respondent (RFC 7396) changes the member of that name of the payload: members it holds replace those there, null
// removes one, the others stay. reason is kept beside the respondent. Other members are passed over.
type verdict struct {
	accept  bool
	changed *Payload // the payload with the changes; nil: there are none
	reason  string
}

// maxReason bounds a verdict's reason, in bytes.
const maxReason = 500

// readVerdict reads an answer about the payload. why describes the fault without repeating the answer.
func readVerdict(res *exchange.Response, payload []byte) (v verdict, why string) {
	const prefix = "the endpoint's answer is no decision: "
	if res.Truncated {
		return v, prefix + "it is longer than Relay reads"
	}
	body := bytes.TrimSpace(res.Body)
	if len(body) == 0 {
		return v, prefix + "it is empty"
	}
	if rawjson.Check(body, payloadLimits) != nil || body[0] != '{' {
		return v, prefix + "it is not a JSON object"
	}
	decision, _ := rawjson.Pick(body, "decision")
	switch text, _ := decision.String(); text {
	case "accept":
		v.accept = true
	case "reject":
	default:
		return v, prefix + `its member decision is neither "accept" nor "reject"`
	}
	if r, ok := rawjson.Pick(body, "reason"); ok && r.Kind == rawjson.String {
		text, _ := r.String()
		v.reason = clean(text)
	}
	patch, ok := rawjson.Pick(body, "respondent")
	switch {
	case !ok, patch.Kind == rawjson.Null, !v.accept:
		return v, ""
	case patch.Kind != rawjson.Object:
		return v, prefix + "its member respondent is not an object"
	}
	old, ok := rawjson.Pick(payload, "respondent")
	if !ok {
		return v, prefix + "there is no respondent to change"
	}
	merged := mergePatch(old.Raw, patch.Raw)
	if bytes.Equal(merged, old.Raw) {
		return v, ""
	}
	whole := make([]byte, 0, len(payload)+len(merged))
	whole = append(append(append(whole, payload[:old.Offset]...), merged...), payload[old.Offset+len(old.Raw):]...)
	var err error
	if v.changed, err = ParsePayload(whole); err != nil {
		var p *problem.Error
		names := "its member respondent"
		if errors.As(err, &p) && len(p.Fields) > 0 {
			names = p.Fields[0].Name
		}
		return verdict{}, prefix + names + " cannot be used"
	}
	return v, ""
}

// clean makes a text fit to be shown: without control characters and those that turn the direction of writing, and not too long.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
	for len(s) > maxReason {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// mergePatch applies a merge patch (RFC 7396 section 2) to a JSON value. Both were checked. What it does not touch stays
// byte for byte, and in its order.
func mergePatch(target, patch []byte) []byte {
	if len(patch) == 0 || patch[0] != '{' {
		return patch
	}
	if len(target) == 0 || target[0] != '{' {
		target = []byte("{}")
	}
	out := []byte{'{'}
	member := func(name []byte, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(rawjson.AppendQuoted(out, string(name)), ':')
		out = append(out, value...)
	}
	touched := false
	_ = rawjson.Members(target, payloadLimits, func(name []byte, v rawjson.Value) error {
		change, ok := rawjson.Pick(patch, string(name))
		switch {
		case !ok:
			member(name, v.Raw)
		case change.Kind == rawjson.Null:
			touched = true
		default:
			merged := mergePatch(v.Raw, change.Raw)
			touched = touched || !bytes.Equal(merged, v.Raw)
			member(name, merged)
		}
		return nil
	})
	_ = rawjson.Members(patch, payloadLimits, func(name []byte, v rawjson.Value) error {
		if _, there := rawjson.Pick(target, string(name)); !there && v.Kind != rawjson.Null {
			touched = true
			member(name, mergePatch(nil, v.Raw))
		}
		return nil
	})
	if !touched {
		return target
	}
	return append(out, '}')
}
