package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Gate keeps campaigns and respondents; gate.Gate does.
type Gate interface {
	Add(ctx context.Context, tenant event.TenantID, p *gate.Payload, key string) (gate.Received, error)
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
	Receive(ctx context.Context, tenant event.TenantID, integration string, p *gate.Payload, key string) (gate.Received, error)
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
	DoNotContact bool             `json:"doNotContact" doc:"nothing that Relay sends may contact this person"`
	Custom       json.RawMessage  `json:"custom"`
	Extra        json.RawMessage  `json:"extra" doc:"members of the payload that are not documented; null: none"`
	Warnings     []ContactWarning `json:"warnings" doc:"what is doubtful about the contact data"`
	CreatedAt    Time             `json:"createdAt"`
	DecidedAt    *Time            `json:"decidedAt" doc:"when it got its state; null while it is pending for the first time"`
}

// ContactWarning says what is doubtful about a field. The respondent was accepted all the same.
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
		ID: r.Public(), CampaignID: int(r.Campaign), Integration: textOrNil(r.Source), State: r.State.String(), Reason: textOrNil(r.Reason),
		DoNotContact: r.DoNotContact, Warnings: []ContactWarning{}, CreatedAt: Time(r.CreatedAt), DecidedAt: timeOrNil(r.DecidedAt),
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
	CampaignID   int           `json:"campaignId" required:"true" doc:"the campaign's number; it comes into being with its first respondent" example:"5000"`
	Respondent   NewPerson     `json:"respondent" required:"true"`
	Note         Opt[string]   `json:"note" example:"\"The customer bought several items, seemed very happy\""`
	Employee     Opt[Employee] `json:"employee" doc:"whom the respondent dealt with"`
	Sender       Opt[Sender]   `json:"sender" doc:"in whose name the respondent is written to"`
	DoNotContact Opt[bool]     `json:"doNotContact" default:"false"`
	Custom       anyJSON       `json:"custom" doc:"any JSON value" example:"{\"key2\":\"Some data from a phone system\"}"`
	ID           Opt[string]   `json:"id" maxLength:"256" doc:"the sender's own id of it: sending it again stores nothing twice. Left out: equal data is a new respondent"`
}

func (*NewRespondent) tolerant() {}

// NewPerson is the person of a NewRespondent.
type NewPerson struct {
	Address1     Opt[string]  `json:"address1" example:"\"Surveystreet 42\""`
	City         Opt[string]  `json:"city" example:"\"Copenhagen\""`
	Country      Opt[string]  `json:"country" example:"\"Denmark\""`
	ZipCode      Opt[string]  `json:"zipCode" example:"\"1000\""`
	EmailAddress Opt[string]  `json:"emailAddress" doc:"one that looks wrong is warned about"`
	FirstName    Opt[string]  `json:"firstName" example:"\"John\""`
	LastName     Opt[string]  `json:"lastName" example:"\"doe\""`
	Title        Opt[string]  `json:"title" example:"\"Mr.\""`
	Company      Opt[Company] `json:"company"`
	PhoneNumber  Opt[string]  `json:"phoneNumber" doc:"in E.164 form; another is warned about" example:"\"+4512345678\""`
}

func (*NewPerson) tolerant() {}

// Company is the company of a NewPerson.
type Company struct {
	Name         Opt[string] `json:"name" example:"\"Acme INC.\""`
	EmailAddress Opt[string] `json:"emailAddress"`
	Industry     Opt[string] `json:"industry" example:"\"Outdoor Equipment\""`
}

func (*Company) tolerant() {}

// Employee is whom a respondent dealt with.
type Employee struct {
	Email      Opt[string] `json:"email"`
	FirstName  Opt[string] `json:"firstName" example:"\"Jane\""`
	LastName   Opt[string] `json:"lastName" example:"\"Doe\""`
	Title      Opt[string] `json:"title" example:"\"Customer Relations Expert\""`
	Department Opt[string] `json:"department" example:"\"Customer Service\""`
	Team       Opt[string] `json:"team" example:"\"A\""`
	Division   Opt[string] `json:"division" example:"\"Nordics\""`
}

func (*Employee) tolerant() {}

// Sender is in whose name a respondent is written to.
type Sender struct {
	Email     Opt[string] `json:"email"`
	FirstName Opt[string] `json:"firstName" example:"\"Jane\""`
	LastName  Opt[string] `json:"lastName" example:"\"Doe\""`
}

