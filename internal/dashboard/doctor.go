package dashboard

import (
	"context"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// The signature doctor: somebody pastes what their code computed, and is told which of the known mistakes it made. Package
// signing finds it; nothing that is pasted is stored, logged or shown again.

// doctorView is the form of the doctor, and what it found.
type doctorView struct {
	Headers   []choice // the signatures of the request, by their headers
	Header    string
	Content   string // what is signed, as a template
	Encoding  string
	Diagnosis *diagnosisView // nil: nothing was asked yet
}

type diagnosisView struct {
	Right, Known bool
	Signature    bool // one was pasted
	Findings     []findingView
	Header       string
	Prefix       string // of the signature in the header
	Empty        bool   // nothing was pasted
}

type findingView struct{ What, Advice, Detail string }

// schemesOf returns the schemes by which requests to a webhook are signed with its secret.
func schemesOf(w *webhook.Webhook) (list []signing.Scheme) {
	if w.Signature == webhook.SignRelay || w.Signature == webhook.SignBoth {
		list = append(list, signing.RelayScheme())
	}
	if w.SignsStandard() {
		list = append(list, signing.StandardScheme())
	}
	return append(list, w.Signatures...)
}

// signedAs returns the request of an attempt as it was signed by each of the webhook's schemes that it has the headers of;
// none: it was not signed, its body is not known, or it was signed by a secret that is not known any more.
func signedAs(w *webhook.Webhook, a *delivery.Attempt) (list []signing.Signed) {
	if w == nil || a.Request.BodyMissing != "" || a.Follows() {
		return nil
	}
	s := signing.Signed{ID: a.Delivery().String(), Body: a.Request.Body}
	if a.Test {
		s.ID = headerValue(a.Request.Header, signing.HeaderStandardID)
	}
	switch {
	case !w.Secrets.RotatedAt.After(a.At):
		s.Secrets = []string{w.Secrets.Current}
		if w.Secrets.Previous != "" {
			s.Former = []string{w.Secrets.Previous}
			if w.Secrets.PreviousUntil.After(a.At) {
				s.Secrets = append(s.Secrets, w.Secrets.Previous)
			}
		}
	case w.Secrets.Previous != "":
		s.Secrets = []string{w.Secrets.Previous}
	default:
		return nil
	}
	for _, g := range schemesOf(w) {
		value := headerValue(a.Request.Header, g.Header)
		if value == "" {
			continue
		}
		one := s
		one.Scheme = g
		at := headerValue(a.Request.Header, g.TimestampHeader)
		if before, _, ok := strings.Cut(g.Value, "{timestamp}"); ok && g.TimestampHeader == "" && len(value) > len(before) {
			at = value[len(before):]
			at = at[:len(at)-len(strings.TrimLeft(at, "0123456789"))]
		}
		one.Timestamp = a.At.Unix()
		if n, err := strconv.ParseInt(at, 10, 64); err == nil {
			one.Timestamp = n
		}
		if id := headerValue(a.Request.Header, g.IDHeader); id != "" {
			one.ID = id
		}
		list = append(list, one)
	}
	for i := range list {
		for j := range list {
			if i != j {
				list[i].Others = append(list[i].Others, list[j].Scheme)
			}
		}
	}
	return list
}

// doctorOf returns the form for an attempt; nil if there is nothing that could be diagnosed.
func doctorOf(list []signing.Signed, header string) *doctorView {
	if len(list) == 0 {
		return nil
	}
	v := &doctorView{}
	chosen := pick(list, header)
	v.Header, v.Content, v.Encoding = chosen.Scheme.Header, chosen.Scheme.Content, chosen.Scheme.Encoding
	for _, s := range list {
		v.Headers = append(v.Headers, choice{s.Scheme.Header, s.Scheme.Header})
	}
	return v
}

// pick returns the signature of a header, and the first if there is none.
func pick(list []signing.Signed, header string) *signing.Signed {
	for i := range list {
		if list[i].Scheme.Header == header {
			return &list[i]
		}
	}
	return &list[0]
}

// attemptDoctor answers with what is wrong with a signature that somebody's code made of the attempt's request.
func (d *Dashboard) attemptDoctor(ctx context.Context, q *request) (answer, error) {
	a, err := d.attempt(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v := d.showAttempt(a)
	list := signedAs(v.Hook, a)
	doctor := doctorOf(list, q.value("header"))
	if doctor == nil {
		return answer{to: q.path("log", a.ID.Public(event.AttemptPrefix))}, nil
	}
	leave, err := d.Searches.Enter(ctx, q.who.Tenant) // it takes up to a second of computing
	if err != nil {
		return answer{}, err
	}
	defer leave()
	field := func(name string) string { return q.form.Get(name) }
	got := signing.Received{
		Signature: strings.TrimSpace(field("computed")), Secret: field("secret"), Headers: field("headers"),
		Body: strings.ReplaceAll(field("body"), "\r\n", "\n"), // as browsers write what was pasted
	}
	chosen := pick(list, doctor.Header)
	found := signing.Diagnose(*chosen, got)
	shown := &diagnosisView{
		Right: found.Right, Known: found.Known, Header: chosen.Scheme.Header, Prefix: chosen.Scheme.Prefix,
		Signature: got.Signature != "", Empty: got == signing.Received{},
	}
	for _, f := range found.Findings {
		what, advice := f.Mistake.Words()
		shown.Findings = append(shown.Findings, findingView{what, advice, f.Detail})
	}
	doctor.Diagnosis = shown
	if q.part {
		return answer{page: "attempt", block: "diagnosis-answer", title: "Signature doctor", data: doctor, secret: true}, nil
	}
	page, err := d.attemptPage(ctx, q)
	if view, ok := page.data.(*attemptPageView); ok {
		view.Doctor = doctor
		page.secret = true
	}
	return page, err
}
