package connector

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func parsed(t testing.TB, document string) *Definition {
	t.Helper()
	d, err := Parse(document)
	if err != nil {
		t.Fatalf("parsing:\n%v", err)
	}
	return d
}

func TestDefinitionPassesItsTests(t *testing.T) {
	d := parsed(t, read(t, "testdata/bonuskort.yaml"))
	for _, r := range d.RunTests(nil) {
		if r.Reason != "" {
			t.Errorf("%s: %s", r.Name, r.Reason)
		}
	}
	if got := d.Capabilities(); !slices.Equal(got, []string{"add", "remove", "check"}) || len(d.Tests) != 2 {
		t.Errorf("got %v and %d tests", got, len(d.Tests))
	}
}

// shortest is the least that a definition must say.
const shortest = `connector: hook
version: 1.0.0
kind: message
name: Hook
partnerNumber: 2001
hosts: [api.example.com]
message: {method: POST, url: "https://api.example.com/in"}
`

func TestFaultsHaveLineAndColumn(t *testing.T) {
	for _, tt := range []struct {
		name, document, want string
	}{
		{"unknown key", shortest + "mesage: {}\n", `line 8, column 1: mesage is not known; did you mean "message"?`},
		{"unknown key deep", strings.Replace(shortest, "{method: POST,", "{metod: POST,", 1), "line 7, column 11: message.metod is not known"},
		{"a country", shortest + "connection:\n  region: {enum: [dk, no]}\n", "line 9, column 23: connection.region.enum[1] must be in quotes"},
		{"not compiling", shortest + "filter: payload.data.x ==\n", "line 8, column 9: filter \"payload.data.x ==\" does not compile"},
		{"wrong name", shortest + "filter: profil.data\n", "undeclared reference to 'profil' (did you mean 'profile'?); here there are payload"},
		{"no brace", shortest + "item: {a: \"${payload\"}\n", "line 8, column 11: item.a has a ${ without its }"},
		{"host of a profile", strings.Replace(shortest, "api.example.com/in", "${payload.profileId}.example.com/in", 1), "message.url must not take its host from anything but a connection field"},
		{"unencrypted", strings.Replace(shortest, "https:", "http:", 1), "message.url must begin with https://"},
		{"syntax", "connector: [\n", "line 1, column 1: the document cannot be read"},
		{"empty", "", "must not be empty"},
		{"alias", "connector: &a x\nversion: *a\n", "no anchors and aliases"},
		{"twice", shortest + "name: again\n", "line 8, column 1: name is given twice"},
		{"version", strings.Replace(shortest, "1.0.0", "1.0", 1), `version must be three numbers`},
		{"credentials", strings.Replace(shortest, "in\"}", "in\", headers: {authorization: x}}", 1), "cannot be set"},
		{"no test of anything", shortest + "tests: [{name: a}]\n", "tests[0] must expect something"},
		{"JSON", `{"connector":"a","verson":"1.0.0"}`, `line 1, column 18: verson is not known`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.document)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDraftMayLackRequests(t *testing.T) {
	_, faults := parse("connector: wanted\nversion: 0.0.1\nrequest: {apiDocs: https://a.example, contact: Mette, useCase: members, dueDate: 2027-02-01}\n")
	if len(faults) == 0 || !faults.OnlyMissing() {
		t.Errorf("got %v, want only what is missing", faults)
	}
}

// example is the payload of custom-connectors.txt, "Data sent through custom connectors".
const example = `{
  "siteNumber": 1234,
  "partnerNumber": 2001,
  "partnerAudienceId": "2582431",
  "relay42AudienceNumber": 101,
  "partnerIds": ["037f9dcf-e108-481a-8ad2-e6988e1acfa7"],
  "audienceVariables": {"TestVar": "testValue"},
  "profileId": "29401b86-7c96-43d6-a40d-9f0ea670e19f",
  "sourceId": "94844bd8-f129-480d-a1c9-e806d177d15a",
  "data": {"Custom": "Test Custom"}
}`

// compact is example without its blanks between the members.
var compact = strings.NewReplacer("\n  ", "", "\n}", "}", `": `, `":`).Replace(example)

func TestPayloadIsTheDocumented(t *testing.T) {
	p, err := ParsePayload([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Append(nil)); got != compact {
		t.Errorf("got  %s\nwant %s", got, compact)
	}
	d := parsed(t, shortest)
	e, err := d.prepare(&Account{}, &Profile{Payload: p, Operation: Enter, SendID: "s"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.build(&Account{}, []*entry{e}, "s", false)
	if err != nil || string(r.Body) != compact || r.Method != "POST" || r.URL != "https://api.example.com/in" {
		t.Errorf("got %+v, %v, want the payload as it is", r, err)
	}
	if got := string((&Payload{}).Append(nil)); got != `{"siteNumber":0,"partnerNumber":0,"partnerAudienceId":"","relay42AudienceNumber":0,"partnerIds":[],"audienceVariables":{},"profileId":"","sourceId":"","data":{}}` {
		t.Errorf("empty: got %s", got)
	}
	if _, err := ParsePayload([]byte(`{"tenth":1}`)); err == nil {
		t.Error("a tenth member is accepted")
	}
}

// TestProfilesCannotLeaveTheirPlace: values of a profile are data, wherever a definition puts them.
func TestProfilesCannotLeaveTheirPlace(t *testing.T) {
	d := parsed(t, `connector: a
version: 1.0.0
kind: message
name: A
hosts: [api.example.com]
connection: {key: {title: Key, secret: true}}
message: {method: POST, url: "https://api.example.com/p/${payload.profileId}?q=${payload.profileId}", headers: {X-Id: "${payload.profileId}"}, body: {id: "${payload.profileId}", key: "${connection.key}"}}
`)
	for _, tt := range []struct{ value, url, body string }{
		{"a/b?c#d", "https://api.example.com/p/a%2Fb%3Fc%23d?q=a%2Fb%3Fc%23d", `{"id":"a/b?c#d","key":"s3cret"}`},
		{"../x", "https://api.example.com/p/..%2Fx?q=..%2Fx", `{"id":"../x","key":"s3cret"}`},
		{"..", "", ""},
		{"${1+1}", "https://api.example.com/p/$%7B1+1%7D?q=%24%7B1%2B1%7D", `{"id":"${1+1}","key":"s3cret"}`},
		{`","x":"`, "https://api.example.com/p/%22%2C%22x%22:%22?q=%22%2C%22x%22%3A%22", `{"id":"\",\"x\":\"","key":"s3cret"}`},
		{"@evil.example", "https://api.example.com/p/@evil.example?q=%40evil.example", `{"id":"@evil.example","key":"s3cret"}`},
	} {
		a := &Account{Secrets: map[string]string{"key": "s3cret"}}
		e, err := d.prepare(a, &Profile{Payload: Payload{ProfileID: tt.value}, Operation: Enter}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.build(a, []*entry{e}, "g", false)
		if tt.url == "" {
			if err == nil {
				t.Errorf("%q: got %s, want it refused", tt.value, r.URL)
			}
			continue
		}
		if err != nil || r.URL != tt.url || string(r.Body) != tt.body {
			t.Errorf("%q: got %+v %s, %v", tt.value, r, r.Body, err)
		}
		if r, _ := d.build(a, []*entry{e}, "g", true); strings.Contains(string(r.Body), "s3cret") {
			t.Errorf("shown: got %s", r.Body)
		}
	}
}

func TestNoExpressionSeesASecret(t *testing.T) {
	with := func(rest string) string {
		return shortest + "connection: {key: {title: Key, secret: true}}\n" + rest
	}
	d := parsed(t, with("item: {a: \"x${connection.?key.orValue('none')}\"}\n"))
	e, err := d.prepare(&Account{Secrets: map[string]string{"key": "s3cret"}}, &Profile{Operation: Enter}, nil)
	if err != nil || string(e.item) != `{"a":"xnone"}` {
		t.Errorf("got %s, %v", e.item, err)
	}
}

func TestObjectsKeepTheirBytes(t *testing.T) {
	d := parsed(t, shortest+"item: {all: \"${payload.data}\", one: \"${payload.data.z}\", n: \"${payload.data.n}\", gone: \"${payload.data.none}\"}\n")
	p := Payload{Data: []byte(`{"z":{"b":1.10,"a":12345678901234567890},"n":7}`)}
	e, err := d.prepare(&Account{}, &Profile{Payload: p, Operation: Enter}, nil)
	if want := `{"all":{"z":{"b":1.10,"a":12345678901234567890},"n":7},"one":{"b":1.10,"a":12345678901234567890},"n":7}`; err != nil || string(e.item) != want {
		t.Errorf("got  %s, %v\nwant %s", e.item, err, want)
	}
}

func TestExternalID(t *testing.T) {
	required := parsed(t, shortest+"externalId: {use: required, pattern: '^ ?[A-Za-z]+ ?$'}\n")
	optional := parsed(t, shortest+"externalId: {use: optional}\n")
	unused := parsed(t, shortest)
	for _, tt := range []struct {
		d        *Definition
		id, want string
	}{
		{required, "", "must not be blank"}, {required, " Ab ", ""}, {required, "a1", "must match"},
		{optional, "", ""}, {optional, strings.Repeat("x", 513), "at most 512"}, {optional, "a\x00", "control"},
		{unused, "", ""}, {unused, "x", "is not used"},
	} {
		if got := tt.d.CheckExternalID(tt.id); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.id, got, tt.want)
		}
	}
	e, err := optional.prepare(&Account{}, &Profile{Payload: Payload{AudienceID: " Ab "}, Operation: Enter}, nil)
	if err != nil || !strings.Contains(string(e.item), `"partnerAudienceId":" Ab "`) {
		t.Errorf("got %s, %v, want it byte for byte", e.item, err)
	}
}

func TestCallsShowTheirSource(t *testing.T) {
	d, err := Parse(`connector: club
version: 1.0.0
kind: list
name: Club
connection: {url: {type: url}, key: {secret: true}}
check: {method: GET, url: "${connection.url}/me"}
add: {method: PUT, url: "${connection.url}/lists/${ segment.id }", body: {members: "${items}"}}
remove: {url: "${connection.url}/remove?key=${connection.key}"}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Call{
		{"add", "PUT", "${connection.url}/lists/${segment.id}", "JSON"}, {"remove", "POST", "${connection.url}/remove?key=${connection.key}", "the payload"},
		{"check", "GET", "${connection.url}/me", ""},
	}
	if got := d.Calls(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
