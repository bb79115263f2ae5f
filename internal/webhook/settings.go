package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/signing"
)

// Limits of a webhook's settings.
const (
	maxEvents      = 100
	maxHeaders     = 32
	maxHeaderBytes = 8 << 10
	maxDescription = 1000
	maxURL         = 2048
	maxConcurrency = 1000
	maxWindows     = 50
	maxSignatures  = 4
	maxLabels      = 16
	maxLabel       = 64
	maxLabelValue  = 200
	maxWindow      = 14 * 24 * time.Hour // half the retention of held deliveries
	minPerSecond   = 0.01
	maxPerSecond   = 10_000
)

// Default returns the settings of a webhook of which only the URL is given.
func Default() Settings {
	return Settings{
		Events:    []string{"*"},
		Format:    format.Relay,
		Signature: SignRelay,
		Auth:      auth.Settings{Type: auth.None},
		Retry:     RelayRetry(),
		Timeout:   DefaultTimeout,
		Ordering:  OrderingNone,
	}
}

// DefaultFor returns the settings that a preset fills in at creation: "relay" or
// "push". Another name is an Invalid problem about the field "preset".
func DefaultFor(preset string) (Settings, error) {
	s := Default()
	switch preset {
	case PresetRelay:
	case PresetPush:
		s.Format, s.Signature, s.Retry = format.Push, SignNone, PushRetry()
	case "svix":
		s.Retry = Retry{Attempts: 8, Waits: []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour},
			MaxWait: 10 * time.Hour, MaxAge: 48 * time.Hour}
		s.Timeout = 30 * time.Second
		fallthrough
	case "github", "stripe":
		s.Format = format.Raw
		s.SetSignature(preset)
	default:
		return Settings{}, problem.InvalidField("preset", "must be one of %s", strings.Join(Presets(), ", "))
	}
	return s, nil
}

// Presets returns the names that DefaultFor takes.
func Presets() []string { return append([]string{PresetRelay, PresetPush}, signing.PresetNames()...) }

// compile returns the program of the filter, nil without one.
func (s *Settings) compile() (*filter.Program, error) {
	if s.Filter == "" {
		return nil, nil
	}
	p, err := filter.Compile(s.Filter)
	if err != nil {
		return nil, problem.InvalidField("filter", "does not compile: %v", err)
	}
	return p, nil
}

// URLChecker checks a URL as egress.Client does.
type URLChecker interface {
	CheckURL(ctx context.Context, raw string) (egress.Target, error)
	ParseURL(raw string) (egress.Target, error)
}

// Destinations checks settings whose destination is no HTTP endpoint, as destination.Table does.
type Destinations interface {
	CheckDestination(ctx context.Context, s *Settings) error
}

// findings collects all that is wrong with settings, so that a caller can put it right at once.
type findings []problem.Field

func (f *findings) add(field, format string, args ...any) {
	*f = append(*f, problem.Field{Name: field, Reason: fmt.Sprintf(format, args...)})
}

// take adds the fields of a problem; it returns an error that is none about fields.
func (f *findings) take(err error) error {
	var p *problem.Error
	if err == nil || !errors.As(err, &p) || p.Kind != problem.Invalid || len(p.Fields) == 0 {
		return err
	}
	*f = append(*f, p.Fields...)
	return nil
}

// err returns a problem that names everything; nil: nothing was found.
func (f findings) err() error {
	if len(f) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: f}
}

