package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// Gate keeps campaigns and respondents; gate.Gate does.
type Gate interface {
	Add(ctx context.Context, c *access.Principal, p *gate.Payload, key string) (gate.Received, error)
	Respondent(ctx context.Context, tenant event.TenantID, id string) (gate.Respondent, error)
	Respondents(ctx context.Context, q gate.Query) ([]gate.Respondent, event.ID, error)
	Export(ctx context.Context, q gate.Query, out io.Writer, turn func() (leave func(), err error), flush func() error) error
	Erase(ctx context.Context, p *access.Principal, id string) error
	ErasePerson(ctx context.Context, p *access.Principal, email, phone string) (int, error)
	CreateCampaign(ctx context.Context, p *access.Principal, id int64, name string) (gate.Campaign, error)
	RenameCampaign(ctx context.Context, p *access.Principal, id int64, name string) (gate.Campaign, error)
	Campaign(ctx context.Context, tenant event.TenantID, id int64) (gate.Campaign, error)
	Campaigns(ctx context.Context, tenant event.TenantID, after int64, limit int) ([]gate.Campaign, error)
	DeleteCampaign(ctx context.Context, p *access.Principal, id int64) error
	Receive(ctx context.Context, c *access.Principal, integration string, p *gate.Payload, key string) (gate.Received, error)
	Retry(ctx context.Context, p *access.Principal, id string) (gate.Respondent, error)
	Count(ctx context.Context, tenant event.TenantID, s gate.State) (int64, error)
	View(tenant event.TenantID) gate.View
	Change(ctx context.Context, p *access.Principal, change func(*gate.View) error) (before, after gate.View, err error)
	Test(ctx context.Context, tenant event.TenantID) (*delivery.Attempt, error)
	Integrations(tenant event.TenantID) []gate.Integration
	AddIntegration(ctx context.Context, p *access.Principal, name, description string) (gate.Integration, error)
	RemoveIntegration(ctx context.Context, p *access.Principal, name string) error
}

// Respondent is a person in a campaign, or on the way there, as the API shows it.
type Respondent struct {
	ID           string           `json:"id" example:"\"rsp_0dqv5r8k0000g\""`
	CampaignID   int              `json:"campaignId" example:"5000"`
	Integration  *string          `json:"integration" doc:"the integration it came by; null: it was added directly" example:"\"dixa\""`
	State        string           `json:"state" enum:"stored,pending,held,rejected,discarded,forwarded" doc:"stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log"`
	Reason       *string          `json:"reason" doc:"why it is in this state, in words"`
	Respondent   json.RawMessage  `json:"respondent" doc:"as received, or as the gate's endpoint changed it" example:"{\"firstName\":\"John\",\"lastName\":\"doe\",\"phoneNumber\":\"+4512345678\"}"`
	Note         json.RawMessage  `json:"note"`
	Employee     json.RawMessage  `json:"employee"`
	Sender       json.RawMessage  `json:"sender"`
	DoNotContact bool             `json:"doNotContact" doc:"Relay must not contact this person"`
	Custom       json.RawMessage  `json:"custom"`
	Extra        json.RawMessage  `json:"extra" doc:"members of the payload that are not documented; null: none"`
	Warnings     []ContactWarning `json:"warnings" doc:"problems with the contact data"`
	CreatedAt    rest.Time        `json:"createdAt"`
	DecidedAt    *rest.Time       `json:"decidedAt" doc:"when it got its state; null while it is pending for the first time"`
}

// ContactWarning describes a doubt about a field. The respondent was accepted all the same.
type ContactWarning struct {
	Field  string `json:"field" example:"\"respondent.phoneNumber\""`
	Reason string `json:"reason" example:"\"is not a telephone number in E.164 form, as +4512345678\""`
}

// ReceivedRespondent is the answer to a respondent that was sent.
type ReceivedRespondent struct {
	Respondent
	Duplicate bool `json:"duplicate" doc:"it was received before; this is how it stands now"`
}