func (*Sender) tolerant() {}

var docRespondentAdd = doc{id: "addRespondent", tag: "Respondents", summary: "Add a respondent", status: 201,
	text: "It is stored in its campaign and never goes through the gate. Members that are not documented are kept. " +
		"With the header `Idempotency-Key`, or an `id` of your own, sending it again answers the first result with `\"duplicate\":true`; " +
		"the same key with other data is a `409`.",
	bodies: bodies{once: true}}

type addRespondentInput struct {
	Body NewRespondent `body:"required"`
}

func (a *API) respondentAddRoute(needs access.Permission) route {
	return handleRespondent[addRespondentInput](a, "POST /v1/respondents", needs, docRespondentAdd,
		func(ctx context.Context, c *caller, _ *addRespondentInput, p *gate.Payload, key string) (gate.Received, error) {
			return a.Gate.Add(ctx, c.tenant, p, key)
		})
}

// handleRespondent makes a route whose body is a respondent, which is kept byte for byte.
func handleRespondent[In any](a *API, pattern string, needs access.Permission, d doc,
	f func(ctx context.Context, c *caller, in *In, p *gate.Payload, key string) (gate.Received, error)) route {
	rt := describe[In, ReceivedRespondent](pattern, needs, d)
	plan := planOf(rt.in)
	rt.handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		c, err := a.authorize(r, needs)
		if err != nil {
			return err
		}
		in := new(In)
		if err := plan.readParams(r, reflect.ValueOf(in).Elem()); err != nil {
			return err
		}
		key, err := idempotencyKey(r)
		if err != nil {
			return err
		}
		if !isJSON(r.Header.Get("Content-Type")) {
			return errType(r, "the body must be JSON, with the header Content-Type: application/json")
		}
		raw, err := web.ReadBody(r, nil, gate.MaxPayload)
		if err != nil {
			return err
		}
		p, err := gate.ParsePayload(raw)
		if err != nil {
			return err
		}
		// Not where payloads are parsed: those that are stored must be readable.
		if err := event.CheckNamespace(p.OwnID); err != nil {
			return problem.InvalidField("id", "%v", err)
		}
		got, err := f(r.Context(), c, in, p, key)
		if err != nil {
			return err
		}
		body, err := encode(&ReceivedRespondent{Respondent: showRespondent(&got.Respondent), Duplicate: got.Duplicate})
		if err != nil {
			return err
		}
		web.Send(w, d.status, "application/json", body)
		return nil
	})
	return rt
}

// respondentFilter selects respondents.
type respondentFilter struct {
	State        string `query:"state" default:"\"stored\"" enum:"stored,pending,held,rejected,discarded,forwarded"`
	CampaignID   int    `query:"campaignId" doc:"only of this campaign"`
	Integration  string `query:"integration" doc:"only those that came by this integration, written as in its address; none: those added directly"`
	EmailAddress string `query:"emailAddress" doc:"only with this e-mail address"`
	PhoneNumber  string `query:"phoneNumber" doc:"only with this telephone number (write + as %2B)"`
	Text         string `query:"text" doc:"only with this text in name, address, number or company; upper and lower case are alike"`
	DoNotContact string `query:"doNotContact" enum:"true,false"`
	Since        Time   `query:"since" doc:"only those received at or after this time"`
	Until        Time   `query:"until" doc:"only those received before this time"`
}

