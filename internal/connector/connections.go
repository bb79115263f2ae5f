package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/registry"
)

// Connection is a definition with an account at the partner.
type Connection struct {
	Connector string `json:"connector"`
	Version   string `json:"version"` // of a custom definition; empty: a standard one, of which there is one version
	Name      string `json:"name"`    // for people
	// PartnerNumber replaces the definition's, SiteNumber is "specific to your organization".
	PartnerNumber int64             `json:"partnerNumber,omitempty"`
	SiteNumber    int64             `json:"siteNumber"`
	Fields        map[string]string `json:"fields"`
	Secrets       map[string]string `json:"-"`
}

// ConnectionPrefix begins the public ids of connections.
const ConnectionPrefix = "con_"

// ConnectionItem is a connection as it is kept; its Name is its id.
type ConnectionItem = registry.Item[Connection]

// Connections returns the tenant's connections, the oldest first.
func (c *Connectors) Connections(tenant event.TenantID) []*ConnectionItem {
	return c.connections.List(tenant)
}

// Connection returns a connection, else a NotFound problem.
func (c *Connectors) Connection(tenant event.TenantID, id string) (*ConnectionItem, error) {
	return c.connections.Get(tenant, id)
}

// DefinitionOf returns the definition of a connection.
func (c *Connectors) DefinitionOf(tenant event.TenantID, v *Connection) (Entry, error) {
	return c.Get(tenant, v.Connector, v.Version)
}

// PartnerNumberOf returns the type of the identifiers that the connection sends.
func (c *Connectors) PartnerNumberOf(d *Definition, v *Connection) int64 {
	if v.PartnerNumber != 0 {
		return v.PartnerNumber
	}
	return d.PartnerNumber
}

func (v *Connection) account() *Account { return &Account{Fields: v.Fields, Secrets: v.Secrets} }

