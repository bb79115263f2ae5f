package audience_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/connector/connectortest"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite"
)

const tenant = event.TenantID(1)

// rig is audiences with everything below them, and a partner that keeps a list.
type rig struct {
	t         testing.TB
	store     *sqlite.Store
	engine    *delivery.Engine
	audiences *audience.Audiences
	who       *access.Principal
	con       *connector.ConnectionItem

	mu       sync.Mutex
	there    map[string]string // at the partner: what it knows of each member
	requests int
	bodies   []string
	paths    []string
	refuse   func(member string) bool
}

const list = `connector: club
version: 1.0.0
kind: list
name: Club
partnerNumber: 2001
connection: {url: {type: url}}
externalId: {use: required}
identifiers: {anyOf: [partnerIds], required: true, max: 1}
item: {member: "${payload.partnerIds[0]}", tier: "${payload.audienceVariables.?tier.orValue('basic')}"}
aggregate: {maxProfiles: 50, maxWait: 50ms}
add: {method: PUT, url: "${connection.url}/lists/${segment.id}", body: {members: "${items}"}}
remove: {method: POST, url: "${connection.url}/lists/${segment.id}/remove", body: {members: "${items}"}}
results: {path: body.refused, match: rejectedList, idOf: member, message: "${it.why}"}
tests: [{name: a, payload: {partnerIds: [m], partnerAudienceId: A}, expect: {body: {members: [{member: m, tier: basic}]}}}]
`

const note = `connector: note
version: 1.0.0
kind: message
name: Note
partnerNumber: 2001
connection: {url: {type: url}}
message: {url: "${connection.url}"}
tests: [{name: a, answer: {status: 200}, verdict: delivered}]
`

func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.bodies, r.paths = append(r.bodies, string(raw)), append(r.paths, req.URL.Path)
	var body struct {
		Members []struct{ Member, Tier string }
	}
	json.Unmarshal(raw, &body)
	var refused []map[string]string
	for _, m := range body.Members {
		switch {
		case strings.HasSuffix(req.URL.Path, "/remove"):
			delete(r.there, m.Member)
		case r.refuse != nil && r.refuse(m.Member):
			refused = append(refused, map[string]string{"member": m.Member, "why": "no such member"})
		default:
			r.there[m.Member] = m.Tier
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"refused": refused})
}

func newRig(t testing.TB, document string) *rig {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &rig{t: t, there: make(map[string]string), who: access.System(tenant)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	below := connectortest.New(t, nil, nil)
	c := below.Connectors
	var err error
	r.store, r.engine = below.Store, below.Engine
	r.audiences, err = audience.New(ctx, audience.Config{Store: r.store, Records: r.store, Connectors: c, Log: connectortest.Log})
	check(err)
	below.Start(t)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); r.audiences.Run(running) }()
	t.Cleanup(func() { stop(); <-ended })
	e, err := c.Create(ctx, r.who, document)
	check(err)
	_, err = c.SetState(ctx, r.who, e.Connector, e.Version, connector.Live)
	check(err)
	name, site := "the club", int64(1234)
	r.con, err = c.CreateConnection(ctx, r.who, e.Connector, &connector.Change{Name: &name, SiteNumber: &site, Fields: map[string]*string{"url": &server.URL}})
	check(err)
	_, err = r.audiences.Create(ctx, r.who, 101, audience.Audience{Name: "Spring", Data: []byte(`{"Custom":"Test Custom"}`)})
	check(err)
	return r
}

