package audience

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Attachment brings an audience to a partner.
type Attachment struct {
	ID         string `json:"id"` // "att_…"
	Connection string `json:"connection"`
	ExternalID string `json:"externalId"` // byte for byte
	// OnUpdate tells the partner of changes of the profile, too.
	OnUpdate bool `json:"onUpdate,omitempty"`
	Paused   bool `json:"paused,omitempty"`
	// ConsentPurpose is what profiles must have granted to be sent; empty: nothing.
	ConsentPurpose string `json:"consentPurpose,omitempty"`
	// Leaving tells that the attachment is being detached, and what becomes of those who are at the partner.
	Leaving Leaving `json:"leaving,omitempty"`
}

// Leaving is what becomes of the profiles at a partner when an audience is detached from it.
type Leaving string

// The ways to detach.
const (
	RemoveThere Leaving = "remove" // the partner is told to remove them, then the attachment goes
	KeepThere   Leaving = "keep"   // they stay there, and the attachment goes at once
)

// maxAttachments bounds the attachments of an audience.
const maxAttachments = 50

func (a *Audiences) attachment(tenant event.TenantID, number int64, id string) *Attachment {
	it, err := a.Audience(tenant, number)
	if err != nil {
		return nil
	}
	return it.Value.attachment(id)
}

func (v *Audience) attachment(id string) *Attachment {
	i := slices.IndexFunc(v.Attachments, func(x Attachment) bool { return x.ID == id })
	if i < 0 {
		return nil
	}
	return &v.Attachments[i]
}

func errNoAttachment(id string) error {
	return problem.New(problem.NotFound, "there is no attachment %q", problem.Clip(id))
}

// definitionFor returns the definition that an attachment is sent by, or says why it cannot be.
func (a *Audiences) definitionFor(tenant event.TenantID, at *Attachment) (*connector.Definition, error) {
	con, err := a.connectors.Connection(tenant, at.Connection)
	if err != nil {
		return nil, problem.InvalidField("connection", "is not there: %v", err)
	}
	d, err := a.connectors.DefinitionOf(tenant, &con.Value)
	if err != nil {
		return nil, err
	}
	if reason := d.CheckExternalID(at.ExternalID); reason != "" {
		return nil, problem.InvalidField("externalId", "%s", reason)
	}
	return d.Definition, nil
}

// Attach brings an audience to a partner: all its members are sent, unless it is by a message, which those who enter from
// now on get.
func (a *Audiences) Attach(ctx context.Context, p *access.Principal, number int64, at Attachment) (*Attachment, error) {
	if _, err := a.definitionFor(p.Tenant, &at); err != nil {
		return nil, err
	}
	if err := checkPurpose(at.ConsentPurpose); err != nil {
		return nil, err
	}
	at.ID = randomid.New("att_")
	_, err := a.update(ctx, p, number, func(v *Audience) error { return v.add(at) })
	if err != nil {
		return nil, err
	}
	return &at, a.begin(ctx, &Task{Tenant: p.Tenant, Kind: AttachTask, Audience: number, Attachment: at.ID})
}

func checkPurpose(purpose string) error {
	if len(purpose) > 100 || event.CheckText(purpose) != nil {
		return problem.InvalidField("consentPurpose", "must have at most 100 bytes, without control characters")
	}
	return nil
}

func (v *Audience) add(at Attachment) error {
	if len(v.Attachments) >= maxAttachments {
		return problem.New(problem.Forbidden, "an audience can have %d attachments at most", maxAttachments)
	}
	v.Attachments = append(v.Attachments, at)
	return nil
}

func (v *Audience) remove(id string) {
	v.Attachments = slices.DeleteFunc(v.Attachments, func(x Attachment) bool { return x.ID == id })
}

// AttachmentChange is what is to change of an attachment; nil members stay as they are.
type AttachmentChange struct {
	OnUpdate, Paused *bool
	// ConsentPurpose is another purpose: who has not granted it is removed at the partner, and who has is sent.
	ConsentPurpose *string
	// ExternalID is another list at the partner: the audience is detached from the old one and attached to the new one.
	ExternalID *string
	Leaving    Leaving // what becomes of those in the old list
}

