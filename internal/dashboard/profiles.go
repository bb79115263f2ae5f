package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/problem"
)

type profileListView struct {
	Tab      string
	Profiles []profileRow
	Query    string
	Older    string
	First    string
}

type profileRow struct {
	audience.Profile
	Identifiers int
}

// States names what is special about the profile.
func (p profileRow) States() (list []state) {
	if p.Erasing {
		list = append(list, state{Class: "warn", Word: "being forgotten"})
	} else if p.DoNotContact {
		list = append(list, state{Class: "bad", Word: "do not contact"})
	}
	if p.Test {
		list = append(list, state{Word: "test"})
	}
	return list
}

func showProfile(p audience.Profile) profileRow {
	r := profileRow{Profile: p}
	for _, list := range p.PartnerIDs {
		r.Identifiers += len(list)
	}
	return r
}

// profileList lists the profiles whose ids begin with a text, in the order of their ids.
func (d *Dashboard) profileList(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := profileListView{Tab: "profiles", Query: strings.TrimSpace(p.Get("q"))}
	after := p.Get("after")
	if v.Query != "" && after == "" {
		switch one, err := d.Audiences.Profile(ctx, q.who.Tenant, v.Query); {
		case err == nil:
			v.Profiles = append(v.Profiles, showProfile(one))
		case problem.KindOf(err) != problem.NotFound:
			return answer{}, err
		}
	}
	page, err := d.Audiences.Profiles(ctx, q.who.Tenant, max(v.Query, after), perMemberPage+1)
	if err != nil {
		return answer{}, fmt.Errorf("listing profiles: %w", err)
	}
	for _, x := range page {
		if !strings.HasPrefix(x.ID, v.Query) {
			break
		}
		if len(v.Profiles) == perMemberPage {
			v.Older = with(p, "after", v.Profiles[perMemberPage-1].ID)
			break
		}
		v.Profiles = append(v.Profiles, showProfile(x))
	}
	if after != "" {
		v.First = with(p, "after", "")
	}
	return answer{page: "profiles", title: "Profiles", section: "audiences", data: v}, nil
}

// identifierView are the identifiers of a profile under one partner number.
type identifierView struct {
	Partner string
	IDs     []string
}

// consentView is what somebody has said to a purpose.
type consentView struct {
	Purpose string
	audience.Consent
	Shown state
}

// membershipView is an audience that a profile is in, or was brought to a partner by.
type membershipView struct {
	Number   int64
	Name     string
	Since    time.Time // zero: it is not in it any more
	Partners []placeView
}

// placeView is where a profile stands at one partner.
type placeView struct {
	Attachment, Partner string
	Shown               state
	Reasons             []string
	At                  time.Time
}

type profilePageView struct {
	profileRow
	Identified []identifierView
	Variables  *body
	Consents   []consentView
	Audiences  []membershipView
	Runs       []profileRun
	MayEdit    bool
}

// profileRun is a journey that a profile is inside of.
type profileRun struct {
	runRow
	Title string
}

// insideHere bounds the journeys that the page of a profile lists.
const insideHere = 50

// inside lists the journeys that a profile is inside of.
func (d *Dashboard) inside(ctx context.Context, q *request, profile string) (list []profileRun, err error) {
	runs, err := d.Journeys.Inside(ctx, q.who.Tenant, profile)
	if err != nil {
		return nil, fmt.Errorf("looking for the journeys of a profile: %w", err)
	}
	for _, e := range runs[:min(len(runs), insideHere)] {
		if it, err := d.Journeys.Get(q.who.Tenant, e.Journey); err == nil {
			list = append(list, profileRun{runRow{e, runStates[e.State]}, it.Value.Current().Definition().Name})
		}
	}
	return list, nil
}

func (d *Dashboard) profilePage(ctx context.Context, q *request) (answer, error) {
	s, err := d.Audiences.Standing(ctx, q.who.Tenant, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	v := profilePageView{profileRow: showProfile(s.Profile), MayEdit: q.who.Allows(access.EditRespondents) && !s.Profile.Erasing}
	for number, list := range s.Profile.PartnerIDs {
		v.Identified = append(v.Identified, identifierView{number, list})
	}
	slices.SortFunc(v.Identified, func(a, b identifierView) int {
		return cmp.Or(cmp.Compare(len(a.Partner), len(b.Partner)), cmp.Compare(a.Partner, b.Partner))
	})
	for purpose, c := range s.Profile.Consent {
		x := consentView{Purpose: purpose, Consent: c, Shown: state{Class: "ok", Word: string(c.State)}}
		if c.State != audience.Granted {
			x.Shown.Class = "bad"
		}
		v.Consents = append(v.Consents, x)
	}
	slices.SortFunc(v.Consents, func(a, b consentView) int { return cmp.Compare(a.Purpose, b.Purpose) })
	variables := s.Profile.Variables
	if len(variables) == 0 {
		variables = []byte("{}")
	}
	v.Variables = showBody(variables, "application/json", false, int64(len(variables)))
	if v.Audiences, err = d.memberships(ctx, q, s); err != nil {
		return answer{}, err
	}
	if v.Runs, err = d.inside(ctx, q, v.ID); err != nil {
		return answer{}, err
	}
	return answer{page: "profile", title: "Profile " + clip(v.ID, 60), section: "audiences", data: v}, nil
}

// explainedHere bounds the attachments that the page of a profile explains.
const explainedHere = 20

// memberships tells for each audience that concerns a profile where it stands at its partners.
func (d *Dashboard) memberships(ctx context.Context, q *request, s *audience.Standing) (list []membershipView, err error) {
	concerns := make(map[int64]time.Time)
	for _, m := range s.Members {
		concerns[m.Audience] = m.Since
	}
	for _, r := range s.Rows {
		if _, in := concerns[r.Audience]; !in {
			concerns[r.Audience] = time.Time{}
		}
	}
	explained := 0
	for _, it := range d.Audiences.Audiences(q.who.Tenant) {
		number := audience.Number(it)
		since, ok := concerns[number]
		if !ok {
			continue
		}
		m := membershipView{Number: number, Name: it.Value.Name, Since: since}
		for _, at := range it.Value.Attachments {
			if explained++; explained > explainedHere {
				break
			}
			e, err := d.Audiences.Explain(ctx, q.who.Tenant, number, at.ID, s.Profile.ID)
			if problem.KindOf(err) == problem.NotFound {
				continue // it was detached just now
			}
			if err != nil {
				return nil, err
			}
			p := placeView{Attachment: at.ID, Partner: d.Audiences.ConnectionName(q.who.Tenant, at.Connection), Reasons: e.Reasons, Shown: state{Word: "not there"}}
			if e.Row != nil {
				p.Shown, p.At = shownStanding(e.Row.Sync.State), e.Row.Sync.At
			}
			m.Partners = append(m.Partners, p)
		}
		list = append(list, m)
	}
	return list, nil
}

// profileForget erases a profile for good, once the form says that it is meant.
func (d *Dashboard) profileForget(ctx context.Context, q *request) (answer, error) {
	if q.value("sure") == "" {
		return answer{}, problem.InvalidField("sure", "must be ticked: a profile that is forgotten does not come back")
	}
	id := q.PathValue("id")
	if err := d.Audiences.Erase(ctx, q.who, id); err != nil {
		return answer{}, err
	}
	if _, err := d.Audiences.Profile(ctx, q.who.Tenant, id); err == nil {
		return answer{to: q.path("profiles", id)}, nil // its partners are being told
	}
	return answer{to: q.path("profiles")}, nil
}
