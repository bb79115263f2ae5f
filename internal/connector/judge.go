package connector

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"
	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
)

// Verdict is the meaning of an answer.
type Verdict string

// The verdicts.
const (
	Delivered   Verdict = "delivered"
	Retry       Verdict = "retry"       // not now
	Throttle    Verdict = "throttle"    // the partner limits the rate: the connection waits
	Reauthorize Verdict = "reauthorize" // the credentials are not accepted
	Rejected    Verdict = "rejected"    // never
	Split       Verdict = "split"       // one of the profiles is at fault, and the answer does not say which
	Stop        Verdict = "stop"        // nothing more goes to this segment until a person acts
)

var verdicts = []string{string(Delivered), string(Retry), string(Throttle), string(Reauthorize), string(Rejected), string(Split), string(Stop)}

// matches are the ways to tell which item a result is about, and unmentioned the verdicts on items that have none.
var (
	matches     = []string{"index", "id", "rejectedList"}
	unmentioned = []string{string(Delivered), string(Retry), string(Rejected)}
)

// rule gives a verdict for answers.
type rule struct {
	when *expression
	then Verdict
	say  *template // nil: the status
	wait time.Duration
}

// results say how the answer tells about each item.
type results struct {
	path    *expression // a list
	match   string      // index, id, rejectedList
	idOf    string      // the member of the item that holds its id
	id      *expression // of a result; nil: its member of the name idOf
	ok      *expression
	code    *template
	message *template
	retry   *expression // of a result that is not ok; nil: it is final
	// unmentioned is what holds for items that the list does not name.
	unmentioned Verdict
}

func (p *parser) answers(o *definition.Object, d *Definition) {
	p.list(o, "answers", 50, func(n *yaml.Node, path string) {
		a := p.Object(n, path, "when", "then", "say", "wait")
		r := rule{when: p.expression(a.Get["when"], a.At("when"), scopeAnswer), wait: p.duration(a, "wait", 24*time.Hour)}
		if a.Get["when"] == nil {
			p.Add(n, a.At("when"), "must be given")
		}
		if r.then = Verdict(p.oneOf(a, "then", "", verdicts...)); r.then == "" {
			p.Add(n, a.At("then"), "must be one of %s", strings.Join(verdicts, ", "))
		}
		if say := a.Get["say"]; say != nil {
			r.say = p.template(say, a.At("say"), scopeAnswer, nil)
		}
		d.answers = append(d.answers, r)
	})
	n := o.Get["results"]
	if n == nil {
		return
	}
	r := p.Object(n, "results", "path", "match", "idOf", "id", "ok", "code", "message", "retry", "unmentioned")
	d.results = &results{
		path: p.expression(r.Get["path"], "results.path", scopeBody), match: p.oneOf(r, "match", "index", matches...),
		idOf: p.text(r, "idOf", 100), id: p.expression(r.Get["id"], "results.id", scopeResult), ok: p.expression(r.Get["ok"], "results.ok", scopeResult),
		code: p.template(r.Get["code"], "results.code", scopeResult, nil), message: p.template(r.Get["message"], "results.message", scopeResult, nil),
		retry: p.expression(r.Get["retry"], "results.retry", scopeResult),
	}
	if r.Get["path"] == nil {
		p.Add(n, "results.path", "must be given: where the answer lists the items")
	}
	def := string(Retry)
	if d.results.match == "rejectedList" {
		def = string(Delivered)
	} else if d.results.ok == nil {
		p.Add(n, "results.ok", "must be given unless match is rejectedList")
	}
	if d.results.match == "id" && d.results.idOf == "" {
		p.Add(n, "results.idOf", "must be given with the match id: the item's member that holds its id")
	}
	if d.results.idOf != "" && !isField.MatchString(d.results.idOf) {
		p.Add(r.Get["idOf"], "results.idOf", "must be the name of a member: letters, digits and _")
	}
	if d.results.id == nil && isField.MatchString(d.results.idOf) {
		d.results.id, _ = compileExpression("it."+d.results.idOf, scopeResult)
	}
	d.results.unmentioned = Verdict(p.oneOf(r, "unmentioned", def, unmentioned...))
}

// answer is a partner's answer.
type answer struct {
	status int
	header []Header
	body   []byte
	broken bool // the body is not whole
}

// judged is the meaning of an answer, for the whole and for each item.
type judged struct {
	Verdict Verdict
	Words   string
	Wait    time.Duration
	Items   []judgedItem // nil: the same for all
}

type judgedItem struct {
	Verdict Verdict // delivered, retry, rejected
	Words   string
}

// judge reads an answer to a request of the entries.
func (d *Definition) judge(a *Account, entries []*entry, ans *answer, now time.Time) judged {
	v := d.scopeOf(a, true)
	v.vars["status"] = int64(ans.status)
	header := make(map[string]any, len(ans.header))
	for _, h := range ans.header {
		header[strings.ToLower(h.Name)] = h.Value
	}
	v.vars["header"] = header
	// A body that is no JSON is a text: rules that look for members of it do not match.
	if ans.broken || v.set("body", ans.body) != nil {
		v.vars["body"] = string(ans.body)
	}
	first := entries[0].profile
	v.vars["segment"], v.vars["operation"] = map[string]any{"id": first.Payload.AudienceID}, string(first.Operation)
	j := d.rule(v, ans, len(entries), now)
	if d.results != nil && j.Verdict == Delivered {
		j.Items = d.results.judge(v, entries)
		for i := range j.Items {
			if it := &j.Items[i]; it.Verdict != Delivered && it.Words == "" {
				it.Words = j.Words
			}
		}
		if len(entries) == 1 && j.Items != nil {
			j.Verdict, j.Words = j.Items[0].Verdict, j.Items[0].Words
		}
	}
	return j
}