// ChangeAttachment changes an attachment, and returns its id: that of another one if the External ID changes.
func (a *Audiences) ChangeAttachment(ctx context.Context, p *access.Principal, number int64, id string, c *AttachmentChange) (string, error) {
	old := a.attachment(p.Tenant, number, id)
	if old == nil {
		return "", errNoAttachment(id)
	}
	if c.ConsentPurpose != nil {
		if err := checkPurpose(*c.ConsentPurpose); err != nil {
			return "", err
		}
	}
	next := *old
	if c.ExternalID != nil && *c.ExternalID != old.ExternalID {
		next.ID, next.ExternalID = randomid.New("att_"), *c.ExternalID
		if _, err := a.definitionFor(p.Tenant, &next); err != nil {
			return "", err
		}
	}
	var was Attachment
	_, err := a.update(ctx, p, number, func(v *Audience) error {
		at := v.attachment(id)
		switch {
		case at == nil:
			return errNoAttachment(id)
		case at.Leaving != "":
			return problem.New(problem.Conflict, "the attachment is being detached")
		}
		was = *at
		change := func(at *Attachment) {
			for _, f := range []struct{ from, to *bool }{{c.OnUpdate, &at.OnUpdate}, {c.Paused, &at.Paused}} {
				if f.from != nil {
					*f.to = *f.from
				}
			}
			if c.ConsentPurpose != nil {
				at.ConsentPurpose = *c.ConsentPurpose
			}
		}
		if next.ID == id {
			change(at)
			return nil
		}
		at.leave(c.Leaving)
		other := was
		other.ID, other.ExternalID = next.ID, next.ExternalID
		change(&other)
		return v.add(other)
	})
	if err != nil {
		return "", err
	}
	if next.ID != id {
		err = a.begin(ctx, &Task{Tenant: p.Tenant, Kind: DetachTask, Audience: number, Attachment: id})
		if err == nil {
			err = a.begin(ctx, &Task{Tenant: p.Tenant, Kind: AttachTask, Audience: number, Attachment: next.ID})
		}
		return next.ID, err
	}
	if c.ConsentPurpose != nil && *c.ConsentPurpose != was.ConsentPurpose {
		// Each member is looked at again, as when the audience was attached.
		err = a.begin(ctx, &Task{Tenant: p.Tenant, Kind: AttachTask, Audience: number, Attachment: id})
	}
	if err == nil && c.Paused != nil && !*c.Paused {
		err = a.begin(ctx, &Task{Tenant: p.Tenant, Kind: ResumeTask, Audience: number, Attachment: id})
	}
	return id, err
}

// bars says why a profile of the audience is not to be at the partner, "" if it may be.
func (at *Attachment) bars(p *Profile) string {
	switch {
	case p.DoNotContact:
		return "the profile must not be contacted"
	case at.ConsentPurpose == "":
		return ""
	case p.Consent[at.ConsentPurpose].State == Denied:
		return fmt.Sprintf("the consent to %q was denied", at.ConsentPurpose)
	case p.Consent[at.ConsentPurpose].State != Granted:
		return fmt.Sprintf("there is no consent to %q", at.ConsentPurpose)
	}
	return ""
}

// leave marks the attachment as one that is being detached. One that is to be removed at the partner must not be paused.
func (at *Attachment) leave(how Leaving) {
	if at.Leaving = how; how == RemoveThere {
		at.Paused = false
	}
}

// Detach takes an audience from a partner. A second call may change a detachment that has the partner remove the profiles
// to one that does not wait for it.
func (a *Audiences) Detach(ctx context.Context, p *access.Principal, number int64, id string, how Leaving) error {
	_, err := a.update(ctx, p, number, func(v *Audience) error {
		at := v.attachment(id)
		if at == nil {
			return errNoAttachment(id)
		}
		if at.Leaving != KeepThere {
			at.leave(how)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.begin(ctx, &Task{Tenant: p.Tenant, Kind: DetachTask, Audience: number, Attachment: id})
}

// Rows returns where profiles behind a profile and an entry stand at a partner; state "" means all.
func (a *Audiences) Rows(ctx context.Context, tenant event.TenantID, number int64, attachment string, state State, after string, entry int64, limit int) ([]Row, error) {
	if a.attachment(tenant, number, attachment) == nil {
		return nil, errNoAttachment(attachment)
	}
	return a.store.SyncList(ctx, tenant, attachment, state, after, entry, limit)
}

// ConnectionName returns what people call a connection; its id if it is not there.
func (a *Audiences) ConnectionName(tenant event.TenantID, id string) string {
	if con, err := a.connectors.Connection(tenant, id); err == nil && con.Value.Name != "" {
		return con.Value.Name
	}
	return id
}

// Counts returns how many profiles stand how at a partner.
func (a *Audiences) Counts(ctx context.Context, tenant event.TenantID, number int64, attachment string) (map[State]int64, error) {
	if a.attachment(tenant, number, attachment) == nil {
		return nil, errNoAttachment(attachment)
	}
	return a.store.SyncCount(ctx, tenant, attachment)
}
