package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
)

// Test is an example that a definition carries: a profile and the request that it makes, or an answer and what it means.
type Test struct {
	Name       string
	operation  Operation
	items      int
	payload    Payload
	connection map[string]string
	expect     *expectation
	skipped    bool // nothing is to be sent
	answer     *answer
	verdict    Verdict
	verdicts   []Verdict
	say        string
}

type expectation struct {
	method, url string
	headers     map[string]string
	body        []byte // JSON, or the text of a form
	ignore      []string
}

// TestResult is how a test ended.
type TestResult struct {
	Name   string
	Reason string // why it failed; empty: it passed
}

// testSendID is the send id of the i-th profile of a test, and what stands for it in the definition.
func testSendID(i int) string { return "snd_test_" + strconv.Itoa(i) }

func (p *parser) tests(o *definition.Object, d *Definition) {
	p.list(o, "tests", 200, func(n *yaml.Node, path string) {
		t := p.Object(n, path, "name", "payload", "operation", "items", "connection", "expect", "skipped", "answer", "verdict", "verdicts", "say")
		test := Test{
			Name: p.text(t, "name", 200), operation: Operation(p.oneOf(t, "operation", string(Enter), string(Enter), string(Update), string(Leave))),
			items: int(p.integer(t, "items", 1, maxProfiles)), skipped: p.Boolean(t, "skipped"), verdict: Verdict(p.oneOf(t, "verdict", "", verdicts...)),
			say: p.text(t, "say", 1000), connection: make(map[string]string),
		}
		if test.Name == "" {
			p.Add(n, t.At("name"), "must be given")
		}
		test.items = max(test.items, 1)
		if v := t.Get["payload"]; v != nil {
			var err error
			if test.payload, err = ParsePayload(p.plain(v, t.At("payload"))); err != nil {
				p.Add(v, t.At("payload"), "%v", err)
			}
		}
		if t.Get["payload"] == nil { // the meaning of the answer does not depend on it
			test.payload = Payload{
				PartnerIDs: []string{"id-1"}, AudienceID: "SEGMENT", ProfileID: "profile-1", SourceID: "source-1",
				Variables: json.RawMessage(`{"email":"ann@example.com","phone":"+4512345678"}`),
			}
		}
		if v := t.Get["connection"]; v != nil {
			c := p.Object(v, t.At("connection"))
			for _, name := range c.Names {
				if d.fieldNamed(name) == nil {
					p.Add(c.Get[name], c.At(name), "is no field of the connection")
				}
				test.connection[name] = p.scalar(c.Get[name], c.At(name), 4000)
			}
		}
		for i, v := range p.texts(t, "verdicts", maxProfiles) {
			if !slices.Contains(verdicts, v) {
				p.Add(t.Get["verdicts"], fmt.Sprintf("%s[%d]", t.At("verdicts"), i), "must be one of %s", strings.Join(verdicts, ", "))
			}
			test.verdicts = append(test.verdicts, Verdict(v))
		}
		p.expectation(t, &test)
		if v := t.Get["answer"]; v != nil {
			a := p.Object(v, t.At("answer"), "status", "headers", "body", "text")
			test.answer = &answer{status: int(p.integer(a, "status", 100, 599)), body: []byte(p.text(a, "text", 64<<10))}
			if b := a.Get["body"]; b != nil {
				test.answer.body = p.plain(b, a.At("body"))
			}
			if h := a.Get["headers"]; h != nil {
				all := p.Object(h, a.At("headers"))
				for _, name := range all.Names {
					test.answer.header = append(test.answer.header, Header{name, all.Get[name].Value})
				}
			}
		}
		if (test.verdict != "" || test.verdicts != nil) && test.answer == nil {
			p.Add(n, t.At("answer"), "must be given with a verdict")
		}
		if test.expect == nil && test.answer == nil && !test.skipped {
			p.Add(n, path, "must expect something: a request, skipped, or a verdict of an answer")
		}
		d.Tests = append(d.Tests, test)
	})
}

func (p *parser) expectation(t *definition.Object, test *Test) {
	v := t.Get["expect"]
	if v == nil {
		return
	}
	e := p.Object(v, t.At("expect"), "method", "url", "headers", "body", "form", "ignore")
	test.expect = &expectation{method: p.text(e, "method", 10), url: p.text(e, "url", 4000), ignore: p.texts(e, "ignore", 100), headers: make(map[string]string)}
	if h := e.Get["headers"]; h != nil {
		all := p.Object(h, e.At("headers"))
		for _, name := range all.Names {
			test.expect.headers[name] = all.Get[name].Value
		}
	}
	if b := e.Get["body"]; b != nil {
		test.expect.body = p.plain(b, e.At("body"))
	}
	if f := e.Get["form"]; f != nil {
		test.expect.body = []byte(p.scalar(f, e.At("form"), 64<<10))
	}
}

