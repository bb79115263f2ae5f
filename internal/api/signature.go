package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// SignatureForm is a signature in the form of another system.
type SignatureForm struct {
	Header          string `json:"header" doc:"the header with the signature" example:"\"X-Acme-Signature\""`
	Value           string `json:"value" doc:"the header's value" example:"\"t={timestamp},{signatures}\""`
	Content         string `json:"content" doc:"the signed text" example:"\"{timestamp}.{body}\""`
	Algorithm       string `json:"algorithm" enum:"sha256,sha1,sha512" doc:"the hash of the HMAC"`
	Encoding        string `json:"encoding" enum:"hex,base64"`
	Prefix          string `json:"prefix" doc:"of each signature" example:"\"v1=\""`
	Separator       string `json:"separator" doc:"between two signatures, while a rotation overlaps; empty: there is room for one" example:"\",\""`
	Key             string `json:"key" enum:"text,base64,hex" doc:"the key: the secret's bytes, or those it encodes"`
	IDHeader        string `json:"idHeader" doc:"a header with the id; empty: none" example:"\"X-Acme-Id\""`
	TimestampHeader string `json:"timestampHeader" doc:"a header with the timestamp; empty: none" example:"\"X-Acme-Timestamp\""`
}

// SignatureFormFields is a signature in the form of another system, as a caller sets it.
type SignatureFormFields struct {
	Header          string           `json:"header" required:"true" doc:"the header with the signature" example:"\"X-Acme-Signature\""`
	Value           rest.Opt[string] `json:"value" maxLength:"256" doc:"the header's value: {signatures}, and as wanted {timestamp} in unix seconds and {id} of the delivery" default:"\"{signatures}\"" example:"\"t={timestamp},{signatures}\""`
	Content         rest.Opt[string] `json:"content" maxLength:"256" doc:"the signed text: {body}, and as wanted {timestamp} and {id}" default:"\"{body}\"" example:"\"{timestamp}.{body}\""`
	Algorithm       rest.Opt[string] `json:"algorithm" enum:"sha256,sha1,sha512" doc:"the hash of the HMAC" default:"\"sha256\""`
	Encoding        rest.Opt[string] `json:"encoding" enum:"hex,base64" default:"\"hex\""`
	Prefix          rest.Opt[string] `json:"prefix" maxLength:"32" doc:"of each signature" default:"\"\"" example:"\"v1=\""`
	Separator       rest.Opt[string] `json:"separator" maxLength:"32" doc:"between two signatures, while a rotation overlaps; empty: there is room for one" default:"\"\"" example:"\",\""`
	Key             rest.Opt[string] `json:"key" enum:"text,base64,hex" doc:"the key: the secret's bytes (text), or those it encodes; a beginning whsec_ is no part of base64" default:"\"text\""`
	IDHeader        rest.Opt[string] `json:"idHeader" doc:"a header with the id; empty: none" default:"\"\"" example:"\"X-Acme-Id\""`
	TimestampHeader rest.Opt[string] `json:"timestampHeader" doc:"a header with the timestamp; empty: none" default:"\"\"" example:"\"X-Acme-Timestamp\""`
}

func (f *SignatureFormFields) scheme() signing.Scheme {
	return signing.Scheme{Header: f.Header, Value: f.Value.Value, Content: f.Content.Value, Algorithm: f.Algorithm.Value, Encoding: f.Encoding.Value,
		Prefix: f.Prefix.Value, Separator: f.Separator.Value, Key: f.Key.Value, IDHeader: f.IDHeader.Value, TimestampHeader: f.TimestampHeader.Value}
}

// signatureName is a signature that has a name.
type signatureName string

// Decode implements rest.Custom.
func (n *signatureName) Decode(v rawjson.Value) string {
	text, err := v.String()
	if err != nil {
		return "must be a text, got " + v.Kind.String()
	}
	return n.Parse(text)
}

// Parse implements rest.Custom.
func (n *signatureName) Parse(text string) string {
	*n = signatureName(text)
	names := webhook.SignatureNames()
	if slices.Contains(names, text) {
		return ""
	}
	reason := "must be one of " + strings.Join(names, ", ")
	if near := nearest.Of(text, slices.Values(names)); near != "" {
		reason += fmt.Sprintf("; did you mean %q?", near)
	}
	return reason
}

