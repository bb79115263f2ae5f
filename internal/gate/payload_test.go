package gate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/problem"
)

// example is the payload of respondent-gate.txt, "Here is an example:", with the braces that the text has lost.
const example = `{
        "campaignId": 5000,
        "respondent": {
            "address1": "Surveystreet 42",
            "city": "Copenhagen",
            "country": "Denmark",
            "zipCode": "1000",
            "emailAddress": "",
            "firstName": "John",
            "lastName": "doe",
            "title": "Mr.",
            "company": {
                "name": "Acme INC.",
                "emailAddress": "",
                "industry": "Outdoor Equipment"
            },
            "phoneNumber": "+4512345678"
        },
        "note": "The customer bought several items, seemed very happy",
        "employee": {
            "email": "",
            "firstName": "Jane",
            "lastName": "Doe",
            "title": "Customer Relations Expert",
            "department": "Customer Service",
            "team": "A",
            "division": "Nordics"
        },
        "sender": {
            "email": "",
            "firstName": "Jane",
            "lastName": "Doe"
        },
        "doNotContact": false,
        "custom": {
            "key1": "Put any valid json here, note that this is still partly in development",
            "key2": "Some data from a phone system"
        }
}`

func TestDocumentedExample(t *testing.T) {
	p, err := ParsePayload([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := Payload{
		Raw: []byte(example), CampaignID: 5000,
		Respondent: Person{
			Address1: "Surveystreet 42", City: "Copenhagen", Country: "Denmark", ZipCode: "1000", FirstName: "John", LastName: "doe", Title: "Mr.",
			PhoneNumber: "+4512345678", Company: Company{Name: "Acme INC.", Industry: "Outdoor Equipment"},
		},
		Note:     "The customer bought several items, seemed very happy",
		Employee: Employee{FirstName: "Jane", LastName: "Doe", Title: "Customer Relations Expert", Department: "Customer Service", Team: "A", Division: "Nordics"},
		Sender:   Sender{FirstName: "Jane", LastName: "Doe"},
	}
	if string(p.Raw) != example {
		t.Errorf("got the document %s, want it byte for byte", p.Raw)
	}
	if p.Respondent != want.Respondent || p.Note != want.Note || p.Employee != want.Employee || p.Sender != want.Sender || p.CampaignID != 5000 || p.DoNotContact {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if !strings.HasPrefix(string(p.Custom), "{\n") || !strings.Contains(string(p.Custom), "Some data from a phone system") {
		t.Errorf("got custom %s", p.Custom)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("got warnings %v, want none", p.Warnings)
	}
	if got := Extra(p.Raw); got != nil {
		t.Errorf("got extra members %s, want none", got)
	}
}

func TestPayloadIsTolerant(t *testing.T) {
	p, err := ParsePayload([]byte(`  {"campaignId":"7","x":{"a":[1]},"respondent":{"zipCode":1000,"nick":"J","company":null,"phoneNumber":"+4512345678"},
		"doNotContact":true,"custom":[1.10,null],"employee":null,"note":null,"id":12,"y":1} `))
	if err != nil {
		t.Fatal(err)
	}
	if p.CampaignID != 7 || p.Respondent.ZipCode != "1000" || !p.DoNotContact || string(p.Custom) != "[1.10,null]" || p.OwnID != "12" {
		t.Errorf("got %+v", p)
	}
	if got, want := string(Extra(p.Raw)), `{"x":{"a":[1]},"y":1}`; got != want {
		t.Errorf("got extra members %s, want %s", got, want)
	}
	if len(p.Warnings) != 1 || p.Warnings[0].Name != "respondent.zipCode" {
		t.Errorf("got warnings %v, want one about the zip code, which is a number", p.Warnings)
	}
}

func TestPayloadRefused(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                                 "campaignId respondent",
		`[]`:                                 "body",
		`7`:                                  "body",
		`{"campaignId":0,"respondent":{}}`:   "campaignId",
		`{"campaignId":-1,"respondent":{}}`:  "campaignId",
		`{"campaignId":1.5,"respondent":{}}`: "campaignId",
		`{"campaignId":9007199254740992,"respondent":{}}`:                   "campaignId",
		`{"campaignId":"x","respondent":{}}`:                                "campaignId",
		`{"campaignId":null,"respondent":{}}`:                               "campaignId",
		`{"campaignId":1,"respondent":null}`:                                "respondent",
		`{"campaignId":1,"respondent":[]}`:                                  "respondent respondent",
		`{"campaignId":1,"respondent":{"company":"Acme"}}`:                  "respondent.company",
		`{"campaignId":1,"respondent":{"firstName":{}}}`:                    "respondent.firstName",
		`{"campaignId":1,"respondent":{},"sender":1}`:                       "sender",
		`{"campaignId":1,"respondent":{},"doNotContact":1}`:                 "doNotContact",
		`{"campaignId":1,"respondent":{},"doNotContact":"false","note":[]}`: "doNotContact note",
		`{"campaignId":1,"respondent":{},"id":{}}`:                          "id",
		`{"campaignId":1,"respondent":{}`:                                   "body",
		`{"campaignId":1,"campaignId":2,"respondent":{}}`:                   "body",
		``: "body",
	} {
		_, err := ParsePayload([]byte(in))
		var p *problem.Error
		if !errors.As(err, &p) {
			t.Errorf("%s: got %v, want a problem", in, err)
			continue
		}
		var got []string
		for _, f := range p.Fields {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	if _, err := ParsePayload([]byte(`{"campaignId":1,"respondent":{},"note":"` + strings.Repeat("x", MaxPayload) + `"}`)); problem.KindOf(err) != problem.TooLarge {
		t.Errorf("more than MaxPayload: got %v, want too large", err)
	}
}

func TestContactWarnings(t *testing.T) {
	for _, c := range []struct{ person, want string }{
		{`"phoneNumber":"+4512345678"`, ""},
		{`"phoneNumber":"+1234567"`, ""},
		{`"phoneNumber":"+123456"`, "respondent.phoneNumber"},
		{`"phoneNumber":"+123456789012345"`, ""},
		{`"phoneNumber":"+1234567890123456"`, "respondent.phoneNumber"},
		{`"phoneNumber":"+0512345678"`, "respondent.phoneNumber"},
		{`"phoneNumber":"12345678"`, "respondent.phoneNumber"},
		{`"phoneNumber":"+45 12 34 56 78"`, "respondent.phoneNumber"},
		{`"phoneNumber":"unknown"`, "respondent.phoneNumber"},
		{`"emailAddress":"john@example.com"`, ""},
		{`"emailAddress":"jo.hn+x@mail.example.com"`, ""},
		{`"emailAddress":"søren@exämple.dk"`, ""},
		{`"emailAddress":"john"`, "respondent.emailAddress"},
		{`"emailAddress":"john@localhost"`, "respondent.emailAddress"},
		{`"emailAddress":"john@example."`, "respondent.emailAddress"},
		{`"emailAddress":"John <john@example.com>"`, "respondent.emailAddress"},
		{`"emailAddress":"a@example.com, b@example.com"`, "respondent.emailAddress"},
		{`"firstName":"John"`, "respondent"},
	} {
		p, err := ParsePayload([]byte(`{"campaignId":1,"respondent":{` + c.person + `}}`))
		if err != nil {
			t.Errorf("%s: %v", c.person, err)
			continue
		}
		got := ""
		if len(p.Warnings) > 0 {
			got = p.Warnings[0].Name
		}
		if got != c.want || len(p.Warnings) > 1 {
			t.Errorf("%s: got warnings %v, want %q", c.person, p.Warnings, c.want)
		}
	}
}

func TestNormalContact(t *testing.T) {
	for in, want := range map[string]string{
		"+45 12 34 56 78": "+4512345678", "0045 (12) 34-56.78": "+4512345678", "12345678": "12345678", "": "", "+4512345678": "+4512345678",
	} {
		if got := normalPhone(in); got != want {
			t.Errorf("normalPhone(%q) = %q, want %q", in, got, want)
		}
	}
	if got := normalEmail(" John@Example.COM "); got != "john@example.com" {
		t.Errorf("normalEmail: got %q", got)
	}
}

func FuzzParsePayload(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(`{"campaignId":"1","respondent":{"company":{}},"id":1,"x":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ParsePayload(raw)
		if err != nil {
			if problem.KindOf(err) == problem.Internal {
				t.Errorf("%q: got %v, want a problem", raw, err)
			}
			return
		}
		if p.CampaignID < 1 || p.CampaignID > MaxCampaign {
			t.Errorf("%q: got campaign %d", raw, p.CampaignID)
		}
		var r Respondent
		p.fill(&r)
		again, err := ParsePayload(r.Payload)
		if err != nil || again.CampaignID != p.CampaignID || again.Respondent != p.Respondent || !slices.Equal(again.Custom, p.Custom) {
			t.Errorf("%q: read again: got %+v, %v, want %+v", raw, again, err, p)
		}
		Extra(raw)
	})
}