func showRespondent(r *gate.Respondent) Respondent {
	v := Respondent{
		ID: r.Public(), CampaignID: int(r.Campaign), Integration: rest.TextOrNil(r.Source), State: r.State.String(), Reason: rest.TextOrNil(r.Reason),
		DoNotContact: r.DoNotContact, Warnings: []ContactWarning{}, CreatedAt: rest.Time(r.CreatedAt), DecidedAt: rest.TimeOrNil(r.DecidedAt),
		Extra: gate.Extra(r.Payload),
	}
	for name, into := range map[string]*json.RawMessage{
		"respondent": &v.Respondent, "note": &v.Note, "employee": &v.Employee, "sender": &v.Sender, "custom": &v.Custom,
	} {
		if member, ok := rawjson.Pick(r.Payload, name); ok {
			*into = member.Raw
		}
	}
	for _, w := range r.Warnings {
		v.Warnings = append(v.Warnings, ContactWarning{w.Name, w.Reason})
	}
	return v
}

// NewRespondent is a respondent as it is sent. It is documentation: package gate reads the bytes.
type NewRespondent struct {
	CampaignID   int                `json:"campaignId" required:"true" doc:"the campaign's number; it comes into being with its first respondent" example:"5000"`
	Respondent   NewPerson          `json:"respondent" required:"true"`
	Note         rest.Opt[string]   `json:"note" example:"\"The customer bought several items, seemed very happy\""`
	Employee     rest.Opt[Employee] `json:"employee" doc:"whom the respondent dealt with"`
	Sender       rest.Opt[Sender]   `json:"sender" doc:"in whose name the respondent is written to"`
	DoNotContact rest.Opt[bool]     `json:"doNotContact" default:"false"`
	Custom       rest.AnyJSON       `json:"custom" doc:"any JSON value" example:"{\"key2\":\"Some data from a phone system\"}"`
	ID           rest.Opt[string]   `json:"id" maxLength:"256" doc:"the sender's own id of it: sending it again stores it only once. Left out: equal data is a new respondent"`
}

// Tolerant implements rest.Tolerant.
func (*NewRespondent) Tolerant() {}

// NewPerson is the person of a NewRespondent.
type NewPerson struct {
	Address1     rest.Opt[string]  `json:"address1" example:"\"Surveystreet 42\""`
	City         rest.Opt[string]  `json:"city" example:"\"Copenhagen\""`
	Country      rest.Opt[string]  `json:"country" example:"\"Denmark\""`
	ZipCode      rest.Opt[string]  `json:"zipCode" example:"\"1000\""`
	EmailAddress rest.Opt[string]  `json:"emailAddress" doc:"one that looks wrong is warned about"`
	FirstName    rest.Opt[string]  `json:"firstName" example:"\"John\""`
	LastName     rest.Opt[string]  `json:"lastName" example:"\"doe\""`
	Title        rest.Opt[string]  `json:"title" example:"\"Mr.\""`
	Company      rest.Opt[Company] `json:"company"`
	PhoneNumber  rest.Opt[string]  `json:"phoneNumber" doc:"in E.164 form; another is warned about" example:"\"+4512345678\""`
}

// Tolerant implements rest.Tolerant.
func (*NewPerson) Tolerant() {}

// Company is the company of a NewPerson.
type Company struct {
	Name         rest.Opt[string] `json:"name" example:"\"Acme INC.\""`
	EmailAddress rest.Opt[string] `json:"emailAddress"`
	Industry     rest.Opt[string] `json:"industry" example:"\"Outdoor Equipment\""`
}

// Tolerant implements rest.Tolerant.
func (*Company) Tolerant() {}

// Employee is whom a respondent dealt with.
type Employee struct {
	Email      rest.Opt[string] `json:"email"`
	FirstName  rest.Opt[string] `json:"firstName" example:"\"Jane\""`
	LastName   rest.Opt[string] `json:"lastName" example:"\"Doe\""`
	Title      rest.Opt[string] `json:"title" example:"\"Customer Relations Expert\""`
	Department rest.Opt[string] `json:"department" example:"\"Customer Service\""`
	Team       rest.Opt[string] `json:"team" example:"\"A\""`
	Division   rest.Opt[string] `json:"division" example:"\"Nordics\""`
}

// Tolerant implements rest.Tolerant.
func (*Employee) Tolerant() {}

// Sender is in whose name a respondent is written to.
type Sender struct {
	Email     rest.Opt[string] `json:"email"`
	FirstName rest.Opt[string] `json:"firstName" example:"\"Jane\""`
	LastName  rest.Opt[string] `json:"lastName" example:"\"Doe\""`
}

// Tolerant implements rest.Tolerant.
func (*Sender) Tolerant() {}