// plain returns a value as JSON, without expressions.
func (p *parser) plain(n *yaml.Node, path string) []byte {
	t := p.tree(n, path, scopeConnection, nil, 0)
	if t == nil {
		return []byte("null")
	}
	out, err := t.append(nil, newValues())
	if err != nil {
		p.Add(n, path, "must be a value without expressions")
		return []byte("null")
	}
	return out
}

// RunTests runs the definition's own tests.
func (d *Definition) RunTests(run func(script string, payload []byte) ([]byte, error)) (list []TestResult) {
	for i := range d.Tests {
		t := &d.Tests[i]
		r := TestResult{Name: t.Name}
		if err := d.runTest(t, run); err != nil {
			r.Reason = err.Error()
		}
		list = append(list, r)
	}
	return list
}

// example returns the account of a test: what it gives, else examples and defaults.
func (d *Definition) example(given map[string]string) *Account {
	a := &Account{Fields: make(map[string]string), Secrets: make(map[string]string)}
	for i := range d.Fields {
		f := &d.Fields[i]
		value, ok := given[f.Name]
		switch {
		case ok:
		case f.Example != "":
			value = f.Example
		case f.Default != "":
			value = f.Default
		case len(f.Enum) > 0:
			value = f.Enum[0]
		case f.Optional:
			continue
		case f.Type == "url":
			value = "https://partner.example/" + f.Name
		default:
			value = "example-" + f.Name
		}
		if f.Secret {
			a.Secrets[f.Name] = value
		} else {
			a.Fields[f.Name] = value
		}
	}
	return a
}

func (d *Definition) runTest(t *Test, run func(script string, payload []byte) ([]byte, error)) error {
	account := d.example(t.connection)
	var entries []*entry
	for i := range t.items {
		p := &Profile{Payload: t.payload, Operation: t.operation, SendID: testSendID(i)}
		e, err := d.prepare(account, p, func(payload []byte) ([]byte, error) {
			if run == nil {
				return nil, errors.New("there is nothing here that runs transforms")
			}
			return run(d.transform, payload)
		})
		var s skipped
		switch {
		case errors.As(err, &s) && t.skipped:
			return nil
		case err != nil:
			return err
		}
		entries = append(entries, e)
	}
	if t.skipped {
		return errors.New("it is sent, and should be skipped")
	}
	if t.expect != nil {
		got, err := d.build(account, entries, testSendID(0), true)
		if err != nil {
			return err
		}
		if err := t.expect.compare(got); err != nil {
			return err
		}
	}
	if t.answer == nil {
		return nil
	}
	ans := *t.answer
	for i := range entries {
		ans.body = []byte(strings.ReplaceAll(string(ans.body), `"#`+strconv.Itoa(i)+`"`, `"`+testSendID(i)+`"`))
	}
	j := d.judge(account, entries, &ans, time.Time{})
	return t.verdictIs(&j)
}

func (t *Test) verdictIs(j *judged) error {
	if t.verdict != "" && j.Verdict != t.verdict {
		return fmt.Errorf("the verdict is %s (%s), want %s", j.Verdict, j.Words, t.verdict)
	}
	if t.verdicts != nil {
		var got []Verdict
		for _, it := range j.Items {
			got = append(got, it.Verdict)
		}
		if !slices.Equal(got, t.verdicts) {
			return fmt.Errorf("the verdicts are %v, want %v", got, t.verdicts)
		}
	}
	if t.say == "" {
		return nil
	}
	words := j.Words
	for _, it := range j.Items {
		words += "\n" + it.Words
	}
	if !strings.Contains(words, t.say) {
		return fmt.Errorf("the words are %q, want %q", words, t.say)
	}
	return nil
}

// compare says how a request differs from the expected one.
func (e *expectation) compare(got *Request) error {
	switch {
	case e.method != "" && e.method != got.Method:
		return fmt.Errorf("the method is %s, want %s", got.Method, e.method)
	case e.url != "" && e.url != got.URL:
		return fmt.Errorf("the url is %s, want %s", got.URL, e.url)
	}
	for name, want := range e.headers {
		i := slices.IndexFunc(got.Header, func(h Header) bool { return strings.EqualFold(h.Name, name) })
		if i < 0 || got.Header[i].Value != want {
			return fmt.Errorf("the header %s is not %q: %v", name, want, got.Header)
		}
	}
	if e.body == nil {
		return nil
	}
	var a, b any
	if json.Unmarshal(e.body, &a) != nil || json.Unmarshal(got.Body, &b) != nil {
		if string(e.body) != string(got.Body) {
			return fmt.Errorf("the body is %s, want %s", got.Body, e.body)
		}
		return nil
	}
	for _, path := range e.ignore {
		steps := strings.Split(strings.TrimPrefix(path, "body."), ".")
		a, b = without(a, steps), without(b, steps)
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("the body is %s, want %s", got.Body, e.body)
	}
	return nil
}

// without removes the member that a path leads to.
func without(v any, path []string) any {
	switch x := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(x, path[0])
		} else if next, ok := x[path[0]]; ok {
			x[path[0]] = without(next, path[1:])
		}
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(x) && len(path) > 1 {
			x[i] = without(x[i], path[1:])
		}
	}
	return v
}
