package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Profile is a person or thing that audiences are made of.
type Profile struct {
	ProfileID    string              `json:"profileId" example:"\"29401b86-7c96-43d6-a40d-9f0ea670e19f\""`
	SourceID     string              `json:"sourceId" example:"\"94844bd8-f129-480d-a1c9-e806d177d15a\""`
	PartnerIDs   map[string][]string `json:"partnerIds" doc:"identifiers by partner number" example:"{\"2001\":[\"037f9dcf-e108-481a-8ad2-e6988e1acfa7\"]}"`
	Variables    json.RawMessage     `json:"variables" example:"{\"TestVar\":\"testValue\"}"`
	Test         bool                `json:"test" doc:"connectors in testing send it"`
	DoNotContact bool                `json:"doNotContact" doc:"nothing but its removal is sent"`
	Consent      map[string]Consent  `json:"consent" doc:"by purpose"`
	CreatedAt    rest.Time           `json:"createdAt"`
	UpdatedAt    rest.Time           `json:"updatedAt"`
}

// Consent is what a person has said to a purpose.
type Consent struct {
	State string     `json:"state" enum:"granted,denied" example:"\"granted\""`
	At    *rest.Time `json:"at" doc:"when, if it was told"`
	Proof string     `json:"proof" doc:"where it is written down" example:"\"form 7\""`
}

// PutConsent is what a person has said to a purpose, as a caller tells it.
type PutConsent struct {
	State string     `json:"state" required:"true" enum:"granted,denied,unknown" doc:"unknown takes the answer back" example:"\"granted\""`
	At    *rest.Time `json:"at" doc:"when"`
	Proof string     `json:"proof" doc:"where it is written down" example:"\"form 7\""`
}

func showProfile(p *audience.Profile) *Profile {
	v := &Profile{
		ProfileID: p.ID, SourceID: p.SourceID, PartnerIDs: p.PartnerIDs, Variables: p.Variables, Test: p.Test, DoNotContact: p.DoNotContact,
		CreatedAt: rest.Time(p.CreatedAt), UpdatedAt: rest.Time(p.UpdatedAt),
	}
	v.Consent = make(map[string]Consent)
	for purpose, c := range p.Consent {
		v.Consent[purpose] = Consent{string(c.State), rest.TimeOrNil(c.At), c.Proof}
	}
	if v.PartnerIDs == nil {
		v.PartnerIDs = map[string][]string{}
	}
	if v.Variables == nil {
		v.Variables = json.RawMessage("{}")
	}
	return v
}

// PutProfile are the members of a profile that a caller sets.
type PutProfile struct {
	SourceID     rest.Opt[string]              `json:"sourceId" doc:"as given" default:"\"\"" example:"\"94844bd8-f129-480d-a1c9-e806d177d15a\""`
	PartnerIDs   rest.Opt[map[string][]string] `json:"partnerIds" doc:"identifiers by partner number, all of them, the oldest first" default:"{}" example:"{\"2001\":[\"037f9dcf\"]}"`
	Variables    rest.Opt[rest.RawJSON]        `json:"variables" doc:"an object, all of it" example:"{\"TestVar\":\"testValue\"}"`
	Test         rest.Opt[bool]                `json:"test" default:"false" doc:"connectors in testing send it"`
	DoNotContact rest.Opt[bool]                `json:"doNotContact" default:"false" doc:"nothing but its removal is sent"`
	Consent      map[string]PutConsent         `json:"consent" doc:"the purposes that change" example:"{\"newsletter\":{\"state\":\"granted\",\"proof\":\"form 7\"}}"`
}

// Room implements rest.Roomy.
func (*PutProfile) Room() (bytes int64, depth int) { return 256 << 10, event.MaxDepth }

func (b *PutProfile) input() *audience.Input {
	in := &audience.Input{}
	if b.SourceID.Given {
		in.SourceID = &b.SourceID.Value
	}
	if b.PartnerIDs.Given {
		if in.PartnerIDs = b.PartnerIDs.Value; in.PartnerIDs == nil {
			in.PartnerIDs = map[string][]string{}
		}
	}
	if b.Variables.Given {
		if in.Variables = json.RawMessage(b.Variables.Value); b.Variables.Null || len(in.Variables) == 0 {
			in.Variables = json.RawMessage("{}")
		}
	}
	for purpose, c := range b.Consent {
		if in.Consent == nil {
			in.Consent = make(map[string]*audience.Consent)
		}
		in.Consent[purpose] = &audience.Consent{State: audience.ConsentState(c.State), Proof: c.Proof}
		if c.At != nil {
			in.Consent[purpose].At = time.Time(*c.At)
		}
	}
	if b.Test.Given {
		in.Test = &b.Test.Value
	}
	if b.DoNotContact.Given {
		in.DoNotContact = &b.DoNotContact.Value
	}
	return in
}

