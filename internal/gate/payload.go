package gate

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/malformed"
	"github.com/relay-events/relay/internal/problem"
)

// Limits of a payload.
const (
	// MaxPayload bounds the document in bytes.
	MaxPayload = 256 << 10
	maxDepth   = 64
	maxOwnID   = 256
)

// Payload is the data that integrations send and the gate's endpoint gets (respondent-gate.txt, "What is in the data sent to the
// endpoint?"). Members it does not name are kept as they came. All text may be empty.
type Payload struct {
	// Raw is the document itself, byte for byte.
	Raw          []byte
	CampaignID   int64
	Respondent   Person
	Note         string
	Employee     Employee
	Sender       Sender
	DoNotContact bool
	Custom       []byte // any JSON value; nil: none
	// OwnID is the integration's own id of the respondent ("id"), which makes sending it again harmless. Empty: none.
	OwnID string
	// Warnings name doubtful parts; the payload is accepted all the same.
	Warnings []problem.Field
}

// Person is the member "respondent".
type Person struct {
	Address1, City, Country, ZipCode, EmailAddress, FirstName, LastName, Title, PhoneNumber string
	Company                                                                                 Company
}

// Company is the member "respondent.company".
type Company struct{ Name, EmailAddress, Industry string }

// Employee is the member "employee": whom the respondent dealt with.
type Employee struct{ Email, FirstName, LastName, Title, Department, Team, Division string }

// Sender is the member "sender": in whose name the respondent is written to.
type Sender struct{ Email, FirstName, LastName string }

// column is a text of the payload: where it stands in the document, and in the struct.
type column struct {
	path string
	text func(p *Payload) *string
}

// columns lists the texts of the payload, in the order of an export.
var columns = []column{
	{"respondent.firstName", func(p *Payload) *string { return &p.Respondent.FirstName }},
	{"respondent.lastName", func(p *Payload) *string { return &p.Respondent.LastName }},
	{"respondent.title", func(p *Payload) *string { return &p.Respondent.Title }},
	{"respondent.emailAddress", func(p *Payload) *string { return &p.Respondent.EmailAddress }},
	{"respondent.phoneNumber", func(p *Payload) *string { return &p.Respondent.PhoneNumber }},
	{"respondent.address1", func(p *Payload) *string { return &p.Respondent.Address1 }},
	{"respondent.zipCode", func(p *Payload) *string { return &p.Respondent.ZipCode }},
	{"respondent.city", func(p *Payload) *string { return &p.Respondent.City }},
	{"respondent.country", func(p *Payload) *string { return &p.Respondent.Country }},
	{"respondent.company.name", func(p *Payload) *string { return &p.Respondent.Company.Name }},
	{"respondent.company.emailAddress", func(p *Payload) *string { return &p.Respondent.Company.EmailAddress }},
	{"respondent.company.industry", func(p *Payload) *string { return &p.Respondent.Company.Industry }},
	{"note", func(p *Payload) *string { return &p.Note }},
	{"employee.email", func(p *Payload) *string { return &p.Employee.Email }},
	{"employee.firstName", func(p *Payload) *string { return &p.Employee.FirstName }},
	{"employee.lastName", func(p *Payload) *string { return &p.Employee.LastName }},
	{"employee.title", func(p *Payload) *string { return &p.Employee.Title }},
	{"employee.department", func(p *Payload) *string { return &p.Employee.Department }},
	{"employee.team", func(p *Payload) *string { return &p.Employee.Team }},
	{"employee.division", func(p *Payload) *string { return &p.Employee.Division }},
	{"sender.email", func(p *Payload) *string { return &p.Sender.Email }},
	{"sender.firstName", func(p *Payload) *string { return &p.Sender.FirstName }},
	{"sender.lastName", func(p *Payload) *string { return &p.Sender.LastName }},
}

// byPath finds a column.
var byPath = func() map[string]column {
	m := make(map[string]column, len(columns))
	for _, c := range columns {
		m[c.path] = c
	}
	return m
}()

// objects lists the members that are objects with members of their own.
var objects = map[string]bool{"respondent": true, "respondent.company": true, "employee": true, "sender": true}

// checkOwnID refuses an id of the sender's own that looks like one of Relay's. ParsePayload does not: it also reads payloads
// that are stored, which must stay readable.
func (p *Payload) checkOwnID() error {
	if err := event.CheckNamespace(p.OwnID); err != nil {
		return problem.InvalidField("id", "%v", err)
	}
	return nil
}

// ParsePayload reads a payload. What cannot be understood is refused with a *problem.Error that names every field;
// contact data that looks wrong is only warned about: it is the customer's to judge. The result does not alias raw.
func ParsePayload(raw []byte) (*Payload, error) {
	if len(raw) > MaxPayload {
		return nil, problem.New(problem.TooLarge, "the respondent must have at most %d bytes, got %d", MaxPayload, len(raw))
	}
	raw = bytes.Clone(bytes.Trim(raw, " \t\r\n"))
	r := payloadReader{p: &Payload{Raw: raw}}
	if err := rawjson.Check(raw, payloadLimits); err != nil {
		return nil, malformed.JSON(raw, err)
	}
	if raw[0] != '{' {
		return nil, problem.InvalidField("body", "must be an object with campaignId and respondent")
	}
	r.object("", raw)
	if r.p.CampaignID == 0 && !r.seenCampaign {
		r.wrongf("campaignId", "must be given: the number of a campaign")
	}
	if !r.seenPerson {
		r.wrongf("respondent", "must be given: an object")
	}
	if r.wrong != nil {
		return nil, &problem.Error{Kind: problem.Invalid, Detail: "the respondent has fields that cannot be understood", Fields: r.wrong}
	}
	r.p.checkContact()
	return r.p, nil
}

