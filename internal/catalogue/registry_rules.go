package catalogue

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// RuleState is a rule and whether it is on.
type RuleState struct {
	Rule
	On bool
}

// Rules returns the tenant's enabled rules, compiled.
func (r *Registry) Rules(tenant event.TenantID) *Rules { return r.state(tenant).rules }

// RuleList returns the tenant's rules, those of packs first. The caller owns the slice.
func (r *Registry) RuleList(tenant event.TenantID) []RuleState {
	return slices.Clone(r.state(tenant).ruleList)
}

// compilation is a compiled rule, or the reason why it does not compile.
type compilation struct {
	rule *compiledRule
	err  error
}

// compileRule compiles a rule unless one of the states has it compiled already.
func (r *Registry) compileRule(rule Rule, states ...*state) (*compiledRule, error) {
	for _, s := range states {
		if s != nil {
			if c, ok := s.compiled[rule]; ok {
				return c.rule, c.err
			}
		}
	}
	return rule.compile(r.ev)
}

// addRules compiles the rules, except those already compiled in old. A tenant's rule that no longer
// compiles is listed and skipped; the rules of packs must compile.
func (r *Registry) addRules(old, s *state, own []Rule, off map[string]bool) error {
	s.compiled = make(map[Rule]compilation)
	s.rules = &Rules{on: make(map[string][]*compiledRule)}
	add := func(rule Rule, c *compiledRule, err error) {
		s.compiled[rule] = compilation{c, err}
		on := err == nil && !off[rule.Name]
		s.ruleList = append(s.ruleList, RuleState{rule, on})
		if on {
			s.rules.on[c.On] = append(s.rules.on[c.On], c)
		}
	}
	for _, p := range r.packs {
		for _, rule := range p.Rules {
			c, err := r.compileRule(rule, old, r.base)
			if err != nil {
				return fmt.Errorf("compiling rule %q of pack %q: %w", rule.Name, p.Name, err)
			}
			if x, taken := s.rule(rule.Name); taken {
				return fmt.Errorf("reading pack %q: its rule %q is also in the pack %q: choose another name", p.Name, rule.Name, x.Pack)
			}
			add(rule, c, nil)
		}
	}
	for _, rule := range own {
		c, err := r.compileRule(rule, old)
		if x, taken := s.rule(rule.Name); err == nil && taken {
			err = fmt.Errorf("the pack %q has a rule of this name now", x.Pack)
		}
		if err != nil {
			s.broken = append(s.broken, fmt.Sprintf("rule %q: %v", rule.Name, err))
		}
		add(rule, c, err)
	}
	return nil
}

// Rule returns the tenant's rule with the name.
func (r *Registry) Rule(tenant event.TenantID, name string) (RuleState, bool) {
	return r.state(tenant).rule(name)
}

func (s *state) rule(name string) (RuleState, bool) {
	i := slices.IndexFunc(s.ruleList, func(x RuleState) bool { return x.Name == name })
	if i < 0 {
		return RuleState{}, false
	}
	return s.ruleList[i], true
}

// CreateRule adds a rule of the tenant's own, disabled unless on is set.
func (r *Registry) CreateRule(ctx context.Context, p *access.Principal, rule Rule, on bool) (RuleState, error) {
	tenant := p.Tenant
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(tenant)
	if _, taken := s.rule(rule.Name); taken {
		return RuleState{}, &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf("there is a rule %q already", problem.Clip(rule.Name)),
			Fields: []problem.Field{{Name: "name", Reason: "is taken"}}}
	}
	records, err := r.ruleRecords(s, tenant, []Rule{rule})
	if err != nil {
		return RuleState{}, err
	}
	if !on {
		off, err := s.record(tenant, KindSwitch, rule.Name, struct{}{})
		if err != nil {
			return RuleState{}, err
		}
		records = append(records, off)
	}
	if err := r.apply(ctx, by(p, actionRuleCreate, ruleTarget(rule.Name)), s, records, nil); err != nil {
		return RuleState{}, err
	}
	created, _ := r.state(tenant).rule(rule.Name)
	return created, nil
}

// UpdateRule calls change to edit a rule of the tenant's own, and enables or disables a rule of a
// pack or of the tenant, unless on is nil. Both together are one change.
func (r *Registry) UpdateRule(ctx context.Context, p *access.Principal, name string, change func(*Rule), on *bool) error {
	tenant := p.Tenant
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(tenant)
	x, ok := s.rule(name)
	if !ok {
		return problem.New(problem.NotFound, "there is no rule %q", problem.Clip(name))
	}
	var records []Record
	var remove []RecordKey
	rule := x.Rule
	if change(&rule); rule != x.Rule {
		if x.Pack != "" {
			return problem.New(problem.Conflict, "the rule %q comes with the pack %q: it can be switched off, and a rule of another name can take its place", problem.Clip(name), x.Pack)
		}
		var err error
		if records, err = r.ruleRecords(s, tenant, []Rule{rule}); err != nil {
			return err
		}
	}
	key := RecordKey{Kind: KindSwitch, Name: name}
	_, off := s.records[key]
	switch {
	case on == nil || *on == !off:
	case *on:
		remove = append(remove, key)
	default:
		rec, err := s.record(tenant, KindSwitch, name, struct{}{})
		if err != nil {
			return err
		}
		records = append(records, rec)
	}
	if len(records)+len(remove) == 0 {
		return nil
	}
	return r.apply(ctx, by(p, actionRuleUpdate, ruleTarget(name)), s, records, remove)
}

// ruleRecords checks rules of the tenant's own and returns their records.
func (r *Registry) ruleRecords(s *state, tenant event.TenantID, rules []Rule) ([]Record, error) {
	own := make(map[string]bool)
	for _, other := range s.ruleList {
		if other.Pack == "" {
			own[other.Name] = true
		}
	}
	records := make([]Record, 0, len(rules))
	for _, rule := range rules {
		rule.Pack = ""
		rule.On, rule.Type = s.canonical(rule.On), s.canonical(rule.Type)
		if _, err := rule.compile(r.ev); err != nil {
			return nil, inItem(err, len(rules) > 1, rule.Name)
		}
		if x, taken := s.rule(rule.Name); taken && x.Pack != "" {
			return nil, problem.InvalidField("name", "must not be %q, which is the name of a rule of the pack %q", rule.Name, x.Pack)
		}
		if own[rule.Name] = true; len(own) > MaxRules {
			return nil, problem.New(problem.Forbidden, "a tenant may have %d rules of its own", MaxRules)
		}
		if x, there := s.rule(rule.Name); there && x.Rule == rule {
			continue // unchanged
		}
		rec, err := s.record(tenant, KindRule, rule.Name, rule)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

// DeleteRule removes a rule of the tenant's own. Rules of packs can only be disabled.
func (r *Registry) DeleteRule(ctx context.Context, p *access.Principal, name string) error {
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(p.Tenant)
	key := RecordKey{Kind: KindRule, Name: name}
	if _, ok := s.records[key]; !ok {
		return problem.New(problem.NotFound, "there is no rule %q of the tenant's own", problem.Clip(name))
	}
	return r.apply(ctx, by(p, actionRuleDelete, ruleTarget(name)), s, nil, []RecordKey{key, {Kind: KindSwitch, Name: name}})
}