func (f *respondentFilter) query(c *caller) gate.Query {
	state, _ := gate.ParseState(f.State) // one of the enum
	q := gate.Query{
		Tenant: c.tenant, State: state, Campaign: int64(f.CampaignID), Email: f.EmailAddress, Phone: f.PhoneNumber, Text: f.Text,
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
	page
	respondentFilter
}

var docRespondentList = doc{id: "listRespondents", tag: "Respondents", summary: "List respondents",
	text: "Those of one state, the newest first. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there."}

func (a *API) respondentList(ctx context.Context, c *caller, in *respondentQuery) (*List[Respondent], error) {
	before, err := in.before()
	if err != nil {
		return nil, err
	}
	q := in.query(c)
	if q.Text != "" {
		leave, err := a.Searches.enter(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	fetch := func(before event.ID, limit int) ([]gate.Respondent, event.ID, error) {
		q.Before, q.Limit = before, limit
		return a.Gate.Respondents(ctx, q)
	}
	list, next, err := collect(before, in.Limit, fetch, func(r gate.Respondent) int { return len(r.Payload) + 500 })
	if err != nil {
		return nil, err
	}
	data := make([]Respondent, len(list))
	for i := range list {
		data[i] = showRespondent(&list[i])
	}
	return pageOf(data, cursorOf(next)), nil
}

var docRespondentExport = doc{id: "exportRespondents", tag: "Respondents", summary: "Export respondents as CSV",
	text: "UTF-8, RFC 4180 with plain line feeds, a line of names first, the newest respondent first; of any length. What begins a cell with `=`, `+`, `-`, `@`, a tab or a line break, " +
		"or follows a semicolon, a tab or a line break in one, gets an apostrophe before it, so that no spreadsheet takes it for a formula. An export that ends early was cut off: its last line has no line end.",
	bodies: bodies{answer: "text/csv"}}

type exportQuery struct {
	respondentFilter
	BOM string `query:"bom" default:"\"false\"" enum:"true,false" doc:"begin with a byte order mark, so that Excel takes the file for UTF-8; most other programs take it for a part of the first name"`
}

func (a *API) respondentExportRoute(needs access.Permission) route {
	rt := describe[exportQuery, none]("GET /v1/respondents/export", needs, docRespondentExport)
	plan := planOf(rt.in)
	rt.handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		c, err := a.authorize(r, needs)
		if err != nil {
			return err
		}
		var in exportQuery
		if err := plan.readParams(r, reflect.ValueOf(&in).Elem()); err != nil {
			return err
		}
		out := &csvAnswer{w: w, mark: in.BOM == "true"}
		turn := func() (leave func(), err error) {
			if out.begun { // what goes on is not cut off because others search
				return a.Searches.wait(r.Context(), c.tenant)
			}
			return a.Searches.enter(r.Context(), c.tenant)
		}
		err = a.Gate.Export(r.Context(), in.query(c), out, turn, func() error { return web.Flush(w) })
		if err != nil && out.begun {
			// The status is sent: only cutting the connection tells that the export is not whole.
			if r.Context().Err() == nil {
				a.Log.ErrorContext(r.Context(), "an export was cut off", "request", web.RequestID(w), "err", err)
			}
			panic(http.ErrAbortHandler)
		}
		return err
	})
	return rt
}

// csvAnswer begins the answer with the first bytes of the export, so that what fails before that is a problem.
type csvAnswer struct {
	w     http.ResponseWriter
	mark  bool // a byte order mark comes first
	begun bool
}

func (o *csvAnswer) Write(b []byte) (int, error) {
	if !o.begun {
		o.begun = true
		h := o.w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="respondents.csv"`)
		o.w.WriteHeader(http.StatusOK)
		if o.mark {
			if _, err := io.WriteString(o.w, "\ufeff"); err != nil {
				return 0, err
			}
		}
	}
	return o.w.Write(b)
}

type respondentPath struct {
	ID string `path:"id" doc:"the respondent's id"`
}

var docRespondentGet = doc{id: "getRespondent", tag: "Respondents", summary: "Get a respondent"}

func (a *API) respondentGet(ctx context.Context, c *caller, in *respondentPath) (*Respondent, error) {
	r, err := a.Gate.Respondent(ctx, c.tenant, in.ID)
	if err != nil {
		return nil, err
	}
	v := showRespondent(&r)
	return &v, nil
}

var docRespondentErase = doc{id: "eraseRespondent", tag: "Respondents", summary: "Erase a respondent", status: 204,
	text: "For good, in every state, with what the log holds of it: requests and answers about it show no bodies any more. A delivery that waits is not made."}

func (a *API) respondentErase(ctx context.Context, c *caller, in *respondentPath) (*none, error) {
	return nil, a.Gate.Erase(ctx, c.Principal, in.ID)
}

// EraseRequest names a person.
type EraseRequest struct {
	EmailAddress Opt[string] `json:"emailAddress" example:"\"john@example.com\""`
	PhoneNumber  Opt[string] `json:"phoneNumber" example:"\"+4512345678\""`
}

// EraseAnswer tells how much there was.
type EraseAnswer struct {
	Erased   int       `json:"erased" doc:"respondents that were erased"`
	Warnings []Warning `json:"warnings" doc:"of a number or an address that may not find every record of its person, as it is none that can be compared with certainty"`
}

type eraseInput struct {
	Body EraseRequest `body:"required"`
}

var docPersonErase = doc{id: "erasePerson", tag: "Respondents", summary: "Erase a person",
	text: "All respondents with the e-mail address or the telephone number, of every campaign and state, as erasing one does. Both are compared without what cannot be seen, punctuation and other ways of writing the same: " +
		"`tel:`, `mailto:`, a name before the address, full-width digits. `warnings` names what cannot be compared with certainty."}

func (a *API) personErase(ctx context.Context, c *caller, in *eraseInput) (*EraseAnswer, error) {
	n, err := a.Gate.ErasePerson(ctx, c.Principal, in.Body.EmailAddress.Value, in.Body.PhoneNumber.Value)
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
	ID          int    `json:"id" example:"5000"`
	Name        string `json:"name" doc:"a label for people; empty for one that came into being with its first respondent" example:"\"Spring survey\""`
	Respondents int    `json:"respondents" doc:"how many are stored in it"`
	CreatedAt   Time   `json:"createdAt"`
	UpdatedAt   Time   `json:"updatedAt"`
}

func showCampaign(k *gate.Campaign) *Campaign {
	return &Campaign{ID: int(k.ID), Name: k.Name, Respondents: int(k.Stored), CreatedAt: Time(k.CreatedAt), UpdatedAt: Time(k.UpdatedAt)}
}

var docCampaignList = doc{id: "listCampaigns", tag: "Respondents", summary: "List campaigns", text: "In the order of their numbers."}

func (a *API) campaignList(ctx context.Context, c *caller, in *page) (*List[Campaign], error) {
	after, err := in.before()
	if err != nil {
		return nil, err
	}
	list, err := a.Gate.Campaigns(ctx, c.tenant, int64(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = cursorOf(event.ID(list[in.Limit-1].ID))
	}
	data := make([]Campaign, len(list))
	for i := range list {
		data[i] = *showCampaign(&list[i])
	}
	return pageOf(data, next), nil
}

// CreateCampaign is the request to create a campaign.
type CreateCampaign struct {
	ID   int    `json:"id" required:"true" doc:"its number, of your choice" min:"1" example:"5000"`
	Name string `json:"name" text:"label" maxLength:"200" doc:"a label for people" example:"\"Spring survey\""`
}

type createCampaignInput struct {
	Body CreateCampaign `body:"required"`
}

var docCampaignCreate = doc{id: "createCampaign", tag: "Respondents", summary: "Create a campaign", status: 201,
	text: "It is not needed: a campaign comes into being with its first stored respondent. But one made before has a name."}

func (a *API) campaignCreate(ctx context.Context, c *caller, in *createCampaignInput) (*Campaign, error) {
	k, err := a.Gate.CreateCampaign(ctx, c.Principal, int64(in.Body.ID), in.Body.Name)
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

type campaignPath struct {
	ID int `path:"id" doc:"the campaign's number"`
}

var docCampaignGet = doc{id: "getCampaign", tag: "Respondents", summary: "Get a campaign"}

func (a *API) campaignGet(ctx context.Context, c *caller, in *campaignPath) (*Campaign, error) {
	k, err := a.Gate.Campaign(ctx, c.tenant, int64(in.ID))
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

// UpdateCampaign changes a campaign.
type UpdateCampaign struct {
	Name Opt[string] `json:"name" text:"label" maxLength:"200" doc:"a label for people"`
}

type updateCampaignInput struct {
	campaignPath
	Body UpdateCampaign `body:"required"`
}

var docCampaignUpdate = doc{id: "updateCampaign", tag: "Respondents", summary: "Rename a campaign"}

func (a *API) campaignUpdate(ctx context.Context, c *caller, in *updateCampaignInput) (*Campaign, error) {
	k, err := a.Gate.Campaign(ctx, c.tenant, int64(in.ID))
	if err == nil && in.Body.Name.Given {
		k, err = a.Gate.RenameCampaign(ctx, c.Principal, int64(in.ID), in.Body.Name.Value)
	}
	if err != nil {
		return nil, err
	}
	return showCampaign(&k), nil
}

var docCampaignDelete = doc{id: "deleteCampaign", tag: "Respondents", summary: "Delete a campaign with its respondents", status: 204,
	text: "Each of them is erased, those on their way to the gate's endpoint too."}

func (a *API) campaignDelete(ctx context.Context, c *caller, in *campaignPath) (*none, error) {
	return nil, a.Gate.DeleteCampaign(ctx, c.Principal, int64(in.ID))
}