var payloadLimits = rawjson.Limits{Depth: maxDepth}

// maxWrong bounds how many fields a refusal or a list of warnings names.
const maxWrong = 20

type payloadReader struct {
	p                        *Payload
	wrong                    []problem.Field
	seenCampaign, seenPerson bool
}

func (r *payloadReader) wrongf(field, format string, args ...any) {
	if len(r.wrong) < maxWrong {
		r.wrong = append(r.wrong, problem.Field{Name: field, Reason: fmt.Sprintf(format, args...)})
	}
}

func (p *Payload) warn(field, format string, args ...any) {
	if len(p.Warnings) < maxWrong {
		p.Warnings = append(p.Warnings, problem.Field{Name: field, Reason: fmt.Sprintf(format, args...)})
	}
}

// object reads the members of the object at path.
func (r *payloadReader) object(path string, raw []byte) {
	// Checked before: there is no error.
	_ = rawjson.Members(raw, payloadLimits, func(name []byte, v rawjson.Value) error {
		full := string(name)
		if path != "" {
			full = path + "." + full
		}
		r.member(full, v)
		return nil
	})
}

func (r *payloadReader) member(path string, v rawjson.Value) {
	switch {
	case objects[path]:
		switch v.Kind {
		case rawjson.Object:
			r.seenPerson = r.seenPerson || path == "respondent"
			r.object(path, v.Raw)
		case rawjson.Null:
		default:
			r.wrongf(path, "must be an object, got %s", v.Kind)
		}
	case path == "campaignId":
		r.campaign(v)
	case path == "doNotContact":
		// Nothing is guessed here: to read "false" as true is harmless, the other way round is not.
		if v.Kind == rawjson.Bool {
			r.p.DoNotContact, _ = v.Bool()
		} else if v.Kind != rawjson.Null {
			r.wrongf(path, "must be true or false, got %s", v.Kind)
		}
	case path == "custom":
		if v.Kind != rawjson.Null {
			r.p.Custom = v.Raw
		}
	case path == "id":
		r.ownID(v)
	default:
		if c, ok := byPath[path]; ok {
			r.text(path, v, c.text(r.p))
		}
	}
}

func (r *payloadReader) campaign(v rawjson.Value) {
	r.seenCampaign = true
	n, err := v.Int64()
	if v.Kind == rawjson.String { // some telephone systems write all values as text
		var s string
		if s, err = v.String(); err == nil {
			n, err = strconv.ParseInt(s, 10, 64)
		}
	}
	if err != nil || n < 1 || n > MaxCampaign {
		r.wrongf("campaignId", "must be an integer from 1 to %d", int64(MaxCampaign))
		return
	}
	r.p.CampaignID = n
}

func (r *payloadReader) ownID(v rawjson.Value) {
	switch v.Kind {
	case rawjson.String:
		s, err := v.String()
		if err != nil || len(s) > maxOwnID {
			r.wrongf("id", "must have at most %d bytes", maxOwnID)
			return
		}
		r.p.OwnID = s
	case rawjson.Number:
		if len(v.Raw) > maxOwnID {
			r.wrongf("id", "must have at most %d bytes", maxOwnID)
			return
		}
		r.p.OwnID = string(v.Raw)
	case rawjson.Null:
	default:
		r.wrongf("id", "must be a string or a number, got %s", v.Kind)
	}
}

// text reads a text; a number or a truth value is taken as a text, with a warning.
func (r *payloadReader) text(path string, v rawjson.Value, into *string) {
	switch v.Kind {
	case rawjson.String:
		s, err := v.String()
		if err != nil {
			r.wrongf(path, "must be a string")
			return
		}
		*into = s
	case rawjson.Null:
	case rawjson.Number, rawjson.Bool:
		*into = string(v.Raw)
		r.p.warn(path, "should be a string, got %s", v.Kind)
	default:
		r.wrongf(path, "must be a string, got %s", v.Kind)
	}
}

// searchText returns the texts that a search looks at, in searchForm.
func (p *Payload) searchText() string {
	var b strings.Builder
	for _, s := range []string{
		p.Respondent.FirstName + " " + p.Respondent.LastName, p.Respondent.EmailAddress, p.Respondent.PhoneNumber,
		normalPhone(p.Respondent.PhoneNumber), p.Respondent.Company.Name, p.Respondent.City, p.Respondent.Country,
	} {
		if s = strings.TrimSpace(s); s != "" {
			b.WriteString(searchForm(s))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// fill sets the fields of r that are stored beside the payload.
func (p *Payload) fill(r *Respondent) {
	r.Campaign, r.Payload, r.DoNotContact, r.Warnings = p.CampaignID, p.Raw, p.DoNotContact, p.Warnings
	r.Email, r.Phone, r.Text = normalEmail(p.Respondent.EmailAddress), normalPhone(p.Respondent.PhoneNumber), p.searchText()
}

// digest tells payloads apart.
func (p *Payload) digest() (sum [16]byte) {
	full := sha256.Sum256(p.Raw)
	copy(sum[:], full[:])
	return sum
}

// Extra returns the members of a payload that it does not document, as a JSON object; nil if there are none.
func Extra(raw []byte) []byte {
	var b []byte
	_ = rawjson.Members(raw, payloadLimits, func(name []byte, v rawjson.Value) error {
		switch string(name) {
		case "campaignId", "respondent", "note", "employee", "sender", "doNotContact", "custom", "id":
			return nil
		}
		b = append(b, ',')
		b = rawjson.AppendQuoted(b, string(name))
		b = append(b, ':')
		b = append(b, v.Raw...)
		return nil
	})
	if b == nil {
		return nil
	}
	b[0] = '{'
	return append(b, '}')
}
