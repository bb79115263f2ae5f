package audience

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Profile is a person or thing that audiences are made of.
type Profile struct {
	Tenant   event.TenantID `json:"-"`
	ID       string         `json:"-"`
	SourceID string         `json:"sourceId,omitempty"`
	// PartnerIDs are the identifiers by partner number, the oldest first.
	PartnerIDs map[string][]string `json:"partnerIds,omitempty"`
	Variables  json.RawMessage     `json:"variables,omitempty"` // a JSON object; empty: {}
	Test       bool                `json:"test,omitempty"`
	// DoNotContact keeps the profile from everything but removals.
	DoNotContact bool `json:"doNotContact,omitempty"`
	// Consent is what the person has agreed to, by purpose.
	Consent map[string]Consent `json:"consent,omitempty"`
	// Erasing tells that the profile is erased as soon as its partners have been told.
	Erasing   bool      `json:"erasing,omitempty"`
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	Version   int64     `json:"-"` // 0: it is not stored yet
}

// Consent is what a person has said to a purpose.
type Consent struct {
	State ConsentState `json:"state"`
	At    time.Time    `json:"at,omitzero"`     // zero: it was not told
	Proof string       `json:"proof,omitempty"` // where it is written down
}

// ConsentState is an answer to a purpose. Without one it is unknown, which is not granted.
type ConsentState string

// The answers.
const (
	Granted ConsentState = "granted"
	Denied  ConsentState = "denied"
	// Unknown takes an answer back; it is not stored.
	Unknown ConsentState = "unknown"
)

// Input is a profile as somebody gives it; nil members stay as they are.
type Input struct {
	SourceID     *string             `json:"sourceId,omitempty"`
	PartnerIDs   map[string][]string `json:"partnerIds,omitempty"`
	Variables    json.RawMessage     `json:"variables,omitempty"`
	Test         *bool               `json:"test,omitempty"`
	DoNotContact *bool               `json:"doNotContact,omitempty"`
	// Consent has the purposes that change; nil takes one back.
	Consent map[string]*Consent `json:"consent,omitempty"`
}

const (
	maxID        = 256
	maxVariables = 64 << 10
	maxIDs       = 100
)

// CheckID returns a problem unless id can be that of a profile.
func CheckID(id string) error {
	if id == "" || len(id) > maxID || event.CheckText(id) != nil {
		return problem.InvalidField("profileId", "must have 1 to %d bytes, without control characters", maxID)
	}
	return nil
}

// Fill fills in a profile that is not stored, for trials.
func (in *Input) Fill(id string, p *Profile) error {
	if err := CheckID(id); err != nil {
		return err
	}
	p.ID = id
	return in.apply(p)
}

func (in *Input) apply(p *Profile) error {
	if in.SourceID != nil {
		if len(*in.SourceID) > maxID || event.CheckText(*in.SourceID) != nil {
			return problem.InvalidField("sourceId", "must have at most %d bytes, without control characters", maxID)
		}
		p.SourceID = *in.SourceID
	}
	if in.PartnerIDs != nil {
		ids := make(map[string][]string)
		for number, list := range in.PartnerIDs {
			if n, err := strconv.ParseInt(number, 10, 64); err != nil || n < 0 {
				return problem.InvalidField("partnerIds", "must be by partner number, got %q", problem.Clip(number))
			}
			for _, id := range list {
				if id == "" || len(id) > maxID || event.CheckText(id) != nil {
					return problem.InvalidField("partnerIds."+number, "must be texts of 1 to %d bytes, without control characters", maxID)
				}
				if !slices.Contains(ids[number], id) {
					ids[number] = append(ids[number], id)
				}
			}
			if len(ids[number]) > maxIDs {
				return problem.InvalidField("partnerIds."+number, "must be at most %d", maxIDs)
			}
		}
		p.PartnerIDs = ids
	}
	if in.Variables != nil {
		if len(in.Variables) > maxVariables || in.Variables[0] != '{' {
			return problem.InvalidField("variables", "must be an object of at most %d bytes", maxVariables)
		}
		p.Variables = in.Variables
	}
	if err := in.consent(p); err != nil {
		return err
	}
	for _, f := range []struct{ from, to *bool }{{in.Test, &p.Test}, {in.DoNotContact, &p.DoNotContact}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return nil
}

const (
	maxPurposes = 50
	maxProof    = 1000
)

func (in *Input) consent(p *Profile) error {
	if len(in.Consent) == 0 {
		return nil
	}
	p.Consent = maps.Clone(p.Consent)
	if p.Consent == nil {
		p.Consent = make(map[string]Consent)
	}
	for purpose, c := range in.Consent {
		switch {
		case purpose == "" || len(purpose) > 100 || event.CheckText(purpose) != nil:
			return problem.InvalidField("consent", "must be by purposes of 1 to 100 bytes, without control characters")
		case c == nil || c.State == Unknown:
			delete(p.Consent, purpose)
			continue
		case c.State != Granted && c.State != Denied:
			return problem.InvalidField("consent."+problem.Clip(purpose)+".state", "must be granted, denied or unknown")
		case len(c.Proof) > maxProof || event.CheckText(c.Proof) != nil:
			return problem.InvalidField("consent."+problem.Clip(purpose)+".proof", "must have at most %d bytes, without control characters", maxProof)
		}
		p.Consent[purpose] = *c
	}
	if len(p.Consent) > maxPurposes {
		return problem.InvalidField("consent", "must have at most %d purposes", maxPurposes)
	}
	return nil
}

// Profile returns a profile, else a NotFound problem.
func (a *Audiences) Profile(ctx context.Context, tenant event.TenantID, id string) (Profile, error) {
	p, ok, err := a.store.ProfileGet(ctx, tenant, id)
	if err == nil && !ok {
		err = problem.New(problem.NotFound, "there is no profile %q", problem.Clip(id))
	}
	return p, err
}

// PutProfile stores a profile, and brings what changes to the partners.
func (a *Audiences) PutProfile(ctx context.Context, tenant event.TenantID, id string, in *Input) (Profile, error) {
	if err := CheckID(id); err != nil {
		return Profile{}, err
	}
	if err := a.changeOne(ctx, tenant, id, func(s *standing) error { return s.apply(in) }); err != nil {
		return Profile{}, err
	}
	return a.Profile(ctx, tenant, id)
}

// Profiles returns profiles with ids above after, in order.
func (a *Audiences) Profiles(ctx context.Context, tenant event.TenantID, after string, limit int) ([]Profile, error) {
	return a.store.ProfileList(ctx, tenant, after, limit)
}

// Standing is all that is known of a profile.
type Standing struct {
	Profile Profile
	Members []Member // the audiences it is in
	// Rows tell where it stands at partners. Of messages there are only those on their way.
	Rows []Row
}

// Standing returns what is known of a profile, else a NotFound problem.
func (a *Audiences) Standing(ctx context.Context, tenant event.TenantID, id string) (*Standing, error) {
	profiles, members, rows, err := a.store.Standings(ctx, tenant, []string{id})
	if err != nil {
		return nil, err
	}
	if len(profiles) == 0 {
		return nil, problem.New(problem.NotFound, "there is no profile %q", problem.Clip(id))
	}
	return &Standing{profiles[0], members, rows}, nil
}
