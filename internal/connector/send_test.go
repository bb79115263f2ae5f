package connector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/exchange"
)

// listed is a connector of the kind list with results per item.
const listed = `connector: listed
version: 1.0.0
kind: list
name: Listed
partnerNumber: 2001
connection: {url: {title: Address, type: url}, token: {title: Token, secret: true}}
auth: {type: bearer, token: "${connection.token}"}
externalId: {use: required}
identifiers: {anyOf: [partnerIds], required: true, max: 1}
filter: payload.audienceVariables.?country.orValue("DK") != "XX"
item: {member: "${payload.partnerIds[0]}", ref: "${send.id}"}
aggregate: {maxProfiles: 100, maxWait: 200ms, maxBytes: 100000}
add: {method: PUT, url: "${connection.url}/lists/${segment.id}", headers: {Idempotency-Key: "${group.id}"}, body: {members: "${items}"}}
remove: {method: POST, url: "${connection.url}/lists/${segment.id}/remove", body: {members: "${items.map(i, i.member)}"}}
results: {path: body.results, match: id, idOf: ref, ok: "it.status == 'ok'", message: "${it.reason}", unmentioned: delivered}
answers:
  - {when: "status == 404", then: stop, say: "there is no list ${segment.id}: the External ID must match exactly"}
tests: [{name: one, payload: {partnerIds: [m1], partnerAudienceId: A}, expect: {method: PUT, body: {members: [{member: m1, ref: snd_test_0}]}}}]
`

func profiles(n int, segment string) map[string]connector.Profile {
	list := make(map[string]connector.Profile)
	for i := range n {
		id := fmt.Sprintf("p%03d", i)
		list[id] = connector.Profile{Payload: connector.Payload{PartnerIDs: []string{"m" + id}, AudienceID: segment, ProfileID: id}}
	}
	return list
}

