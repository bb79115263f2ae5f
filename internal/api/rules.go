package api

import (
	"context"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/problem"
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
		Name: r.Name, Pack: textOrNil(r.Pack), Enabled: r.On, Description: r.Description, On: r.Rule.On, When: r.When,
		ForEach: r.ForEach, Type: r.Type, Data: r.Data, Attributes: r.Attributes, Before: r.Before,
	}
}

var docRuleList = doc{id: "listDerivationRules", tag: "Event types", summary: "List derivation rules",
	text: "Rules that ship with Relay first. The list is never paged."}

func (a *API) ruleList(_ context.Context, c *caller, _ *none) (*List[DerivationRule], error) {
	var data []DerivationRule
	for _, r := range a.Types.RuleList(c.tenant) {
		data = append(data, *showRule(&r))
	}
	return pageOf(data, ""), nil
}

type rulePath struct {
	Name string `path:"name" doc:"the rule's name"`
}

var docRuleGet = doc{id: "getDerivationRule", tag: "Event types", summary: "Get a derivation rule"}

func (a *API) ruleGet(_ context.Context, c *caller, in *rulePath) (*DerivationRule, error) {
	r, ok := a.Types.Rule(c.tenant, in.Name)
	if !ok {
		return nil, problem.New(problem.NotFound, "there is no rule %q", clip(in.Name))
	}
	return showRule(&r), nil
}

// ruleFields are what a caller may set of a rule.
type ruleFields struct {
	Description Opt[string] `json:"description" text:"lines" maxLength:"16384"`
	On          Opt[string] `json:"on" doc:"the type of the events it looks at" example:"\"order.created\""`
	When        Opt[string] `json:"when" maxLength:"8192" doc:"its condition, a CEL expression over event as filters are; empty: always. A member that is absent makes it false" example:"\"event.data.amount > 1000\""`
	ForEach     Opt[string] `json:"forEach" maxLength:"8192" doc:"the path of a list, for each element of which (item) an event follows; empty: one event follows" example:"\"event.data.items\""`
	Type        Opt[string] `json:"type" doc:"the type of the events that follow" example:"\"order.large\""`
	Data        Opt[string] `json:"data" maxLength:"8192" doc:"their data: paths of event and item, literals, objects, merge(a, b) and pick(object, [\"a\"])" example:"\"event.data\""`
	Attributes  Opt[string] `json:"attributes" maxLength:"8192" doc:"their attributes, likewise; empty: none"`
	Before      Opt[bool]   `json:"before" default:"false" doc:"store them before their cause instead of behind it"`
	Enabled     Opt[bool]   `json:"enabled" default:"true"`
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

func (*CreateDerivationRule) requires() []string { return []string{"name", "on", "type", "data"} }

type createRuleInput struct {
	Body CreateDerivationRule `body:"required"`
}

var docRuleCreate = doc{id: "createDerivationRule", tag: "Event types", summary: "Add a derivation rule", status: 201,
	text: "It holds for events published from now on. What follows is stored with its cause, all or nothing; an event derives no type that is in its own chain of causes, and four steps at most."}

func (a *API) ruleCreate(ctx context.Context, c *caller, in *createRuleInput) (*DerivationRule, error) {
	rule := catalogue.Rule{Name: in.Body.Name}
	in.Body.apply(&rule)
	on := true
	in.Body.Enabled.Apply(&on, true)
	r, err := a.Types.CreateRule(ctx, c.Principal, rule, on)
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

var docRuleUpdate = doc{id: "updateDerivationRule", tag: "Event types", summary: "Change a derivation rule, or switch it on or off",
	text: "Members left out stay as they are. A rule that ships with Relay can be switched off, for applications that publish those events themselves."}

func (a *API) ruleUpdate(ctx context.Context, c *caller, in *updateRuleInput) (*DerivationRule, error) {
	var on *bool
	if e := in.Body.Enabled; e.Given {
		on = new(bool)
		*on = e.Value || e.Null
	}
	if err := a.Types.UpdateRule(ctx, c.Principal, in.Name, in.Body.apply, on); err != nil {
		return nil, err
	}
	return a.ruleGet(ctx, c, &in.rulePath)
}

var docRuleDelete = doc{id: "deleteDerivationRule", tag: "Event types", summary: "Delete a derivation rule", status: 204,
	text: "One of your own; those that ship with Relay can be switched off."}

func (a *API) ruleDelete(ctx context.Context, c *caller, in *rulePath) (*none, error) {
	return nil, a.Types.DeleteRule(ctx, c.Principal, in.Name)
}