// normalize checks settings, brings them into their stored form and returns
// the parsed URL. Errors are *problem.Error and name every wrong field.
func (s *Settings) normalize(ctx context.Context, urls URLChecker, others Destinations) (egress.Target, error) {
	var none egress.Target
	var wrong findings
	switch {
	case !s.Destination.IsHTTP():
		if others == nil {
			return none, problem.InvalidField("destination.type", "this server has no destination %.40q", s.Destination.Type)
		}
		if err := wrong.take(others.CheckDestination(ctx, s)); err != nil {
			return none, err
		}
	case s.URL == "":
		wrong.add("url", "must be given: the https:// address events are sent to")
	case len(s.URL) > maxURL:
		wrong.add("url", "must have at most %d characters, got %d", maxURL, len(s.URL))
	}
	if len(s.Description) > maxDescription {
		wrong.add("description", "must have at most %d bytes, got %d", maxDescription, len(s.Description))
	}
	if s.Owner == "" && !format.Known(s.Format) {
		wrong.add("format", "must be one of %s, got %q", strings.Join(format.Names(), ", "), s.Format)
	}
	if !slices.Contains([]Signature{SignRelay, SignStandard, SignBoth, SignNone}, s.Signature) {
		wrong.add("signature", "must be one of %s, got %q", strings.Join(SignatureNames(), ", "), s.Signature)
	}
	s.checkSignatures(&wrong)
	if s.KeyPair && s.Signature != SignStandard && s.Signature != SignBoth {
		wrong.add("keyPair", "needs the signature %q or %q, got %q", SignStandard, SignBoth, s.Signature)
	}
	if s.Timeout < 100*time.Millisecond || s.Timeout > MaxTimeout {
		wrong.add("timeout", "must be 100ms to %v, got %v", MaxTimeout, s.Timeout)
	}
	if s.MaxConcurrency < 0 || s.MaxConcurrency > maxConcurrency {
		wrong.add("maxConcurrency", "must be 0 (adapt) to %d, got %d", maxConcurrency, s.MaxConcurrency)
	}
	switch {
	case len(s.Events) == 0:
		wrong.add("events", `must name at least one event type, or "*" for all`)
	case len(s.Events) > maxEvents:
		wrong.add("events", "must have at most %d entries, got %d", maxEvents, len(s.Events))
	case s.Owner == "" || s.Owner == HookOwner: // others have an internal type
		for i, pattern := range s.Events {
			if err := event.CheckPattern(pattern); err != nil {
				wrong.add(fmt.Sprintf("events[%d]", i), "%v", err)
			}
		}
	}
	s.checkHeaders(&wrong)
	s.checkLabels(&wrong)
	for i, code := range s.DisableOn {
		if code < 300 || code > 599 {
			wrong.add(fmt.Sprintf("disableOn[%d]", i), "must be a status code from 300 to 599, got %d", code)
		}
	}
	if err := wrong.take(s.Retry.normalize("retry")); err != nil {
		return none, err
	}
	s.normalizePacing(&wrong)
	if len(wrong) > 0 {
		return none, wrong.err() // a name is looked up for settings that could be kept
	}
	if !s.Destination.IsHTTP() {
		return none, nil
	}
	target, err := urls.CheckURL(ctx, s.URL)
	if err != nil {
		return none, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Name: "url", Reason: err.Error()}}}
	}
	s.URL = target.String()
	if s.Auth.Type == auth.MTLS && !strings.HasPrefix(s.URL, "https:") {
		return none, problem.InvalidField("auth.type", "%q needs an https:// url: a certificate is only shown over TLS", auth.MTLS)
	}
	return target, nil
}

// normalizeAuth checks the authentication in place of old, of a webhook whose
// URL was oldURL; both are zero for a new webhook. An authentication that has
// not changed is not checked again: a token server that cannot be looked up
// now, or a certificate that has expired, must not be in the way of another
// change.
func (s *Settings) normalizeAuth(ctx context.Context, urls URLChecker, oldURL string, old auth.Settings) error {
	kept := s.Auth
	kept.Keep(old)
	if kept != s.Auth && originOf(oldURL) != originOf(s.URL) {
		// As with a token server's address: whoever may change the URL may not
		// have secrets that were entered before sent to a place of their own.
		return problem.InvalidField("auth", "its credentials must be given again with a url that leads to another host: they were given for %s", originOf(oldURL))
	}
	s.Auth = kept
	if s.Auth == old {
		return nil
	}
	return s.Auth.Check(ctx, urls)
}

// originOf returns the scheme, host and port of a URL in its stored form.
func originOf(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	return scheme + "://" + host
}

// normalizePacing checks what says when deliveries are made.
func (s *Settings) normalizePacing(wrong *findings) {
	if s.Ordering == "" {
		s.Ordering = OrderingNone
	}
	if s.Ordering != OrderingNone && s.Ordering != OrderingFIFO {
		wrong.add("ordering", "must be %q or %q, got %q", OrderingNone, OrderingFIFO, s.Ordering)
	}
	s.checkBatch(wrong)
	if r := s.RateLimit; r != nil {
		if !(r.PerSecond >= minPerSecond && r.PerSecond <= maxPerSecond) {
			wrong.add("rateLimit.perSecond", "must be %v to %v, got %v", minPerSecond, maxPerSecond, r.PerSecond)
		}
		if r.Burst < 0 || r.Burst > maxPerSecond {
			wrong.add("rateLimit.burst", "must be 0 (as perSecond) to %v, got %d", maxPerSecond, r.Burst)
		}
		if r.Burst == 0 {
			s.RateLimit = &RateLimit{PerSecond: r.PerSecond, Burst: max(1, int(r.PerSecond))}
		}
	}
	if len(s.Maintenance) > maxWindows {
		wrong.add("maintenance", "must have at most %d windows, got %d", maxWindows, len(s.Maintenance))
		return
	}
	for i, w := range s.Maintenance {
		field := fmt.Sprintf("maintenance[%d]", i)
		switch {
		case w.From.IsZero():
			wrong.add(field+".from", "must be given")
		case w.To.IsZero():
			wrong.add(field+".to", "must be given")
		case !w.To.After(w.From):
			wrong.add(field+".to", "must be after from")
		case w.To.Sub(w.From) > maxWindow:
			wrong.add(field, "must be at most %d days long", int(maxWindow.Hours()/24))
		}
	}
}