func TestSend(t *testing.T) {
	t.Parallel()
	r, p := newRig(t, nil), newPartner(t)
	r.live(listed)
	it := r.connect("listed", map[string]string{"url": p.URL, "token": "s3cret-token-of-ours"})

	t.Run("bodies of a hundred, each profile in one", func(t *testing.T) {
		all := profiles(250, "A")
		for id, x := range profiles(50, "B") { // another list: requests of their own
			x.Payload.AudienceID = "B"
			all["b"+id] = x
		}
		for id, verdict := range r.send(newQueue(), it, all) {
			if verdict != "delivered" {
				t.Fatalf("%s: got %q", id, verdict)
			}
		}
		count := map[string]int{}
		for _, s := range p.got() {
			var body struct{ Members []struct{ Member string } }
			if err := json.Unmarshal([]byte(s.body), &body); err != nil || s.method != "PUT" || s.header.Get("Authorization") != "Bearer s3cret-token-of-ours" || s.header.Get("Idempotency-Key") == "" {
				t.Fatalf("got %+v, %v", s, err)
			}
			if len(body.Members) > 100 {
				t.Errorf("got %d members in a body", len(body.Members))
			}
			for _, m := range body.Members {
				count[s.url+m.Member]++
			}
		}
		if len(count) != 300 || len(p.got()) > 12 {
			t.Errorf("got %d members in %d requests", len(count), len(p.got()))
		}
		for m, n := range count {
			if n != 1 {
				t.Errorf("%s was sent %d times", m, n)
			}
		}
	})
	t.Run("results per item", func(t *testing.T) {
		p.answer = func(_ int, s *seen, w http.ResponseWriter) {
			io.WriteString(w, `{"results":[{"ref":"snd_p001","status":"no","reason":"no such member"}]}`)
		}
		got := r.send(newQueue(), it, profiles(3, "A1"))
		if got["p001"] != "rejected: no such member" || got["p000"] != "delivered" || got["p002"] != "delivered" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("one bad row of many", func(t *testing.T) {
		p.answer = func(_ int, s *seen, w http.ResponseWriter) {
			if strings.Contains(s.body, "mp013") {
				w.WriteHeader(400)
				io.WriteString(w, "bad request")
			}
		}
		for id, verdict := range r.send(newQueue(), it, profiles(40, "A2")) {
			if want := "delivered"; id != "p013" && verdict != want || id == "p013" && !strings.HasPrefix(verdict, "rejected: the partner answered 400") {
				t.Errorf("%s: got %q", id, verdict)
			}
		}
	})
	t.Run("not sent, and why", func(t *testing.T) {
		p.answer = nil
		before := len(p.got())
		got := r.send(newQueue(), it, map[string]connector.Profile{
			"none":    {Payload: connector.Payload{AudienceID: "A"}},
			"country": {Payload: connector.Payload{AudienceID: "A", PartnerIDs: []string{"x"}, Variables: []byte(`{"country":"XX"}`)}},
			"blank":   {Payload: connector.Payload{PartnerIDs: []string{"x"}}},
		})
		for id, want := range map[string]string{"none": "none of the identifiers", "country": "filter leaves the profile out", "blank": "externalId must not be blank"} {
			if !strings.Contains(got[id], want) {
				t.Errorf("%s: got %q, want %q", id, got[id], want)
			}
		}
		if n := len(p.got()) - before; n != 0 {
			t.Errorf("got %d requests", n)
		}
	})
	t.Run("stopped in the definition's words", func(t *testing.T) {
		p.answer = func(_ int, _ *seen, w http.ResponseWriter) { w.WriteHeader(404) }
		got := r.send(newQueue(), it, profiles(1, "a/../b"))
		if got["p000"] != "stop: there is no list a/../b: the External ID must match exactly" {
			t.Errorf("got %v", got)
		}
		if all := p.got(); all[len(all)-1].url != "/lists/a%2F..%2Fb" {
			t.Errorf("got the address %s", all[len(all)-1].url)
		}
	})
	t.Run("leaving", func(t *testing.T) {
		p.answer = nil
		x := profiles(1, "A3")["p000"]
		x.Operation = connector.Leave
		r.send(newQueue(), it, map[string]connector.Profile{"gone": x})
		all := p.got()
		if last := all[len(all)-1]; last.method != "POST" || last.url != "/lists/A3/remove" || last.body != `{"members":["mp000"]}` {
			t.Errorf("got %+v", last)
		}
	})
	t.Run("try", func(t *testing.T) {
		before := len(p.got())
		e, err := r.connectors.Get(r.who.Tenant, "listed", "")
		if err != nil {
			t.Fatal(err)
		}
		payload := []byte(`{"partnerIds":["m1","m2"],"partnerAudienceId":"A","profileId":"p1"}`)
		got, err := r.connectors.Try(context.Background(), r.who, e, it.Name, payload, "", false)
		if err != nil || got.Request == nil || string(got.Request.Body) != `{"members":[{"member":"m1","ref":"snd_try"}]}` || got.Request.URL != p.URL+"/lists/A" ||
			!strings.HasPrefix(string(got.Payload), `{"siteNumber":1234,"partnerNumber":2001,`) || got.Attempt != nil || len(p.got()) != before {
			t.Fatalf("got %+v, %v", got, err)
		}
		if i := slices.IndexFunc(got.Request.Header, func(f exchange.Field) bool { return f.Value == "Bearer ***" }); i < 0 {
			t.Errorf("got the header %v", got.Request.Header)
		}
		got, err = r.connectors.Try(context.Background(), r.who, e, it.Name, payload, "", true)
		if err != nil || got.Attempt == nil || got.Attempt.Outcome.String() != "delivered" || len(p.got()) != before+1 {
			t.Fatalf("sent: got %+v, %v", got, err)
		}
		for _, text := range []string{fmt.Sprint(got.Attempt.Request), string(got.Attempt.Request.Body)} {
			if strings.Contains(text, "s3cret") {
				t.Errorf("the log holds the token: %s", text)
			}
		}
	})
}

// TestLifeOfADefinition: it goes live with passing tests and a finished plan, and then no longer changes.
func TestLifeOfADefinition(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, nil)
	state := func(version string, to connector.State) error {
		_, err := r.connectors.SetState(ctx, r.who, "mine", version, to)
		return err
	}
	wants := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	draft := "connector: mine\nversion: 1.0.0\nrequest: {useCase: members}\n"
	if _, err := r.connectors.Create(ctx, r.who, draft); err != nil {
		t.Fatal(err)
	}
	wants("an unfinished draft", state("1.0.0", connector.Testing), "must be given")
	whole := "connector: mine\nversion: 1.0.0\nkind: message\nname: Mine\nconnection: {url: {type: url}}\nmessage: {url: \"${connection.url}\"}\nplan: [Mette has seen three]\n"
	if _, err := r.connectors.Replace(ctx, r.who, "mine", "1.0.0", whole); err != nil {
		t.Fatal(err)
	}
	wants("without tests", state("1.0.0", connector.Live), "has no tests")
	if _, err := r.connectors.Replace(ctx, r.who, "mine", "1.0.0", whole+"tests: [{name: fails, answer: {status: 500}, verdict: delivered}]\n"); err != nil {
		t.Fatal(err)
	}
	wants("a test that fails", state("1.0.0", connector.Live), `the test "fails" fails: the verdict is retry`)
	if _, err := r.connectors.Replace(ctx, r.who, "mine", "1.0.0", whole+"tests: [{name: passes, answer: {status: 500}, verdict: retry}]\n"); err != nil {
		t.Fatal(err)
	}
	wants("with an open plan", state("1.0.0", connector.Live), "Mette has seen three")
	if _, err := r.connectors.TickPlan(ctx, r.who, "mine", "1.0.0", "Mette has seen three", "a link"); err != nil {
		t.Fatal(err)
	}
	if err := state("1.0.0", connector.Live); err != nil {
		t.Fatal(err)
	}
	_, err := r.connectors.Replace(ctx, r.who, "mine", "1.0.0", whole)
	wants("a live one", err, "only drafts change")
	_, err = r.connectors.Create(ctx, r.who, strings.Replace(whole, "mine", "http", 1))
	wants("a standard name", err, "name of a standard connector")
	it := r.connect("mine", map[string]string{"url": "http://127.0.0.1:47999/"})
	wants("in use", r.connectors.Delete(ctx, r.who, "mine", "1.0.0"), "uses it")
	if err := r.connectors.DeleteConnection(ctx, r.who, it.Name); err != nil {
		t.Fatal(err)
	}
	if err := r.connectors.Delete(ctx, r.who, "mine", "1.0.0"); err != nil {
		t.Fatal(err)
	}
}
