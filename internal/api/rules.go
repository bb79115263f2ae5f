package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// DerivationRule says which events follow from which.
type DerivationRule struct {
	Name        string  `json:"name" example:"\"urgent-call\""`
	Pack        *string `json:"pack" doc:"the pack it came with; null for your own" example:"\"calls\""`
	Enabled     bool    `json:"enabled"`
	Description string  `json:"description"`
	On          string  `json:"on" doc:"the type of the events it looks at" example:"\"call.completed\""`
	When        string  `json:"when" doc:"its condition; empty: always" example:"\"event.data.urgency == 'urgent'\""`
	ForEach     string  `json:"forEach" doc:"a list, for each element of which an event follows; empty: one event follows" example:"\"event.data.appointmentsBooked\""`
	Type        string  `json:"type" doc:"the type of the events that follow" example:"\"call.urgent\""`
	Data        string  `json:"data" doc:"their data" example:"\"event.data\""`
	Attributes  string  `json:"attributes" doc:"their attributes; empty: none"`
	Before      bool    `json:"before" doc:"they are stored before their cause instead of behind it"`
}

func showRule(r *catalogue.RuleState) *DerivationRule {
	return &DerivationRule{
		Name: r.Name, Pack: rest.TextOrNil(r.Pack), Enabled: r.On, Description: r.Description, On: r.Rule.On, When: r.When,
		ForEach: r.ForEach, Type: r.Type, Data: r.Data, Attributes: r.Attributes, Before: r.Before,
	}
}

var docRuleList = rest.Doc{ID: "listDerivationRules", Tag: "Event types", Summary: "List derivation rules",
	Text: "Rules that ship with Relay first. The list is never paged."}

func (a *API) ruleList(_ context.Context, c *access.Principal, _ *rest.None) (*rest.List[DerivationRule], error) {
	var data []DerivationRule
	for _, r := range a.Types.RuleList(c.Tenant) {
		data = append(data, *showRule(&r))
	}
	return rest.PageOf(data, ""), nil
}

type rulePath struct {
	Name string `path:"name" doc:"the rule's name"`
}

var docRuleGet = rest.Doc{ID: "getDerivationRule", Tag: "Event types", Summary: "Get a derivation rule"}

func (a *API) ruleGet(_ context.Context, c *access.Principal, in *rulePath) (*DerivationRule, error) {
	r, ok := a.Types.Rule(c.Tenant, in.Name)
	if !ok {
		return nil, problem.New(problem.NotFound, "there is no rule %q", rest.Clip(in.Name))
	}
	return showRule(&r), nil
}

// ruleFields are the members of a rule that a caller may set.
type ruleFields struct {
	Description rest.Opt[string] `json:"description" text:"lines" maxLength:"16384" example:"\"Orders that a person looks at.\""`
	On          rest.Opt[string] `json:"on" doc:"the type of the events it looks at" example:"\"order.created\""`
	When        rest.Opt[string] `json:"when" maxLength:"8192" doc:"its condition, a CEL expression over event as filters are; empty: always. A member that is absent makes it false" example:"\"event.data.amount > 1000\""`
	ForEach     rest.Opt[string] `json:"forEach" maxLength:"8192" doc:"the path of a list, for each element of which (item) an event follows; empty: one event follows" example:"\"event.data.items\""`
	Type        rest.Opt[string] `json:"type" doc:"the type of the events that follow" example:"\"order.large\""`
	Data        rest.Opt[string] `json:"data" maxLength:"8192" doc:"their data: paths of event and item, literals, objects, merge(a, b) and pick(object, [\"a\"])" example:"\"event.data\""`
	Attributes  rest.Opt[string] `json:"attributes" maxLength:"8192" doc:"their attributes, likewise; empty: none"`
	Before      rest.Opt[bool]   `json:"before" default:"false" doc:"store them before their cause instead of behind it"`
	Enabled     rest.Opt[bool]   `json:"enabled" default:"true"`
}

func (f *ruleFields) apply(r *catalogue.Rule) {
	f.Description.Apply(&r.Description, "")
	f.On.Apply(&r.On, "")
	f.When.Apply(&r.When, "")
	f.ForEach.Apply(&r.ForEach, "")
	f.Type.Apply(&r.Type, "")
	f.Data.Apply(&r.Data, "")
	f.Attributes.Apply(&r.Attributes, "")
	f.Before.Apply(&r.Before, false)
}

// CreateDerivationRule is the request to add a rule.
type CreateDerivationRule struct {
	Name string `json:"name" required:"true" maxLength:"64" doc:"lower case letters, digits and -" example:"\"large-order\""`
	ruleFields
}

// Requires implements rest.Requirer.
func (*CreateDerivationRule) Requires() []string { return []string{"name", "on", "type", "data"} }

type createRuleInput struct {
	Body CreateDerivationRule `body:"required"`
}

var docRuleCreate = rest.Doc{ID: "createDerivationRule", Tag: "Event types", Summary: "Add a derivation rule", Status: 201,
	Text: "It holds for events published from now on. What follows is stored with its cause, all or nothing; an event derives no type that is in its own chain of causes, and four steps at most."}

func (a *API) ruleCreate(ctx context.Context, c *access.Principal, in *createRuleInput) (*DerivationRule, error) {
	rule := catalogue.Rule{Name: in.Body.Name}
	in.Body.apply(&rule)
	on := true
	in.Body.Enabled.Apply(&on, true)
	r, err := a.Types.CreateRule(ctx, c, rule, on)
	if err != nil {
		return nil, err
	}
	return showRule(&r), nil
}

// UpdateDerivationRule is the request to change a rule.
type UpdateDerivationRule struct {
	ruleFields
}

type updateRuleInput struct {
	rulePath
	Body UpdateDerivationRule `body:"required"`
}

var docRuleUpdate = rest.Doc{ID: "updateDerivationRule", Tag: "Event types", Summary: "Change a derivation rule, or switch it on or off",
	Text: "Members left out stay as they are. A rule that ships with Relay can be switched off, for applications that publish those events themselves."}

func (a *API) ruleUpdate(ctx context.Context, c *access.Principal, in *updateRuleInput) (*DerivationRule, error) {
	var on *bool
	if e := in.Body.Enabled; e.Given {
		on = new(bool)
		*on = e.Value || e.Null
	}
	if err := a.Types.UpdateRule(ctx, c, in.Name, in.Body.apply, on); err != nil {
		return nil, err
	}
	return a.ruleGet(ctx, c, &in.rulePath)
}

var docRuleDelete = rest.Doc{ID: "deleteDerivationRule", Tag: "Event types", Summary: "Delete a derivation rule", Status: 204,
	Text: "One of your own; those that ship with Relay can be switched off."}

func (a *API) ruleDelete(ctx context.Context, c *access.Principal, in *rulePath) (*rest.None, error) {
	return nil, a.Types.DeleteRule(ctx, c, in.Name)
}
