package catalogue

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// RuleState is a rule and whether it is on.
type RuleState struct {
	Rule
	On bool
}

// Rules returns the tenant's rules that are on, compiled.
func (r *Registry) Rules(tenant event.TenantID) *Rules { return r.state(tenant).rules }

// RuleList returns the tenant's rules, those of packs first. The slice is the caller's.
func (r *Registry) RuleList(tenant event.TenantID) []RuleState {
	return slices.Clone(r.state(tenant).ruleList)
}

// addRules compiles the rules that are on. A rule that does not compile any more is listed and skipped; one of a pack
// must.
func (r *Registry) addRules(s *state, own []Rule, off map[string]bool) error {
	var on []Rule
	for _, p := range r.packs {
		for _, rule := range p.Rules {
			if _, err := rule.compile(r.ev); err != nil {
				return fmt.Errorf("compiling rule %q of pack %q: %w", rule.Name, p.Name, err)
			}
			s.ruleList = append(s.ruleList, RuleState{rule, !off[rule.Name]})
		}
	}
	for _, rule := range own {
		if _, err := rule.compile(r.ev); err != nil {
			s.broken = append(s.broken, fmt.Sprintf("rule %q: %v", rule.Name, err))
			s.ruleList = append(s.ruleList, RuleState{rule, false})
			continue
		}
		s.ruleList = append(s.ruleList, RuleState{rule, !off[rule.Name]})
	}
	for _, rule := range s.ruleList {
		if rule.On {
			on = append(on, rule.Rule)
		}
	}
	var err error
	s.rules, err = CompileRules(on, r.ev)
	return err
}

// PutRule adds a rule of the tenant's own, or changes the one with its name.
func (r *Registry) PutRule(ctx context.Context, tenant event.TenantID, rule Rule) error {
	if _, err := rule.compile(r.ev); err != nil {
		return err
	}
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state(tenant)
	own := 0
	for _, other := range s.ruleList {
		switch {
		case other.Pack != "" && other.Name == rule.Name:
			return problem.InvalidField("name", "must not be %q, which is the name of a rule that ships with Relay", rule.Name)
		case other.Pack == "" && other.Name != rule.Name:
			own++
		}
	}
	if own >= MaxRules {
		return problem.New(problem.Forbidden, "a tenant may have %d rules of its own", MaxRules)
	}
	return r.putBody(ctx, tenant, s, KindRule, rule.Name, rule)
}

// SwitchRule switches a rule of a pack or of the tenant's own on or off.
func (r *Registry) SwitchRule(ctx context.Context, tenant event.TenantID, name string, on bool) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state(tenant)
	if !slices.ContainsFunc(s.ruleList, func(x RuleState) bool { return x.Name == name }) {
		return problem.New(problem.NotFound, "there is no rule %q", clip(name))
	}
	key := recordKey{kind: KindSwitch, name: name}
	_, off := s.records[key]
	switch {
	case on == !off:
		return nil
	case on:
		return r.remove(ctx, tenant, s, key)
	default:
		return r.putBody(ctx, tenant, s, KindSwitch, name, struct{}{})
	}
}

// DeleteRule removes a rule of the tenant's own. Those of packs can be switched off.
func (r *Registry) DeleteRule(ctx context.Context, tenant event.TenantID, name string) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state(tenant)
	key := recordKey{kind: KindRule, name: name}
	if _, ok := s.records[key]; !ok {
		return problem.New(problem.NotFound, "there is no rule %q of the tenant's own", clip(name))
	}
	if _, off := s.records[recordKey{kind: KindSwitch, name: name}]; off {
		if err := r.remove(ctx, tenant, s, recordKey{kind: KindSwitch, name: name}); err != nil {
			return err
		}
		s = r.state(tenant)
	}
	return r.remove(ctx, tenant, s, key)
}