// Schema implements rest.Custom.
func (*signatureName) Schema() *rest.Schema {
	s := &rest.Schema{Type: "string"}
	for _, name := range webhook.SignatureNames() {
		s.Enum = append(s.Enum, name)
	}
	return s
}

// signature is one signature or several, in a request (F is SignatureFormFields) or an answer.
type signature[F any] struct {
	signatureOne[F]
	list []signatureOne[F] // not nil: instead of one
}

// signatureOne is a name or a form.
type signatureOne[F any] struct {
	name signatureName
	form F
	own  bool // it is a form
}

const wantSignature = "the name of a signature, or an object with a header"

// Forms implements rest.Choice.
func (s *signatureOne[F]) Forms() []any { return []any{&s.name, &s.form} }

// Form implements rest.Choice.
func (s *signatureOne[F]) Form(kind rawjson.Kind) (any, string) {
	switch kind {
	case rawjson.String:
		return &s.name, ""
	case rawjson.Object:
		s.own = true
		return &s.form, ""
	}
	return nil, wantSignature
}

// Forms implements rest.Choice.
func (s *signature[F]) Forms() []any { return append(s.signatureOne.Forms(), &s.list) }

// Form implements rest.Choice.
func (s *signature[F]) Form(kind rawjson.Kind) (any, string) {
	if kind == rawjson.Array {
		return &s.list, ""
	}
	place, want := s.signatureOne.Form(kind)
	return place, want + ", or a list of them"
}

// MarshalJSON implements json.Marshaler.
func (s signatureOne[F]) MarshalJSON() ([]byte, error) {
	if s.own {
		return json.Marshal(s.form)
	}
	return json.Marshal(s.name)
}

// MarshalJSON implements json.Marshaler.
func (s signature[F]) MarshalJSON() ([]byte, error) {
	if s.list != nil {
		return json.Marshal(s.list)
	}
	return s.signatureOne.MarshalJSON()
}

// applySignature changes settings as the caller asks.
func applySignature(f *signature[SignatureFormFields], s *webhook.Settings) error {
	list := f.list
	if list == nil {
		list = []signatureOne[SignatureFormFields]{f.signatureOne}
	}
	to := webhook.Settings{Signature: webhook.SignNone}
	var relay, standard bool
	for i, one := range list {
		if one.own {
			to.Signatures = append(to.Signatures, one.form.scheme())
			continue
		}
		switch name := string(one.name); webhook.Signature(name) {
		case webhook.SignRelay:
			relay = true
		case webhook.SignStandard:
			standard = true
		case webhook.SignBoth:
			relay, standard = true, true
		case webhook.SignNone:
			if len(list) > 1 {
				return problem.InvalidField(fmt.Sprintf("signature[%d]", i), "must be alone: %q is no signature", name)
			}
		default:
			preset, _ := signing.Preset(name)
			to.Signatures = append(to.Signatures, preset)
		}
	}
	switch {
	case len(list) == 0:
		return problem.InvalidField("signature", "must have an entry; %q stands for no signature", webhook.SignNone)
	case relay && standard:
		to.Signature = webhook.SignBoth
	case relay:
		to.Signature = webhook.SignRelay
	case standard:
		to.Signature = webhook.SignStandard
	}
	s.Signature, s.Signatures = to.Signature, to.Signatures
	return nil
}

func showSignature(s *webhook.Settings) (v signature[SignatureForm]) {
	if name := s.SignatureName(); name != webhook.SignCustom {
		v.name = signatureName(name)
		return v
	}
	if s.Signature != webhook.SignNone {
		v.list = append(v.list, signatureOne[SignatureForm]{name: signatureName(s.Signature)})
	}
	for i := range s.Signatures {
		one := signatureOne[SignatureForm]{name: signatureName(s.Signatures[i].Name())}
		if one.name == "" {
			one.own, one.form = true, SignatureForm(s.Signatures[i])
		}
		v.list = append(v.list, one)
	}
	if len(v.list) == 1 {
		v.signatureOne, v.list = v.list[0], nil
	}
	return v
}