type profilePath struct {
	ID string `path:"id" doc:"the profile's id, as given"`
}

type patchProfileInput struct {
	profilePath
	Body PutProfile `body:"required"`
}

var docProfileList = rest.Doc{ID: "listProfiles", Tag: "Audiences", Summary: "List the profiles", Text: "In the order of their ids."}

func (a *API) profileList(ctx context.Context, c *access.Principal, in *rest.Page) (*rest.List[Profile], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, err := a.Audiences.Profiles(ctx, c.Tenant, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var data []Profile
	for i := range list {
		if i == in.Limit {
			return rest.PageOf(data, rest.TextCursor(list[i-1].ID)), nil
		}
		data = append(data, *showProfile(&list[i]))
	}
	return rest.PageOf(data, ""), nil
}

var docProfileGet = rest.Doc{ID: "getProfile", Tag: "Audiences", Summary: "Get a profile"}

func (a *API) profileGet(ctx context.Context, c *access.Principal, in *profilePath) (*Profile, error) {
	p, err := a.Audiences.Profile(ctx, c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return showProfile(&p), nil
}

var docProfilePut = rest.Doc{ID: "putProfile", Tag: "Audiences", Summary: "Store a profile, or change it",
	Text: "Members left out stay as they are. What changes is sent to the partners that are to know of changes."}

func (a *API) profilePut(ctx context.Context, c *access.Principal, in *patchProfileInput) (*Profile, error) {
	p, err := a.Audiences.PutProfile(ctx, c.Tenant, in.ID, in.Body.input())
	if err != nil {
		return nil, err
	}
	return showProfile(&p), nil
}

var docProfileErase = rest.Doc{ID: "eraseProfile", Tag: "Audiences", Summary: "Erase a profile", Status: 204,
	Text: "It leaves its audiences, the partners that can remove it are asked to, and then it is gone."}

func (a *API) profileErase(ctx context.Context, c *access.Principal, in *profilePath) (*rest.None, error) {
	return nil, a.Audiences.Erase(ctx, c, in.ID)
}

// Audience is a set of profiles, and the partners that are to have them.
type Audience struct {
	Number      int64           `json:"number" doc:"relay42AudienceNumber of the payload" example:"101"`
	Name        string          `json:"name" example:"\"Spring\""`
	Data        json.RawMessage `json:"data" doc:"part of each payload" example:"{\"Custom\":\"Test Custom\"}"`
	Attachments []Attachment    `json:"attachments"`
	CreatedAt   rest.Time       `json:"createdAt"`
	UpdatedAt   rest.Time       `json:"updatedAt"`
}

// Attachment brings an audience to a partner.
type Attachment struct {
	ID         string `json:"id" example:"\"att_6xfkskvosjcfykau\""`
	Connection string `json:"connection" example:"\"con_6xfkskvosjcfykau\""`
	ExternalID string `json:"externalId" doc:"the segment or event at the partner, byte for byte" example:"\"2582431\""`
	OnUpdate   bool   `json:"onUpdate" doc:"the partner is told of changes of members, too"`
	Paused     bool   `json:"paused"`
	Purpose    string `json:"consentPurpose" doc:"empty; else only profiles that have granted it are sent" example:"\"newsletter\""`
	Detaching  string `json:"detaching" doc:"empty; else it is being detached: remove (its members are removed at the partner first) or keep" example:"\"\""`
}

func showAttachment(at *audience.Attachment) *Attachment {
	return &Attachment{at.ID, at.Connection, at.ExternalID, at.OnUpdate, at.Paused, at.ConsentPurpose, string(at.Leaving)}
}

func showAudience(it *audience.Item) *Audience {
	v := &Audience{
		Number: audience.Number(it), Name: it.Value.Name, Data: it.Value.Data, Attachments: []Attachment{},
		CreatedAt: rest.Time(it.CreatedAt), UpdatedAt: rest.Time(it.UpdatedAt),
	}
	if len(v.Data) == 0 {
		v.Data = json.RawMessage("{}")
	}
	for i := range it.Value.Attachments {
		v.Attachments = append(v.Attachments, *showAttachment(&it.Value.Attachments[i]))
	}
	return v
}

var docAudienceList = rest.Doc{ID: "listAudiences", Tag: "Audiences", Summary: "List the audiences", Text: "The list is never paged."}

func (a *API) audienceList(_ context.Context, c *access.Principal, _ *rest.None) (*rest.List[Audience], error) {
	var data []Audience
	for _, it := range a.Audiences.Audiences(c.Tenant) {
		data = append(data, *showAudience(it))
	}
	return rest.PageOf(data, ""), nil
}

type audiencePath struct {
	Number int64 `path:"number" doc:"the audience's number"`
}

var docAudienceGet = rest.Doc{ID: "getAudience", Tag: "Audiences", Summary: "Get an audience"}

func (a *API) audienceGet(_ context.Context, c *access.Principal, in *audiencePath) (*Audience, error) {
	it, err := a.Audiences.Audience(c.Tenant, in.Number)
	if err != nil {
		return nil, err
	}
	return showAudience(it), nil
}

// CreateAudience makes an audience.
type CreateAudience struct {
	Number int64                  `json:"number" required:"true" doc:"unique; relay42AudienceNumber of the payload" example:"101"`
	Name   string                 `json:"name" required:"true" text:"label" maxLength:"200" example:"\"Spring\""`
	Data   rest.Opt[rest.RawJSON] `json:"data" doc:"an object, part of each payload" example:"{\"Custom\":\"Test Custom\"}"`
}

type createAudienceInput struct {
	Body CreateAudience `body:"required"`
}

var docAudienceCreate = rest.Doc{ID: "createAudience", Tag: "Audiences", Summary: "Make an audience", Status: 201}

func (a *API) audienceCreate(ctx context.Context, c *access.Principal, in *createAudienceInput) (*Audience, error) {
	it, err := a.Audiences.Create(ctx, c, in.Body.Number, audience.Audience{Name: in.Body.Name, Data: json.RawMessage(in.Body.Data.Value)})
	if err != nil {
		return nil, err
	}
	return showAudience(it), nil
}

// UpdateAudience changes an audience.
type UpdateAudience struct {
	Name rest.Opt[string]       `json:"name" text:"label" maxLength:"200" example:"\"Spring\""`
	Data rest.Opt[rest.RawJSON] `json:"data" doc:"an object, part of each payload; a change is not sent by itself"`
}

type updateAudienceInput struct {
	audiencePath
	Body UpdateAudience `body:"required"`
}

var docAudienceUpdate = rest.Doc{ID: "updateAudience", Tag: "Audiences", Summary: "Change an audience"}

func (a *API) audienceUpdate(ctx context.Context, c *access.Principal, in *updateAudienceInput) (*Audience, error) {
	it, err := a.Audiences.Update(ctx, c, in.Number, func(v *audience.Audience) {
		in.Body.Name.Apply(&v.Name, "")
		if in.Body.Data.Given {
			v.Data = json.RawMessage(in.Body.Data.Value)
		}
	})
	if err != nil {
		return nil, err
	}
	return showAudience(it), nil
}

var docAudienceDelete = rest.Doc{ID: "deleteAudience", Tag: "Audiences", Summary: "Delete an audience that is attached to no partner", Status: 204}

func (a *API) audienceDelete(ctx context.Context, c *access.Principal, in *audiencePath) (*rest.None, error) {
	return nil, a.Audiences.Delete(ctx, c, in.Number)
}

// CreateAttachment brings an audience to a partner.
type CreateAttachment struct {
	Connection string `json:"connection" required:"true" example:"\"con_6xfkskvosjcfykau\""`
	ExternalID string `json:"externalId" doc:"the segment or event at the partner; sent byte for byte. An error where the connector uses it and it is blank" example:"\"2582431\""`
	OnUpdate   bool   `json:"onUpdate" doc:"the partner is told of changes of members, too"`
	Purpose    string `json:"consentPurpose" maxLength:"100" doc:"only profiles that have granted it are sent; one that takes it back is removed" example:"\"newsletter\""`
}

type createAttachmentInput struct {
	audiencePath
	Body CreateAttachment `body:"required"`
}

var docAttachmentCreate = rest.Doc{ID: "createAttachment", Tag: "Audiences", Summary: "Attach an audience to a partner", Status: 201,
	Text: "Its members are sent, unless the connector is of the kind message: that sends those who enter from now on."}

func (a *API) attachmentCreate(ctx context.Context, c *access.Principal, in *createAttachmentInput) (*Attachment, error) {
	at, err := a.Audiences.Attach(ctx, c, in.Number, audience.Attachment{Connection: in.Body.Connection, ExternalID: in.Body.ExternalID, OnUpdate: in.Body.OnUpdate, ConsentPurpose: in.Body.Purpose})
	if err != nil {
		return nil, err
	}
	return showAttachment(at), nil
}

type attachmentPath struct {
	audiencePath
	ID string `path:"id" doc:"the attachment's id"`
}

// UpdateAttachment changes an attachment.
type UpdateAttachment struct {
	Paused     rest.Opt[bool]   `json:"paused" default:"false" doc:"true: nothing is sent; false: what is wanted by then is sent, and what was rejected is tried again" example:"true"`
	OnUpdate   rest.Opt[bool]   `json:"onUpdate" default:"false" doc:"the partner is told of changes of members, too"`
	ExternalID rest.Opt[string] `json:"externalId" default:"\"\"" doc:"another segment at the partner: the audience is detached from the old one, and attached anew with another id"`
	Members    rest.Opt[string] `json:"members" enum:"remove,keep" default:"\"remove\"" doc:"with externalId: whether the members are removed from the old segment"`
}

type updateAttachmentInput struct {
	attachmentPath
	Body UpdateAttachment `body:"required"`
}

var docAttachmentUpdate = rest.Doc{ID: "updateAttachment", Tag: "Audiences", Summary: "Change an attachment, pause it, or go on"}

func (a *API) attachmentUpdate(ctx context.Context, c *access.Principal, in *updateAttachmentInput) (*Audience, error) {
	b := &in.Body
	change := audience.AttachmentChange{Leaving: audience.RemoveThere}
	if b.Paused.Given {
		change.Paused = &b.Paused.Value
	}
	if b.OnUpdate.Given {
		change.OnUpdate = &b.OnUpdate.Value
	}
	if b.ExternalID.Given {
		change.ExternalID = &b.ExternalID.Value
	}
	if b.Members.Given && !b.Members.Null {
		change.Leaving = audience.Leaving(b.Members.Value)
	}
	if _, err := a.Audiences.ChangeAttachment(ctx, c, in.Number, in.ID, &change); err != nil {
		return nil, err
	}
	return a.audienceGet(ctx, c, &in.audiencePath)
}

type deleteAttachmentInput struct {
	attachmentPath
	Members string `query:"members" enum:"remove,keep" default:"\"remove\"" doc:"remove: the partner is asked to remove them, and then the attachment goes; keep: they stay at the partner, and it goes at once"`
}

var docAttachmentDelete = rest.Doc{ID: "deleteAttachment", Tag: "Audiences", Summary: "Detach an audience from a partner", Status: 202,
	Text: "It is done in the background; `detaching` of the attachment tells until then. Repeated with `keep`, it no longer waits for the partner."}

func (a *API) attachmentDelete(ctx context.Context, c *access.Principal, in *deleteAttachmentInput) (*Audience, error) {
	if err := a.Audiences.Detach(ctx, c, in.Number, in.ID, audience.Leaving(in.Members)); err != nil {
		return nil, err
	}
	return a.audienceGet(ctx, c, &in.audiencePath)
}

// AttachmentCounts is how many profiles stand how at a partner.
type AttachmentCounts struct {
	States map[string]int64 `json:"states" doc:"by state, as in the list of profiles" example:"{\"synced\":981,\"rejected\":2}"`
}

var docAttachmentCounts = rest.Doc{ID: "getAttachmentCounts", Tag: "Audiences", Summary: "Count where profiles stand at a partner"}

func (a *API) attachmentCounts(ctx context.Context, c *access.Principal, in *attachmentPath) (*AttachmentCounts, error) {
	count, err := a.Audiences.Counts(ctx, c.Tenant, in.Number, in.ID)
	if err != nil {
		return nil, err
	}
	v := &AttachmentCounts{States: make(map[string]int64)}
	for state, n := range count {
		v.States[string(state)] = n
	}
	return v, nil
}

// AttachmentProfile is where a profile stands at a partner.
type AttachmentProfile struct {
	ProfileID string     `json:"profileId"`
	State     string     `json:"state" doc:"pendingAdd, pendingUpdate, pendingRemove, sending, synced, rejected, skipped, suppressed or kept; empty: it is not there, and not wanted there" example:"\"synced\""`
	Wanted    bool       `json:"wanted"`
	Sent      bool       `json:"sent" doc:"the partner has it"`
	Reason    *string    `json:"reason" doc:"why it was rejected or skipped, in the partner's words"`
	At        *rest.Time `json:"at"`
}

type attachmentQuery struct {
	rest.Page
	attachmentPath
	State string `query:"state" enum:"pendingAdd,pendingUpdate,pendingRemove,sending,synced,rejected,skipped,suppressed,kept" doc:"only profiles that stand so"`
}

var docAttachmentProfiles = rest.Doc{ID: "listAttachmentProfiles", Tag: "Audiences", Summary: "List where profiles stand at a partner", Text: "In the order of their ids."}

func (a *API) attachmentProfiles(ctx context.Context, c *access.Principal, in *attachmentQuery) (*rest.List[AttachmentProfile], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	number, profile, _ := strings.Cut(after, "/")
	entry, err := strconv.ParseInt(number, 10, 64)
	if after != "" && err != nil {
		return nil, problem.InvalidField("cursor", "is not one that this list has given")
	}
	rows, err := a.Audiences.Rows(ctx, c.Tenant, in.Number, in.ID, audience.State(in.State), profile, entry, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var data []AttachmentProfile
	for i, r := range rows {
		if i == in.Limit {
			return rest.PageOf(data, rest.TextCursor(strconv.FormatInt(rows[i-1].Entry, 10)+"/"+rows[i-1].Profile)), nil
		}
		data = append(data, AttachmentProfile{r.Profile, string(r.Sync.State), r.Sync.Want, r.Sync.Sent, rest.TextOrNil(r.Sync.Words), rest.TimeOrNil(r.Sync.At)})
	}
	return rest.PageOf(data, ""), nil
}

// ProfileExplanation says why a profile is at a partner, or why it is not.
type ProfileExplanation struct {
	MemberSince *rest.Time `json:"memberSince" doc:"null: it is not in the audience"`
	State       string     `json:"state" doc:"as in the list of profiles" example:"\"suppressed\""`
	Wanted      bool       `json:"wanted"`
	Sent        bool       `json:"sent" doc:"the partner has it"`
	At          *rest.Time `json:"at"`
	Reasons     []string   `json:"reasons" doc:"sentences, the most important first" example:"[\"It is held back: there is no consent to \\\"newsletter\\\".\"]"`
}

type explainInput struct {
	attachmentPath
	Profile string `path:"profileId" doc:"the profile's id"`
}

var docAttachmentExplain = rest.Doc{ID: "explainProfile", Tag: "Audiences", Summary: "Explain why a profile is at a partner, or why it is not"}

func (a *API) attachmentExplain(ctx context.Context, c *access.Principal, in *explainInput) (*ProfileExplanation, error) {
	e, err := a.Audiences.Explain(ctx, c.Tenant, in.Number, in.ID, in.Profile)
	if err != nil {
		return nil, err
	}
	v := &ProfileExplanation{MemberSince: rest.TimeOrNil(e.Member), Reasons: e.Reasons}
	if e.Row != nil {
		v.State, v.Wanted, v.Sent, v.At = string(e.Row.Sync.State), e.Row.Sync.Want, e.Row.Sync.Sent, rest.TimeOrNil(e.Row.Sync.At)
	}
	return v, nil
}

// Member is a profile in an audience.
type Member struct {
	ProfileID string    `json:"profileId"`
	Since     rest.Time `json:"since"`
}

type memberQuery struct {
	rest.Page
	audiencePath
}

var docMemberList = rest.Doc{ID: "listMembers", Tag: "Audiences", Summary: "List an audience's members", Text: "In the order of their ids."}

func (a *API) memberList(ctx context.Context, c *access.Principal, in *memberQuery) (*rest.List[Member], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, err := a.Audiences.Members(ctx, c.Tenant, in.Number, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var data []Member
	for i, m := range list {
		if i == in.Limit {
			return rest.PageOf(data, rest.TextCursor(list[i-1].Profile)), nil
		}
		data = append(data, Member{m.Profile, rest.Time(m.Since)})
	}
	return rest.PageOf(data, ""), nil
}

type memberPath struct {
	audiencePath
	ID string `path:"id" doc:"the profile's id"`
}

type enterInput struct {
	memberPath
	Body PutProfile `body:"optional"`
}

var docMemberEnter = rest.Doc{ID: "enterAudience", Tag: "Audiences", Summary: "Put a profile into an audience", Status: 204,
	Text: "The body changes the profile, as `PATCH /v1/profiles/{id}` does. Repeating it changes nothing."}

func (a *API) memberEnter(ctx context.Context, c *access.Principal, in *enterInput) (*rest.None, error) {
	return nil, a.Audiences.Enter(ctx, c.Tenant, in.Number, in.ID, in.Body.input())
}

var docMemberLeave = rest.Doc{ID: "leaveAudience", Tag: "Audiences", Summary: "Take a profile out of an audience", Status: 204, Text: "Repeating it changes nothing."}

func (a *API) memberLeave(ctx context.Context, c *access.Principal, in *memberPath) (*rest.None, error) {
	_, err := a.Audiences.Leave(ctx, c.Tenant, in.Number, in.ID)
	return nil, err
}