func (r *rig) attach(externalID string) *audience.Attachment {
	r.t.Helper()
	at, err := r.audiences.Attach(context.Background(), r.who, 101, audience.Attachment{Connection: r.con.Name, ExternalID: externalID, OnUpdate: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

func (r *rig) enter(id string, in *audience.Input) {
	r.t.Helper()
	if err := r.audiences.Enter(context.Background(), tenant, 101, id, in); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) leave(id string) {
	r.t.Helper()
	if _, err := r.audiences.Leave(context.Background(), tenant, 101, id); err != nil {
		r.t.Fatal(err)
	}
}

// input is a profile with an identifier, and a tier unless it is empty.
func input(id, tier string) *audience.Input {
	in := &audience.Input{PartnerIDs: map[string][]string{"2001": {"m-" + id}}}
	if tier != "" {
		in.Variables = json.RawMessage(`{"tier":"` + tier + `"}`)
	}
	return in
}

func (r *rig) pause(at *audience.Attachment, paused bool) {
	r.t.Helper()
	if _, err := r.audiences.ChangeAttachment(context.Background(), r.who, 101, at.ID, &audience.AttachmentChange{Paused: &paused}); err != nil {
		r.t.Fatal(err)
	}
}

// rest waits until no row is on its way and no task has work.
func (r *rig) rest() {
	r.t.Helper()
	ctx := context.Background()
	for end := time.Now().Add(time.Minute); ; {
		list, err := r.store.SyncPending(ctx, audience.Row{}, 1)
		if err != nil {
			r.t.Fatal(err)
		}
		tasks, err := r.store.TaskRunning(ctx, 100)
		if err != nil {
			r.t.Fatal(err)
		}
		// The second look of an attachment at its audience changes nothing here.
		tasks = slices.DeleteFunc(tasks, func(t audience.Task) bool { return t.Kind == audience.AttachTask && t.Phase > 0 })
		if len(list)+len(tasks) == 0 {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("still on its way: %+v, %+v", list, tasks)
		}
		time.Sleep(5 * time.Millisecond) // between two looks at the store
	}
}

func (r *rig) states(at *audience.Attachment) map[audience.State]int64 {
	r.t.Helper()
	m, err := r.store.SyncCount(context.Background(), tenant, at.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) list() (members []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m, tier := range r.there {
		members = append(members, m+" "+tier)
	}
	slices.Sort(members)
	return members
}

func TestAudienceReachesItsPartner(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	r.enter("before", input("before", "")) // who is in already when it is attached
	if _, err := r.audiences.Attach(ctx, r.who, 101, audience.Attachment{Connection: r.con.Name}); err == nil || !strings.Contains(err.Error(), "externalId must not be blank") {
		t.Errorf("without an External ID: got %v", err)
	}
	at := r.attach(" Spring ")
	for i := range 120 {
		r.enter(fmt.Sprintf("p%03d", i), input(fmt.Sprintf("p%03d", i), "gold"))
	}
	r.enter("none", nil)
	r.rest()
	if got := r.list(); len(got) != 121 || got[0] != "m-before basic" || got[1] != "m-p000 gold" {
		t.Fatalf("got %d members: %.200v", len(got), got)
	}
	if m := r.states(at); m[audience.Synced] != 121 || m[audience.Skipped] != 1 {
		t.Errorf("got %v", m)
	}
	// A change is sent if it changes what the partner has; an identifier that comes later heals.
	before := r.requests
	r.enter("p000", &audience.Input{Variables: json.RawMessage(`{"tier":"gold","other":1}`)})
	r.rest()
	if r.requests != before {
		t.Errorf("%d requests for a change that is none for the partner", r.requests-before)
	}
	if _, err := r.audiences.PutProfile(ctx, tenant, "p000", input("p000", "silver")); err != nil {
		t.Fatal(err)
	}
	r.enter("none", input("none", ""))
	r.leave("before")
	r.rest()
	if got := r.list(); len(got) != 121 || got[0] != "m-none basic" || got[1] != "m-p000 silver" {
		t.Errorf("got %d members: %.200v", len(got), got)
	}
	// What the partner refuses stays, with its words.
	r.refuse = func(m string) bool { return m == "m-bad" }
	r.enter("bad", input("bad", ""))
	r.rest()
	rows, err := r.store.SyncList(ctx, tenant, at.ID, audience.Rejected, "", 0, 10)
	if err != nil || len(rows) != 1 || rows[0].Sync.Words != "no such member" {
		t.Errorf("got %+v, %v", rows, err)
	}
}

func TestSuppressionPauseAndErasure(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	at := r.attach("A")
	yes := true
	in := input("quiet", "")
	in.DoNotContact = &yes
	r.enter("quiet", in)
	r.enter("loud", input("loud", ""))
	r.rest()
	if got := r.list(); !slices.Equal(got, []string{"m-loud basic"}) || r.states(at)[audience.Suppressed] != 1 {
		t.Fatalf("got %v and %v", got, r.states(at))
	}
	// Removal is never suppressed.
	if _, err := r.audiences.PutProfile(ctx, tenant, "loud", &audience.Input{DoNotContact: &yes}); err != nil {
		t.Fatal(err)
	}
	r.leave("loud")
	r.rest()
	if got := r.list(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	// A paused attachment keeps what is wanted, and goes on with the latest.
	r.pause(at, true)
	for _, id := range []string{"a", "b", "c"} {
		r.enter(id, input(id, ""))
	}
	r.leave("b")
	r.rest()
	if got := r.list(); len(got) != 0 {
		t.Errorf("paused: got %v", got)
	}
	r.pause(at, false)
	r.rest()
	if got := r.list(); !slices.Equal(got, []string{"m-a basic", "m-c basic"}) {
		t.Errorf("resumed: got %v", got)
	}
	// Erasing removes from the partner first.
	if err := r.audiences.Erase(ctx, r.who, "a"); err != nil {
		t.Fatal(err)
	}
	r.rest()
	if _, err := r.audiences.Profile(ctx, tenant, "a"); err == nil || !slices.Equal(r.list(), []string{"m-c basic"}) {
		t.Errorf("erased: got %v and %v", err, r.list())
	}
	log, _, err := r.store.AttemptList(ctx, delivery.LogQuery{Tenant: tenant, Limit: 100})
	if err != nil || len(log) == 0 {
		t.Fatalf("got %v, %v", log, err)
	}
	for _, a := range log {
		if text := fmt.Sprintf("%s %s %s", a.Request.Body, a.Request.URL, a.Error); strings.Contains(text, "m-a") || a.Response != nil && len(a.Response.Body) > 0 {
			t.Errorf("the log holds %s and %+v", text, a.Response)
		}
	}
	if _, _, rows, err := r.store.Standings(ctx, tenant, []string{"a"}); err != nil || len(rows) != 0 {
		t.Errorf("erased: got %+v, %v", rows, err)
	}
}

// TestMessagesAreNotCoalesced: each entry is sent with the payload of its moment, whatever comes after.
func TestMessagesAreNotCoalesced(t *testing.T) {
	t.Parallel()
	r := newRig(t, note)
	r.attach("")
	r.enter("p", input("p", "one"))
	r.leave("p")
	r.enter("p", input("p", "two"))
	r.rest()
	r.mu.Lock()
	slices.Sort(r.bodies)
	got := slices.Clone(r.bodies)
	r.mu.Unlock()
	want := `{"siteNumber":1234,"partnerNumber":2001,"partnerAudienceId":"","relay42AudienceNumber":101,"partnerIds":["m-p"],"audienceVariables":{"tier":"%s"},"profileId":"p","sourceId":"","data":{"Custom":"Test Custom"}}`
	if len(got) != 2 || got[0] != fmt.Sprintf(want, "one") || got[1] != fmt.Sprintf(want, "two") {
		t.Errorf("got %q", got)
	}
}

// TestDetaching: those at the partner are removed there or kept, and then the attachment is gone, and the connection and the
// audience can be.
func TestDetaching(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	at := r.attach("A")
	for _, id := range []string{"a", "b", "bad"} {
		r.enter(id, input(id, ""))
	}
	r.rest()
	gone := func(what string) {
		t.Helper()
		it, err := r.audiences.Audience(tenant, 101)
		if n := r.states(at); err != nil || len(it.Value.Attachments) != 0 || len(n) != 0 {
			t.Errorf("%s: got %+v, %v, rows %v", what, it.Value.Attachments, err, n)
		}
	}
	if err := r.audiences.Delete(ctx, r.who, 101); err == nil || !strings.Contains(err.Error(), "detach it first") {
		t.Errorf("deleting an attached audience: got %v", err)
	}
	r.pause(at, true)
	if err := r.audiences.Detach(ctx, r.who, 101, at.ID, audience.RemoveThere); err != nil {
		t.Fatal(err)
	}
	r.enter("late", input("late", "")) // nothing more is sent there
	r.rest()
	if got := r.list(); len(got) != 0 {
		t.Errorf("detached: the partner has %v", got)
	}
	gone("removed")
	// Attached again, the same profiles are sent anew; kept, they stay at the partner.
	at = r.attach("A")
	r.rest()
	before := r.requests
	if got := r.list(); len(got) != 4 {
		t.Errorf("attached again: the partner has %v", got)
	}
	if err := r.audiences.Detach(ctx, r.who, 101, at.ID, audience.KeepThere); err != nil {
		t.Fatal(err)
	}
	r.rest()
	if got := r.list(); len(got) != 4 || r.requests != before {
		t.Errorf("kept: the partner has %v after %d requests", got, r.requests-before)
	}
	gone("kept")
	tasks, err := r.audiences.Tasks(ctx, tenant, 101)
	if err != nil || len(tasks) < 4 || tasks[0].Kind != audience.DetachTask || tasks[0].State != audience.TaskDone || tasks[0].Left != 4 {
		t.Errorf("got %+v, %v", tasks, err)
	}
	if err := r.audiences.Delete(ctx, r.who, 101); err != nil {
		t.Error(err)
	}
}

// TestAnotherExternalID: the members leave the old list and enter the new one.
func TestAnotherExternalID(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	at := r.attach("old")
	r.enter("a", input("a", ""))
	r.rest()
	external, off := "new", false
	id, err := r.audiences.ChangeAttachment(ctx, r.who, 101, at.ID, &audience.AttachmentChange{ExternalID: &external, OnUpdate: &off, Leaving: audience.RemoveThere})
	if err != nil || id == at.ID {
		t.Fatalf("got %q, %v", id, err)
	}
	r.rest()
	it, _ := r.audiences.Audience(tenant, 101)
	if got := it.Value.Attachments; len(got) != 1 || got[0].ID != id || got[0].ExternalID != "new" || got[0].OnUpdate || got[0].Leaving != "" {
		t.Errorf("got %+v", got)
	}
	r.mu.Lock()
	paths := slices.Sorted(slices.Values(r.paths))
	r.mu.Unlock()
	if want := []string{"/lists/new", "/lists/old", "/lists/old/remove"}; !slices.Equal(paths, want) {
		t.Errorf("got requests %q, want %q", paths, want)
	}
	blank := ""
	if _, err := r.audiences.ChangeAttachment(ctx, r.who, 101, id, &audience.AttachmentChange{ExternalID: &blank}); err == nil || !strings.Contains(err.Error(), "externalId must not be blank") {
		t.Errorf("without an External ID: got %v", err)
	}
}

// TestManyEntriesOfOneProfile: going on with an attachment reaches all entries of a message, however many one profile has.
func TestManyEntriesOfOneProfile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, note)
	at := r.attach("")
	r.pause(at, true)
	c := &audience.Change{Tenant: tenant, Put: []*audience.Profile{{Tenant: tenant, ID: "p", CreatedAt: time.Now(), UpdatedAt: time.Now()}}}
	for i := range 520 {
		row := &audience.Row{Tenant: tenant, Attachment: at.ID, Profile: "p", Entry: int64(i + 1), Audience: 101, Frozen: []byte(`{"profileId":"p","audienceVariables":{},"data":{},"partnerIds":[]}`)}
		row.Sync.Wants(true, false, time.Now())
		row.Sync.Turn = 0 // as the pause leaves it
		if i < 510 {
			row.Sync = audience.Sync{Want: true, Sent: true, State: audience.Synced}
		}
		c.Rows = append(c.Rows, row)
	}
	if err := r.store.AudienceChange(ctx, c); err != nil {
		t.Fatal(err)
	}
	r.pause(at, false)
	r.rest()
	if n := r.states(at); n[audience.Synced] != 520 || r.requests != 10 {
		t.Errorf("got %v after %d requests", n, r.requests)
	}
}

// TestConsentAndErasure: only those who have agreed are sent, who takes it back is removed, and a partner that can forget
// is told to when a profile is erased.
func TestConsentAndErasure(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list+`forget: {method: POST, url: "${connection.url}/forget/remove", body: {members: "${items}"}}`+"\n")
	at, err := r.audiences.Attach(ctx, r.who, 101, audience.Attachment{Connection: r.con.Name, ExternalID: "A", ConsentPurpose: "news"})
	if err != nil {
		t.Fatal(err)
	}
	consent := func(id string, state audience.ConsentState) {
		t.Helper()
		in := input(id, "")
		in.Consent = map[string]*audience.Consent{"news": {State: state}}
		r.enter(id, in)
		r.rest()
	}
	explained := func(id, want string) {
		t.Helper()
		e, err := r.audiences.Explain(ctx, tenant, 101, at.ID, id)
		if err != nil || !strings.Contains(strings.Join(e.Reasons, " "), want) {
			t.Errorf("%s: got %+v, %v, want %q", id, e, err, want)
		}
	}
	r.enter("unknown", input("unknown", ""))
	consent("no", audience.Denied)
	consent("yes", audience.Granted)
	if got := r.list(); !slices.Equal(got, []string{"m-yes basic"}) || r.states(at)[audience.Suppressed] != 2 {
		t.Errorf("got %v and %v", got, r.states(at))
	}
	explained("unknown", `held back: there is no consent to "news".`)
	explained("no", `held back: the consent to "news" was denied.`)
	explained("yes", "The partner has it.")
	consent("no", audience.Granted)
	consent("yes", audience.Unknown) // taken back
	if got := r.list(); !slices.Equal(got, []string{"m-no basic"}) {
		t.Errorf("got %v", got)
	}
	r.leave("unknown")
	explained("unknown", "The profile is not in the audience. The partner does not have it")
	yes := true
	if _, err := r.audiences.PutProfile(ctx, tenant, "no", &audience.Input{DoNotContact: &yes}); err != nil {
		t.Fatal(err)
	}
	r.rest()
	if got := r.list(); len(got) != 0 {
		t.Errorf("who must not be contacted any more is still there: %v", got)
	}
	consent("gone", audience.Granted)
	if err := r.audiences.Erase(ctx, r.who, "gone"); err != nil {
		t.Fatal(err)
	}
	r.rest()
	r.mu.Lock()
	forgotten := slices.Contains(r.paths, "/forget/remove")
	r.mu.Unlock()
	if _, err := r.audiences.Profile(ctx, tenant, "gone"); err == nil || !forgotten || len(r.list()) != 0 {
		t.Errorf("erased: got %v, told to forget: %v, there %v", err, forgotten, r.list())
	}
	if _, err := r.audiences.PutProfile(ctx, tenant, "x", &audience.Input{Consent: map[string]*audience.Consent{"news": {State: "maybe"}}}); err == nil || !strings.Contains(err.Error(), "must be granted, denied or unknown") {
		t.Errorf("got %v", err)
	}
}

// TestAnotherPurpose changes the purpose of an attachment: who has not granted it is removed at the partner, and comes back
// when no purpose is asked for.
func TestAnotherPurpose(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRig(t, list)
	at := r.attach("A")
	granted := input("yes", "")
	granted.Consent = map[string]*audience.Consent{"news": {State: audience.Granted}}
	r.enter("yes", granted)
	r.enter("unknown", input("unknown", ""))
	r.rest()
	for _, step := range []struct {
		purpose string
		want    []string
	}{{"news", []string{"m-yes basic"}}, {"", []string{"m-unknown basic", "m-yes basic"}}} {
		if id, err := r.audiences.ChangeAttachment(ctx, r.who, 101, at.ID, &audience.AttachmentChange{ConsentPurpose: &step.purpose}); err != nil || id != at.ID {
			t.Fatalf("got %s, %v", id, err)
		}
		for deadline := time.Now().Add(30 * time.Second); !slices.Equal(r.list(), step.want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("with the purpose %q: got %v, want %v", step.purpose, r.list(), step.want)
			}
		}
	}
	long := strings.Repeat("x", 101)
	if _, err := r.audiences.ChangeAttachment(ctx, r.who, 101, at.ID, &audience.AttachmentChange{ConsentPurpose: &long}); err == nil {
		t.Error("a purpose of 101 bytes is accepted")
	}
}
