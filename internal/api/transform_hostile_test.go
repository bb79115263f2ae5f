package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

// TestHostileTransforms sends every hostile script of the list through the whole engine, each a webhook's: the attempt fails with the
// reason, the delivery is given up by the policy, and others are delivered beside them and afterwards.
func TestHostileTransforms(t *testing.T) {
	if testenv.Race {
		return // each would take ten times as long
	}
	t.Parallel()
	w := newWorld(t)
	target, got := endpoint(t, func() int { return 200 })
	good := quote(`function transform(e) { return { body: "good " + e.data.n } }`)
	for _, transform := range []string{good, `""`} {
		w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+target+`","events":["good"],"transform":`+transform+`}`)
	}
	hooks := map[string]string{} // script by webhook
	for _, script := range []string{
		`while(true){}`,
		`let s='x'; for(;;) s+=s`,
		`'x'.repeat(1<<28)`,
		`'a'.padStart(5e8)`,
		`new Array(1e8).fill(1)`,
		`/^(?=(a+)+$)a/.test('a'.repeat(36)+'!')`,
		`/^(a+)+\1$/.test('a'.repeat(36)+'!')`,
		`2n**(2n**26n)`,
		`JSON.parse('['.repeat(1e6)+']'.repeat(1e6))`,
		`(function f(){f()})()`,
		`return {body:[...Array(3e6).keys()].map(String).sort()}`,
		`return {body:'x'.repeat(100<<20)}`,
		`return {get body(){ throw new Error('getter') }}`,
		`const o={toJSON(){return {o:{...o}}}}; return {body:o}`,
		`function* g(){for(;;) yield 1}; return {body:[...g()]}`,
		`return require('fs').readFileSync('/etc/passwd')`,
		`return process.exit(1)`,
		`return fetch('http://169.254.169.254/')`,
	} {
		var hook struct{ ID string }
		w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+target+`","events":["bomb"],"retry":{"attempts":1},"transform":`+
			quote("function transform(event) {\n"+script+"\n}")+`}`)
		hooks[hook.ID] = script
	}
	w.into(nil, 202, "POST", "/v1/events", `{"id":"bomb","type":"bomb","data":{"n":0}}`)
	for n := range 5 {
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"type":"good","data":{"n":%d}}`, n))
		for range 2 {
			if r := <-got; !strings.Contains(string(r.body), fmt.Sprint(n)) {
				t.Errorf("among bombs: got %s, want the good event %d", r.body, n)
			}
		}
	}
	for id, script := range hooks {
		var log page[attemptDoc]
		eventually(t, script+" has ended", func() bool {
			w.into(&log, 200, "GET", "/v1/webhooks/"+id+"/attempts", "")
			return len(log.Data) > 0
		})
		a := log.Data[0]
		if a.Outcome != "failed" || a.Error == nil || a.Error.Kind != "transform" || !strings.HasPrefix(a.Error.Message, "transform failed (") || a.Response != nil {
			t.Errorf("%s: got %+v, %+v; want it failed by the transform", script, a, a.Error)
		}
		t.Logf("%-60s %s", script, a.Error.Message)
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"good","data":{"n":9}}`)
	for range 2 {
		if r := <-got; !strings.Contains(string(r.body), "9") {
			t.Errorf("after bombs: got %s", r.body)
		}
	}
	select {
	case r := <-got:
		t.Errorf("an endpoint got %s from a bomb", r.body)
	default:
	}
}

// TestNothingStaysBetweenTransforms: no run sees what another did, of the same webhook or of another.
func TestNothingStaysBetweenTransforms(t *testing.T) {
	warmScripts(t)
	w := newWorld(t)
	target, got := endpoint(t, func() int { return 200 })
	const look = `[typeof globalThis.x, ({}).y === undefined, [].map.name, JSON.stringify(e.data), e.data.admin === undefined, Object.keys(({}).constructor.constructor('return this')())]`
	const want = `["undefined",true,"map","{\"__proto__\":{\"admin\":true}}",true,["transform"]]`
	for _, script := range []string{
		`function transform(e) { const seen = ` + look + `; globalThis.x = e.id; Object.prototype.y = 1; Array.prototype.map = () => []; JSON.stringify = () => "stolen"; return { body: seen } }`,
		`function transform(e) { return { body: ` + look + ` } }`,
	} {
		w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+target+`","transform":`+quote(script)+`}`)
	}
	for range 4 {
		w.into(nil, 202, "POST", "/v1/events", `{"type":"a","data":{"__proto__":{"admin":true}}}`)
		for range 2 {
			if r := <-got; string(r.body) != want && string(r.body) != "stolen" { // the poisoner may hurt itself, within its run
				t.Errorf("got %s, want %s", r.body, want)
			}
		}
	}
}