// rule applies the first rule that matches, else what holds for all definitions.
func (d *Definition) rule(v *values, ans *answer, n int, now time.Time) (j judged) {
	status := strconv.Itoa(ans.status) + " " + http.StatusText(ans.status)
	for i := range d.answers {
		r := &d.answers[i]
		if !r.when.holds(v) {
			continue
		}
		j = judged{Verdict: r.then, Wait: r.wait}
		if r.say != nil {
			j.Words, _ = r.say.text(v, nil)
		}
		if j.Words == "" && j.Verdict != Delivered {
			j.Words = "the partner answered " + status
		}
		break
	}
	if j.Verdict == "" {
		j.Words = "the partner answered " + status
		switch s := ans.status; {
		case s >= 200 && s <= 299:
			j = judged{Verdict: Delivered}
		case s == http.StatusUnauthorized:
			j.Verdict = Reauthorize
		case s == http.StatusTooManyRequests:
			j.Verdict = Throttle
		case s >= 500, s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusConflict:
			j.Verdict = Retry
		case n > 1 && (s == http.StatusBadRequest || s == http.StatusRequestEntityTooLarge || s == http.StatusUnprocessableEntity):
			j.Verdict = Split
		default:
			j.Verdict = Rejected
		}
	}
	if j.Verdict == Split && n == 1 {
		j.Verdict = Rejected
	}
	if j.Wait == 0 && (j.Verdict == Throttle || j.Verdict == Retry) {
		j.Wait = retryAfter(ans.header, now)
		if j.Wait == 0 && j.Verdict == Throttle {
			j.Wait = defaultThrottle
		}
	}
	return j
}

const (
	// defaultThrottle is how long a connection waits whose partner limits the rate and does not say for how long.
	defaultThrottle = 30 * time.Second
	maxThrottle     = 24 * time.Hour
)

// retryAfter reads the header Retry-After (RFC 9110 section 10.2.3).
func retryAfter(header []Header, now time.Time) time.Duration {
	for _, h := range header {
		if !strings.EqualFold(h.Name, "Retry-After") {
			continue
		}
		if seconds, err := strconv.ParseFloat(strings.TrimSpace(h.Value), 64); err == nil && seconds > 0 {
			return min(time.Duration(min(seconds, maxThrottle.Seconds())*float64(time.Second)), maxThrottle)
		}
		if t, err := http.ParseTime(h.Value); err == nil {
			return min(max(t.Sub(now), 0), maxThrottle)
		}
	}
	return 0
}

// judge returns the answer's verdict for each entry; nil: it has none.
func (r *results) judge(v *values, entries []*entry) []judgedItem {
	out := make([]judgedItem, len(entries))
	for i := range out {
		out[i] = judgedItem{Verdict: r.unmentioned}
		if r.unmentioned != Delivered {
			out[i].Words = "the partner's answer does not mention it"
		}
	}
	value, err := r.path.value(v)
	list, ok := value.(traits.Lister)
	if err != nil || !ok {
		return out
	}
	byID := make(map[string]int, len(entries))
	if r.match != "index" && r.idOf != "" {
		for i, e := range entries {
			if id, ok := e.itemID(r.idOf); ok {
				byID[id] = i
			}
		}
	}
	n := 0
	for it := list.Iterator(); it.HasNext() == types.True; n++ {
		v.vars["it"] = it.Next()
		i, ok := n, n < len(entries)
		if r.match == "id" || r.match == "rejectedList" && r.id != nil {
			i, ok = r.find(v, byID, len(entries))
		}
		if ok {
			out[i] = r.one(v)
		}
	}
	return out
}

// find returns the entry that a result is about.
func (r *results) find(v *values, byID map[string]int, n int) (int, bool) {
	value, err := r.id.value(v)
	if err != nil {
		return 0, false
	}
	if r.idOf == "" { // the id is an index
		i, ok := value.(types.Int)
		return int(i), ok && int(i) >= 0 && int(i) < n
	}
	text, err := textOf(v, value)
	i, ok := byID[text]
	return i, ok && err == nil
}

// one reads one result.
func (r *results) one(v *values) (j judgedItem) {
	if r.match != "rejectedList" && r.ok != nil && r.ok.holds(v) {
		return judgedItem{Verdict: Delivered}
	}
	j.Verdict = Rejected
	if r.retry != nil && r.retry.holds(v) {
		j.Verdict = Retry
	}
	var words []string
	for _, t := range []*template{r.code, r.message} {
		if t == nil {
			continue
		}
		if s, err := t.text(v, nil); err == nil && s != "" {
			words = append(words, s)
		}
	}
	j.Words = strings.Join(words, ": ")
	if j.Words == "" {
		j.Words = "the partner did not accept it"
	}
	return j
}

// itemID returns the member of an item by which the partner names it.
func (e *entry) itemID(name string) (string, bool) {
	v := newValues()
	x, err := v.decode(e.item)
	if err != nil {
		return "", false
	}
	m, ok := x.(map[string]any)
	if !ok || m[name] == nil {
		return "", false
	}
	return fmt.Sprint(m[name]), true
}