func (s *Settings) checkBatch(wrong *findings) {
	b := s.Batch
	if b == nil {
		return
	}
	if b.MaxEvents < 1 || b.MaxEvents > MaxBatchEvents {
		wrong.add("batch.maxEvents", "must be 1 to %d, got %d", MaxBatchEvents, b.MaxEvents)
	}
	if b.MaxWait < 0 || b.MaxWait > MaxBatchWait {
		wrong.add("batch.maxWait", "must be 0s to %v, got %v", MaxBatchWait, b.MaxWait)
	}
	if b.MaxBytes < MinBatchBytes || b.MaxBytes > MaxBatchBytes {
		wrong.add("batch.maxBytes", "must be %d to %d, got %d", MinBatchBytes, MaxBatchBytes, b.MaxBytes)
	}
	if s.Ordering == OrderingFIFO {
		// The order is kept by the rows of single deliveries, which wait for each
		// other; a batch would have to wait for all keys in it.
		wrong.add("batch", "cannot be used together with ordering %q", OrderingFIFO)
	}
}

// checkLabels checks what the webhook belongs to.
func (s *Settings) checkLabels(wrong *findings) {
	if len(s.Labels) > maxLabels {
		wrong.add("labels", "must have at most %d entries, got %d", maxLabels, len(s.Labels))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if reason := CheckLabel(name, s.Labels[name]); reason != "" {
			wrong.add(fmt.Sprintf("labels[%q]", problem.Clip(name)), "%s", reason)
		}
	}
}

// CheckLabel returns what is wrong with a label, "" for one that may be.
func CheckLabel(name, value string) string {
	if name == "" || len(name) > maxLabel || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" {
		return fmt.Sprintf("must have a name of 1 to %d letters, digits, _, . and -", maxLabel)
	}
	if value == "" || len(value) > maxLabelValue || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Sprintf("must have a value of 1 to %d bytes of printable text", maxLabelValue)
	}
	return ""
}

// checkHeaders checks the headers of the webhook's own.
func (s *Settings) checkHeaders(wrong *findings) {
	if len(s.Headers) > maxHeaders {
		wrong.add("headers", "must have at most %d entries, got %d", maxHeaders, len(s.Headers))
		return
	}
	size := 0
	seen := make(map[string]bool, len(s.Headers))
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		value := s.Headers[name]
		field, lower := fmt.Sprintf("headers[%q]", name), strings.ToLower(name)
		size += len(name) + len(value) + 4
		if err := egress.CheckHeader(name, value); err != nil {
			wrong.add(field, "%v", err)
			continue
		}
		if seen[lower] {
			wrong.add(field, "is given twice, in different case")
		}
		seen[lower] = true
		if reason := s.ownedHeader(lower); reason != "" {
			wrong.add(field, "%s", reason)
		}
	}
	if size > maxHeaderBytes {
		wrong.add("headers", "must have at most %d bytes in all, got %d", maxHeaderBytes, size)
	}
	if s.Auth.Type == auth.APIKey {
		if reason := s.ownedHeader(strings.ToLower(s.Auth.Header)); reason != "" {
			wrong.add("auth.header", "%s", reason)
		}
	}
}

// ownedHeader returns why a header, in lower case, is not for a webhook to set; "": it is.
func (s *Settings) ownedHeader(lower string) string {
	switch {
	case lower == "user-agent" || lower == "content-type":
		return "is set by Relay"
	case s.signs(lower):
		return "is set by the signature"
	case lower == "traceparent" && s.Traceparent:
		return "is set by the setting traceparent"
	case lower == "content-encoding":
		return "would say that the body is encoded, which it is not"
	case s.Format == format.CloudEventsBinary && strings.HasPrefix(lower, format.CloudEventsHeader):
		return fmt.Sprintf("is set by the format %s, which has all headers that begin with %q", s.Format, format.CloudEventsHeader)
	}
	return ""
}

// OperationalPrefix begins the types of the events Relay itself publishes
// about webhooks. Globs match them only from this prefix on, so that "*" means
// the application's own events.
const OperationalPrefix = event.OperationalPrefix

// Wants reports whether the webhook asks for events of the type.
func (s *Settings) Wants(eventType string) bool {
	for _, p := range s.Events {
		if Matches(p, eventType) {
			return true
		}
	}
	return false
}

// Passes reports whether the webhook's filter lets the event through. A filter that cannot be evaluated counts as no
// match; the ledger explains why.
func (w *Webhook) Passes(ev *event.Event) bool {
	if w.Program == nil {
		return true
	}
	ok, err := w.Program.Match(context.Background(), ev)
	return ok && err == nil
}

// WantsEvent reports whether the webhook asks for the event, by type and by filter.
func (w *Webhook) WantsEvent(ev *event.Event) bool { return w.Wants(ev.Type) && w.Passes(ev) }

// Matches reports whether a pattern of "events" matches an event type. Internal
// types must be named.
func Matches(pattern, eventType string) bool {
	if pattern == eventType {
		return true
	}
	if !strings.Contains(pattern, "*") || event.IsInternal(eventType) {
		return false
	}
	if strings.HasPrefix(eventType, OperationalPrefix) && !strings.HasPrefix(pattern, OperationalPrefix) {
		return false
	}
	return event.Glob(pattern, eventType)
}