// take sets fields as somebody has given them: null resets one, and *** keeps a secret.
func (v *Connection) take(d *Definition, given map[string]*string) error {
	var wrong []problem.Field
	add := func(name, format string, args ...any) {
		wrong = append(wrong, problem.Field{Name: "fields." + name, Reason: fmt.Sprintf(format, args...)})
	}
	fields, secrets := make(map[string]string), make(map[string]string)
	for name := range given {
		if d.fieldNamed(name) == nil {
			add(name, "is no field of the connector %s", d.Connector)
		}
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		value, has := v.Fields[f.Name], false
		if f.Secret {
			value = v.Secrets[f.Name]
		}
		if text, ok := given[f.Name]; ok {
			switch {
			case text == nil:
				value = ""
			case *text == masked && f.Secret: // as it was shown
			default:
				value = *text
			}
		}
		if value == "" {
			value = f.Default
		}
		if has = value != ""; !has {
			if !f.Optional {
				add(f.Name, "must be given: %s", f.Title)
			}
			continue
		}
		if reason := f.check(value); reason != "" {
			add(f.Name, "%s", reason)
		}
		if f.Secret {
			secrets[f.Name] = value
		} else {
			fields[f.Name] = value
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
		return &problem.Error{Kind: problem.Invalid, Fields: wrong}
	}
	v.Fields, v.Secrets = fields, secrets
	return nil
}

const maxFieldBytes = 16 << 10

// check returns the fault of a value, "" if there is none.
func (f *Field) check(value string) string {
	switch {
	case len(value) > maxFieldBytes:
		return fmt.Sprintf("must have at most %d bytes, got %d", maxFieldBytes, len(value))
	case event.CheckText(value) != nil:
		return "must be valid UTF-8 without control characters"
	case len(f.Enum) > 0 && !slices.Contains(f.Enum, value):
		return "must be one of " + strings.Join(f.Enum, ", ")
	case f.pattern != nil && !f.pattern.MatchString(value):
		return "must match " + f.Pattern
	case f.Type == "number" && !isNumber.MatchString(value):
		return "must be a number"
	case f.Type == "boolean" && value != "true" && value != "false":
		return "must be true or false"
	}
	return ""
}

// Change is a change of a connection; nil members stay as they are.
type Change struct {
	Name          *string
	Version       *string
	PartnerNumber *int64
	SiteNumber    *int64
	Fields        map[string]*string
}

func (ch *Change) apply(v *Connection) {
	for _, t := range []struct{ from, to *string }{{ch.Name, &v.Name}, {ch.Version, &v.Version}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	for _, n := range []struct{ from, to *int64 }{{ch.PartnerNumber, &v.PartnerNumber}, {ch.SiteNumber, &v.SiteNumber}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
}

// settle completes a connection, and asks the partner whether it accepts the credentials.
func (c *Connectors) settle(ctx context.Context, p *access.Principal, v *Connection, given map[string]*string) error {
	e, err := c.Get(p.Tenant, v.Connector, v.Version)
	switch {
	case err != nil:
		return problem.InvalidField("connector", "is not there: %v", err)
	case e.State == Draft:
		return problem.InvalidField("connector", "is a draft: move it to testing first")
	}
	if v.Version = e.Version; e.Standard {
		v.Version = ""
	}
	if len(v.Name) == 0 || len(v.Name) > 100 || event.CheckText(v.Name) != nil {
		return problem.InvalidField("name", "must have 1 to 100 bytes, without control characters")
	}
	if v.PartnerNumber < 0 || v.SiteNumber < 0 {
		return problem.InvalidField("siteNumber", "must not be negative, and neither must partnerNumber")
	}
	if err := v.take(e.Definition, given); err != nil {
		return err
	}
	settings, err := e.authSettings(v.account())
	if err == nil {
		err = settings.Check(ctx, c.o.Client)
	}
	if err != nil {
		return err
	}
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Type == "url" {
			address := v.Fields[f.Name] + v.Secrets[f.Name]
			if address == "" {
				continue
			}
			if _, err := c.o.Client.CheckURL(ctx, address); err != nil {
				return problem.InvalidField("fields."+f.Name, "cannot be used: %v", err)
			}
		}
	}
	if e.check != nil {
		return c.checkAccount(ctx, e.Definition, v)
	}
	return nil
}

// CreateConnection stores a connection, once the partner has accepted its credentials.
func (c *Connectors) CreateConnection(ctx context.Context, p *access.Principal, connector string, ch *Change) (*ConnectionItem, error) {
	if e, err := c.Get(p.Tenant, connector, ""); err == nil && e.State == Retired && ch.Version == nil {
		return nil, problem.InvalidField("connector", "is retired: connections that there are go on, and no new ones are made")
	}
	v := Connection{Connector: connector}
	ch.apply(&v)
	if err := c.settle(ctx, p, &v, ch.Fields); err != nil {
		return nil, err
	}
	it, err := c.connections.Create(ctx, p, randomid.New(ConnectionPrefix), v)
	if err != nil {
		return nil, err
	}
	if _, err := c.lane(ctx, it); err != nil {
		return nil, err
	}
	return it, nil
}

// UpdateConnection changes a connection. The partner is asked before anything is stored, without holding up other changes.
func (c *Connectors) UpdateConnection(ctx context.Context, p *access.Principal, id string, ch *Change) (*ConnectionItem, error) {
	for {
		old, err := c.connections.Get(p.Tenant, id)
		if err != nil {
			return nil, err
		}
		v := old.Value
		ch.apply(&v)
		if err := c.settle(ctx, p, &v, ch.Fields); err != nil {
			return nil, err
		}
		errAgain := errors.New("changed meanwhile")
		it, err := c.connections.Update(ctx, p, id, func(it *ConnectionItem) error {
			if it.Version != old.Version {
				return errAgain
			}
			it.Value = v
			return nil
		})
		if errors.Is(err, errAgain) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.lists.forget(it.Tenant, it.Name)
		if _, err := c.lane(ctx, it); err != nil {
			return nil, err
		}
		return it, nil
	}
}

// DeleteConnection removes a connection, and with it what waits to be sent.
func (c *Connectors) DeleteConnection(ctx context.Context, p *access.Principal, id string) error {
	it, err := c.connections.Get(p.Tenant, id)
	if err != nil {
		return err
	}
	for _, s := range c.allSources() {
		if err := s.MayDelete(p.Tenant, id); err != nil {
			return err
		}
	}
	if err := c.connections.Delete(ctx, p, id); err != nil {
		return err
	}
	if w := c.webhookOf(it.Tenant, id); w != nil {
		return c.o.Webhooks.DeleteOwned(ctx, it.Tenant, w.ID, nil)
	}
	return nil
}