// onceRespondent describes the header Idempotency-Key of calls that add a respondent.
const onceRespondent = "repeating a request with the same key stores it only once"

var docRespondentAdd = rest.Doc{ID: "addRespondent", Tag: "Respondents", Summary: "Add a respondent", Status: 201,
	Text: "It is stored in its campaign and never goes through the gate. Members that are not documented are kept. " +
		"With the header `Idempotency-Key`, or an `id` of your own, sending it again answers the first result with `\"duplicate\":true`; " +
		"the same key with other data is a `409`.",
	Once: onceRespondent}

type addRespondentInput struct {
	Body NewRespondent `body:"required"`
}

func (a *API) respondentAddRoute(needs access.Permission) rest.Route {
	return handleRespondent(a, "POST /v1/respondents", needs, docRespondentAdd,
		func(ctx context.Context, c *access.Principal, _ *addRespondentInput, p *gate.Payload, key string) (gate.Received, error) {
			return a.Gate.Add(ctx, c, p, key)
		})
}

// handleRespondent makes a route whose body is a respondent, which is kept byte for byte.
func handleRespondent[In any](a *API, pattern string, needs access.Permission, d rest.Doc,
	f func(ctx context.Context, c *access.Principal, in *In, p *gate.Payload, key string) (gate.Received, error)) rest.Route {
	return rest.Raw[In, ReceivedRespondent](a.face, pattern, needs, d, func(w http.ResponseWriter, r *http.Request, c *access.Principal, in *In) error {
		key, err := rest.IdempotencyKey(r)
		if err != nil {
			return err
		}
		if !rest.IsJSON(r.Header.Get("Content-Type")) {
			return rest.ErrType(r, "the body must be JSON, with the header Content-Type: application/json")
		}
		raw, err := web.ReadBody(r, nil, gate.MaxPayload)
		if err != nil {
			return err
		}
		p, err := gate.ParsePayload(raw)
		if err != nil {
			return err
		}
		got, err := f(r.Context(), c, in, p, key)
		if err != nil {
			return err
		}
		body, err := rest.Encode(&ReceivedRespondent{Respondent: showRespondent(&got.Respondent), Duplicate: got.Duplicate})
		if err != nil {
			return err
		}
		web.Send(w, d.Status, "application/json", body)
		return nil
	})
}

// respondentFilter selects respondents.
type respondentFilter struct {
	State        string    `query:"state" default:"\"stored\"" enum:"stored,pending,held,rejected,discarded,forwarded"`
	CampaignID   int       `query:"campaignId" doc:"only of this campaign"`
	Integration  string    `query:"integration" doc:"only those that came by this integration, written as in its address; none: those added directly"`
	EmailAddress string    `query:"emailAddress" doc:"only with this e-mail address"`
	PhoneNumber  string    `query:"phoneNumber" doc:"only with this telephone number (write + as %2B)"`
	Text         string    `query:"text" doc:"only with this text in name, address, number or company; upper and lower case are alike"`
	DoNotContact string    `query:"doNotContact" enum:"true,false"`
	Since        rest.Time `query:"since" doc:"only those received at or after this time"`
	Until        rest.Time `query:"until" doc:"only those received before this time"`
}

func (f *respondentFilter) query(c *access.Principal) gate.Query {
	state, _ := gate.ParseState(f.State) // one of the enum
	q := gate.Query{
		Tenant: c.Tenant, State: state, Campaign: int64(f.CampaignID), Email: f.EmailAddress, Phone: f.PhoneNumber, Text: f.Text,
		Since: time.Time(f.Since), Until: time.Time(f.Until),
	}
	if f.Integration == "none" {
		q.Direct = true
	} else {
		q.Source = f.Integration
	}
	if f.DoNotContact != "" {
		yes := f.DoNotContact == "true"
		q.DoNotContact = &yes
	}
	return q
}

type respondentQuery struct {
	rest.Page
	respondentFilter
}

var docRespondentList = rest.Doc{ID: "listRespondents", Tag: "Respondents", Summary: "List respondents",
	Text: "Those of one state, the newest first. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there."}

