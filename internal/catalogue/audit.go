package catalogue

import (
	"encoding/json"

	"github.com/relay-events/relay/internal/access"
)

// Actions on the catalogue, as named in the audit log.
const (
	actionUpdate     = "catalogue.update"
	actionTypeCreate = "event-type.create"
	actionTypeUpdate = "event-type.update"
	actionTypeDelete = "event-type.delete"
	actionImport     = "event-type.import"
	actionRuleCreate = "rule.create"
	actionRuleUpdate = "rule.update"
	actionRuleDelete = "rule.delete"
)

// auditInfo names the actor of a change, the action and its targets.
type auditInfo struct {
	p       *access.Principal
	action  string
	targets []access.Target
}

func by(p *access.Principal, action string, targets ...access.Target) auditInfo {
	return auditInfo{p, action, targets}
}

func typeTarget(name string) access.Target { return access.Target{Type: "event-type", ID: name} }

func ruleTarget(name string) access.Target { return access.Target{Type: "rule", ID: name} }

// maxTargets bounds the targets that an entry names.
const maxTargets = 50

// importTargets returns the types and rules that an import changes.
func importTargets(records []Record) []access.Target {
	var list []access.Target
	for i := range records {
		switch r := &records[i]; {
		case len(list) == maxTargets:
			return list
		case r.Kind == KindType:
			list = append(list, typeTarget(r.Name))
		case r.Kind == KindRule:
			list = append(list, ruleTarget(r.Name))
		}
	}
	return list
}

// names reports whether the key names the record.
func (k RecordKey) names(r *Record) bool {
	return r.Kind == k.Kind && r.Name == k.Name && (r.Version == k.Version || k.Version == "")
}

// entry returns the audit entry of a change, with the records before and after it.
func (w auditInfo) entry(s *state, put []Record, removed []*Record) (*access.Entry, error) {
	type shown struct {
		Kind    Kind            `json:"kind"`
		Name    string          `json:"name"`
		Version string          `json:"version,omitempty"`
		Body    json.RawMessage `json:"body"`
	}
	show := func(list []shown, r *Record) []shown { return append(list, shown{r.Kind, r.Name, r.Version, r.Body}) }
	var was, is []shown
	for i := range put {
		if old, ok := s.records[put[i].key()]; ok {
			was = show(was, old)
		}
		is = show(is, &put[i])
	}
	for _, old := range removed {
		was = show(was, old)
	}
	records := func(list []shown) any {
		if list == nil {
			return nil
		}
		return map[string][]shown{"records": list}
	}
	return w.p.Entry(w.action, records(was), records(is), w.targets...)
}