func (a *API) respondentList(ctx context.Context, c *access.Principal, in *respondentQuery) (*rest.List[Respondent], error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	q := in.query(c)
	if q.Text != "" {
		leave, err := a.Searches.Enter(ctx, c.Tenant)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	fetch := func(before event.ID, limit int) ([]gate.Respondent, event.ID, error) {
		q.Before, q.Limit = before, limit
		return a.Gate.Respondents(ctx, q)
	}
	list, next, err := rest.Collect(before, in.Limit, fetch, func(r gate.Respondent) int { return len(r.Payload) + 500 })
	if err != nil {
		return nil, err
	}
	data := make([]Respondent, len(list))
	for i := range list {
		data[i] = showRespondent(&list[i])
	}
	return rest.PageOf(data, rest.CursorOf(next)), nil
}

var docRespondentExport = rest.Doc{ID: "exportRespondents", Tag: "Respondents", Summary: "Export respondents as CSV",
	Text: "UTF-8, RFC 4180 with plain line feeds, a line of names first, the newest respondent first; of any length. What begins a cell with `=`, `+`, `-`, `@`, a tab or a line break, " +
		"or follows a semicolon, a tab or a line break in one, gets an apostrophe before it, so that no spreadsheet takes it for a formula. An export that ends early was cut off: its last line has no line end.",
	Answer: "text/csv"}

type exportQuery struct {
	respondentFilter
	BOM string `query:"bom" default:"\"false\"" enum:"true,false" doc:"begin with a byte order mark, so that Excel takes the file for UTF-8; most other programs take it for a part of the first name"`
}

func (a *API) respondentExportRoute(needs access.Permission) rest.Route {
	return rest.Raw[exportQuery, rest.None](a.face, "GET /v1/respondents/export", needs, docRespondentExport, func(w http.ResponseWriter, r *http.Request, c *access.Principal, in *exportQuery) error {
		out := &export{w: w, name: "respondents.csv", kind: csvType, mark: in.BOM == "true"}
		return a.export(r, c, out, "respondent.export", func(turn func() (func(), error)) error {
			return a.Gate.Export(r.Context(), in.query(c), out, turn, func() error { return web.Flush(w) })
		})
	})
}

type respondentPath struct {
	ID string `path:"id" doc:"the respondent's id"`
}

var docRespondentGet = rest.Doc{ID: "getRespondent", Tag: "Respondents", Summary: "Get a respondent"}

func (a *API) respondentGet(ctx context.Context, c *access.Principal, in *respondentPath) (*Respondent, error) {
	r, err := a.Gate.Respondent(ctx, c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	v := showRespondent(&r)
	return &v, nil
}

var docRespondentErase = rest.Doc{ID: "eraseRespondent", Tag: "Respondents", Summary: "Erase a respondent", Status: 204,
	Text: "For good, in every state, with what the log holds of it: requests and answers about it no longer show bodies. A waiting delivery is not made."}

func (a *API) respondentErase(ctx context.Context, c *access.Principal, in *respondentPath) (*rest.None, error) {
	return nil, a.Gate.Erase(ctx, c, in.ID)
}

// EraseRequest names a person.
type EraseRequest struct {
	EmailAddress rest.Opt[string] `json:"emailAddress" example:"\"john@example.com\""`
	PhoneNumber  rest.Opt[string] `json:"phoneNumber" example:"\"+4512345678\""`
}

// EraseAnswer tells how much there was.
type EraseAnswer struct {
	Erased   int       `json:"erased" doc:"respondents that were erased"`
	Warnings []Warning `json:"warnings" doc:"of a number or an address that may not find every record of its person, as it is none that can be compared with certainty"`
}

type eraseInput struct {
	Body EraseRequest `body:"required"`
}

var docPersonErase = rest.Doc{ID: "erasePerson", Tag: "Respondents", Summary: "Erase a person",
	Text: "All respondents with the e-mail address or the telephone number, of every campaign and state, as erasing one does. Both are compared without what cannot be seen, punctuation and other ways of writing the same: " +
		"`tel:`, `mailto:`, a name before the address, full-width digits. `warnings` names what cannot be compared with certainty."}

func (a *API) personErase(ctx context.Context, c *access.Principal, in *eraseInput) (*EraseAnswer, error) {
	n, err := a.Gate.ErasePerson(ctx, c, in.Body.EmailAddress.Value, in.Body.PhoneNumber.Value)
	if err != nil {
		return nil, err
	}
	answer := &EraseAnswer{Erased: n, Warnings: []Warning{}}
	why := gate.Unsure(in.Body.EmailAddress.Value, in.Body.PhoneNumber.Value)
	for _, name := range []string{"emailAddress", "phoneNumber"} {
		if reason := why[name]; reason != "" {
			answer.Warnings = append(answer.Warnings, Warning{Path: name, Message: reason})
		}
	}
	return answer, nil
}

// Campaign is what respondents are gathered in.
type Campaign struct {
	ID          int       `json:"id" example:"5000"`
	Name        string    `json:"name" doc:"a label for people; empty for one that came into being with its first respondent" example:"\"Spring survey\""`
	Respondents int       `json:"respondents" doc:"how many are stored in it"`
	CreatedAt   rest.Time `json:"createdAt"`
	UpdatedAt   rest.Time `json:"updatedAt"`
}

func showCampaign(k *gate.Campaign) *Campaign {
	return &Campaign{ID: int(k.ID), Name: k.Name, Respondents: int(k.Stored), CreatedAt: rest.Time(k.CreatedAt), UpdatedAt: rest.Time(k.UpdatedAt)}
}

var docCampaignList = rest.Doc{ID: "listCampaigns", Tag: "Respondents", Summary: "List campaigns", Text: "In the order of their numbers."}

func (a *API) campaignList(ctx context.Context, c *access.Principal, in *rest.Page) (*rest.List[Campaign], error) {
	after, err := in.Before()
	if err != nil {
		return nil, err
	}
	list, err := a.Gate.Campaigns(ctx, c.Tenant, int64(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = rest.CursorOf(event.ID(list[in.Limit-1].ID))
	}
	data := make([]Campaign, len(list))
	for i := range list {
		data[i] = *showCampaign(&list[i])
	}
	return rest.PageOf(data, next), nil
}

// CreateCampaign is the request to create a campaign.
type CreateCampaign struct {
	ID   int    `json:"id" required:"true" doc:"its number, of your choice" min:"1" example:"5000"`
	Name string `json:"name" text:"label" maxLength:"200" doc:"a label for people" example:"\"Spring survey\""`
}

type createCampaignInput struct {
	Body CreateCampaign `body:"required"`
}

var docCampaignCreate = rest.Doc{ID: "createCampaign", Tag: "Respondents", Summary: "Create a campaign", Status: 201,
	Text: "It is not needed: a campaign comes into being with its first stored respondent. But one made before has a name."}

func (a *API) campaignCreate(ctx context.Context, c *access.Principal, in *createCampaignInput) (*Campaign, error) {
	k, err := a.Gate.CreateCampaign(ctx, c, int64(in.Body.ID), in.Body.Name)
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

type campaignPath struct {
	ID int `path:"id" doc:"the campaign's number"`
}

var docCampaignGet = rest.Doc{ID: "getCampaign", Tag: "Respondents", Summary: "Get a campaign"}

func (a *API) campaignGet(ctx context.Context, c *access.Principal, in *campaignPath) (*Campaign, error) {
	k, err := a.Gate.Campaign(ctx, c.Tenant, int64(in.ID))
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

// UpdateCampaign changes a campaign.
type UpdateCampaign struct {
	Name rest.Opt[string] `json:"name" text:"label" maxLength:"200" doc:"a label for people" example:"\"Spring 2026\""`
}

type updateCampaignInput struct {
	campaignPath
	Body UpdateCampaign `body:"required"`
}

var docCampaignUpdate = rest.Doc{ID: "updateCampaign", Tag: "Respondents", Summary: "Rename a campaign"}

func (a *API) campaignUpdate(ctx context.Context, c *access.Principal, in *updateCampaignInput) (*Campaign, error) {
	k, err := a.Gate.Campaign(ctx, c.Tenant, int64(in.ID))
	if err == nil && in.Body.Name.Given {
		k, err = a.Gate.RenameCampaign(ctx, c, int64(in.ID), in.Body.Name.Value)
	}
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

var docCampaignDelete = rest.Doc{ID: "deleteCampaign", Tag: "Respondents", Summary: "Delete a campaign with its respondents", Status: 204,
	Text: "Each of them is erased, those on their way to the gate's endpoint too."}

func (a *API) campaignDelete(ctx context.Context, c *access.Principal, in *campaignPath) (*rest.None, error) {
	return nil, a.Gate.DeleteCampaign(ctx, c, int64(in.ID))
}
