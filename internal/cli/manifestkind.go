package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/client"
)

// manifestKind is a kind of configuration that a manifest may have. The operations are those of the
// API's document, which says what members there are.
type manifestKind struct {
	section, noun                      string
	list, get, create, update, destroy string // ids of operations; get: only of a kind that has one entry
	key                                string // the member that names an entry; "": there is one
	path                               string // the member that is the argument in the operations' paths
	byID                               bool   // an entry may be named by its id instead
	// owned reports whether an entry is the user's own, and not as it came with Relay.
	owned func(map[string]any) bool
	// own are members of a manifest that the request has no member for, with their JSON types.
	own map[string]string
	// once are members that only the creation takes, always those that each update needs, and left those of
	// the request that a manifest has no use for.
	once, always, left []string
	// prepare completes an entry of a file.
	prepare func(e *Env, at string, entry map[string]any) error
	// read replaces the list. Its entries may have members of more than the list has; names that begin with
	// an underscore are for export.
	read func(ctx context.Context, r *manifestReader) ([]map[string]any, error)
	// steps returns the calls for the members that are own, and which of them differ. old is nil for a new
	// entry.
	steps func(at string, entry, old map[string]any) (calls []call, fields []string, err error)
	// export changes an entry for a file.
	export func(out, there map[string]any)
}

// call is a request. {id} in its path stands for the id in the last answer that had one.
type call struct {
	method, path string
	query        url.Values
	body         map[string]any
}

// Members of a manifest that the API has no member for.
const (
	memberID          = "id"          // of an entry that has no name of its own
	memberPaused      = "paused"      // of a webhook
	memberAttachments = "attachments" // of an audience
)

// manifestKinds are in the order in which they are applied: what others refer to first.
var manifestKinds = []manifestKind{
	{section: "plans", noun: "plan", list: "listPlans", create: "createPlan", update: "updatePlan", destroy: "deletePlan", key: "name", path: "name",
		owned: func(e map[string]any) bool { return e["shipped"] != true || e["changed"] == true }},
	{section: "eventTypes", noun: "event type", list: "listEventTypes", create: "createEventType", update: "updateEventType", destroy: "deleteEventType",
		key: "name", path: "name", owned: noPack, export: exportEventType},
	{section: "rules", noun: "rule", list: "listDerivationRules", create: "createDerivationRule", update: "updateDerivationRule", destroy: "deleteDerivationRule",
		key: "name", path: "name", owned: noPack},
	{section: "connectors", noun: "connector", list: "listConnectors", create: "createConnector", update: "updateConnector", destroy: "deleteConnector",
		key: "connector", path: "connector", own: map[string]string{"state": "string"}, always: []string{"version"},
		prepare: prepareConnector, read: readConnectors, steps: connectorSteps},
	{section: "connections", noun: "connection", list: "listConnections", create: "createConnection", update: "updateConnection", destroy: "deleteConnection",
		key: "name", path: memberID, byID: true, once: []string{"connector"}, read: readConnections, steps: connectionSteps, export: exportConnection},
	{section: "audiences", noun: "audience", list: "listAudiences", create: "createAudience", update: "updateAudience", destroy: "deleteAudience",
		key: "number", path: "number", once: []string{"number"}, own: map[string]string{memberAttachments: "array"}, read: readAudiences, steps: audienceSteps, export: exportAudience},
	{section: "webhooks", noun: "webhook", list: "listWebhooks", create: "createWebhook", update: "updateWebhook", destroy: "deleteWebhook",
		key: "description", path: memberID, byID: true, own: map[string]string{memberPaused: "boolean"}, once: []string{"secret"}, left: []string{"preset"},
		steps: webhookSteps, export: exportWebhook},
	{section: "gate", noun: "gate", get: "getGate", update: "updateGate"},
}

func noPack(e map[string]any) bool { return e["pack"] == nil || e["pack"] == "" }

// merged are the members that a PATCH merges: those that a manifest leaves out of them stay.
var merged = []string{"auth", "retry", "batch", "rateLimit", "signature", "limits", "fields"}

// members returns the members that an entry of the kind may have, by name.
func (k *manifestKind) members(doc *apiDocument) map[string]*apiSchema {
	id := k.create
	if id == "" {
		id = k.update
	}
	all := map[string]*apiSchema{}
	for name, s := range doc.body(doc.operation(id)).Properties {
		if !slices.Contains(k.left, name) {
			all[name] = s
		}
	}
	for name, kind := range k.own {
		all[name] = &apiSchema{Type: kind}
	}
	if k.byID {
		all[memberID] = &apiSchema{Type: "string"}
	}
	return all
}

// nameOf returns the name of an entry in the manifest: its id if it has one there.
func (k *manifestKind) nameOf(entry map[string]any) string {
	if id, ok := entry[memberID].(string); ok && k.byID {
		return id
	}
	return k.keyOf(entry)
}

// keyOf returns the member that names an entry, of a connector with its version.
func (k *manifestKind) keyOf(entry map[string]any) string {
	text := memberText(entry[k.key])
	if version, ok := entry["version"].(string); ok && text != "" && k.section == "connectors" {
		text += " " + version
	}
	return text
}

// memberText returns a text or number as a text, "" for anything else.
func memberText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// decided reports whether a member is compared and sent by something else than the usual way.
func (k *manifestKind) decided(name string, old map[string]any) bool {
	_, own := k.own[name]
	return own || name == memberID && k.byID || k.section == "connectors" && name != "document" || old != nil && slices.Contains(k.once, name)
}

// pathOf returns the path of an operation on an entry, nil for none.
func (k *manifestKind) pathOf(doc *apiDocument, operation string, e map[string]any) string {
	path := doc.operation(operation).path
	if i, j := strings.Index(path, "{"), strings.Index(path, "}"); i >= 0 && j > i {
		path = path[:i] + url.PathEscape(memberText(e[k.path])) + path[j+1:]
	}
	return path
}

func exportEventType(out, there map[string]any) {
	if there["exampleSketch"] == true {
		delete(out, "example") // it is made of the schema
	}
}

func exportWebhook(out, there map[string]any) {
	delete(out, "secret")
	if there["status"] == "paused" {
		out[memberPaused] = true
	}
}

func webhookSteps(at string, entry, old map[string]any) (calls []call, fields []string, err error) {
	v, given := entry[memberPaused]
	paused, ok := v.(bool)
	switch is := old != nil && old["status"] == "paused"; {
	case !given:
		return nil, nil, nil
	case !ok:
		return nil, nil, fmt.Errorf("%s.%s must be true or false", at, memberPaused)
	case is == paused:
		return nil, nil, nil
	}
	verb := "resume"
	if paused {
		verb = "pause"
	}
	return []call{{method: "POST", path: "/v1/webhooks/{id}/" + verb}}, []string{memberPaused}, nil
}

// prepareConnector reads the document of a connector, which names it.
func prepareConnector(e *Env, at string, entry map[string]any) error {
	resolved, err := e.resolve(at+".document", entry["document"])
	if err != nil {
		return err
	}
	text, ok := resolved.(string)
	if !ok || text == "" {
		return fmt.Errorf("%s.document must be given: the definition as a text, or ${file:PATH}", at)
	}
	var head struct {
		Connector string `yaml:"connector"`
		Version   string `yaml:"version"`
	}
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		return fmt.Errorf("%s.document: %w", at, err)
	}
	if head.Connector == "" || head.Version == "" {
		return fmt.Errorf("%s.document must have connector and version, which name it", at)
	}
	if state, given := entry["state"]; given && memberText(state) == "" {
		return fmt.Errorf("%s.state must be draft, testing, live or retired", at)
	}
	entry["document"], entry["connector"], entry["version"] = text, head.Connector, head.Version
	return nil
}

func readConnectors(ctx context.Context, r *manifestReader) ([]map[string]any, error) {
	list, err := r.list(ctx, "listConnectors", url.Values{"origin": {"custom"}})
	for i, e := range list {
		path := "/v1/connectors/" + url.PathEscape(memberText(e["connector"]))
		if list[i], err = r.one(ctx, path, url.Values{"version": {memberText(e["version"])}}); err != nil {
			return nil, err
		}
	}
	return list, err
}

func connectorSteps(_ string, entry, old map[string]any) (calls []call, fields []string, err error) {
	state, given := entry["state"]
	is := any("draft")
	if old != nil {
		is = old["state"]
	}
	if !given || state == is {
		return nil, nil, nil
	}
	return []call{{method: "PATCH", path: "/v1/connectors/" + url.PathEscape(memberText(entry["connector"])),
		body: map[string]any{"version": entry["version"], "state": state}}}, []string{"state"}, nil
}

// readConnections also notes of each connection what its connector is.
func readConnections(ctx context.Context, r *manifestReader) ([]map[string]any, error) {
	list, err := r.list(ctx, "listConnections", nil)
	if err != nil || len(list) == 0 {
		return list, err
	}
	connectors, err := r.list(ctx, "listConnectors", nil)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		for _, c := range connectors {
			if c["connector"] == e["connector"] && c["version"] == e["version"] {
				e["_origin"], e["_partnerNumber"] = c["origin"], c["partnerNumber"]
			}
		}
	}
	return list, nil
}

func connectionSteps(at string, entry, old map[string]any) ([]call, []string, error) {
	if v, given := entry["connector"]; old != nil && given && v != old["connector"] {
		return nil, nil, fmt.Errorf("%s.connector is %v here: a connection keeps its connector, so give this one another name", at, old["connector"])
	}
	return nil, nil, nil
}

func exportConnection(out, there map[string]any) {
	if there["_origin"] == "standard" {
		delete(out, "version") // it is that of this Relay
	}
	if there["_partnerNumber"] == there["partnerNumber"] {
		delete(out, "partnerNumber")
	}
}

// readAudiences names the connections of attachments instead of giving their ids.
func readAudiences(ctx context.Context, r *manifestReader) ([]map[string]any, error) {
	list, err := r.list(ctx, "listAudiences", nil)
	if err != nil || len(list) == 0 {
		return list, err
	}
	connections, err := r.list(ctx, "listConnections", nil)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		for _, one := range attachmentsOf(e) {
			one["_id"], one["connection"] = one[memberID], nameOfConnection(connections, one["connection"])
		}
	}
	return list, nil
}

// nameOfConnection returns the name of a connection if no other one has it, else its id.
func nameOfConnection(connections []map[string]any, id any) any {
	name, same := any(""), 0
	for _, c := range connections {
		if c[memberID] == id {
			name = c["name"]
		}
	}
	for _, c := range connections {
		if c["name"] == name {
			same++
		}
	}
	if name == "" || same != 1 {
		return id
	}
	return name
}

func attachmentsOf(e map[string]any) []map[string]any {
	list, _ := e[memberAttachments].([]any)
	var all []map[string]any
	for _, one := range list {
		if a, ok := one.(map[string]any); ok && memberText(a["detaching"]) == "" {
			all = append(all, a)
		}
	}
	return all
}

// attachmentMembers are the members of an attachment in a file, with what they are if left out.
var attachmentMembers = map[string]any{"connection": "", "externalId": "", "onUpdate": false, "paused": false, "consentPurpose": ""}

func exportAudience(out, there map[string]any) {
	delete(out, memberAttachments)
	var list []any
	for _, a := range attachmentsOf(there) {
		entry := map[string]any{}
		for name, usual := range attachmentMembers {
			if v, has := a[name]; has && v != usual {
				entry[name] = v
			}
		}
		list = append(list, entry)
	}
	if list != nil {
		out[memberAttachments] = list
	}
	if data, ok := there["data"].(map[string]any); ok && len(data) == 0 {
		delete(out, "data")
	}
}

// audienceSteps makes and changes attachments, which are known by connection and External ID. None is
// detached: that needs a decision about the members at the partner.
func audienceSteps(at string, entry, old map[string]any) (calls []call, fields []string, err error) {
	list, isList := entry[memberAttachments].([]any)
	if v, given := entry[memberAttachments]; given && v != nil && !isList {
		return nil, nil, fmt.Errorf("%s.%s must be a list", at, memberAttachments)
	}
	base := "/v1/audiences/" + url.PathEscape(memberText(entry["number"])) + "/attachments"
	for i, one := range list {
		at := fmt.Sprintf("%s.%s[%d]", at, memberAttachments, i)
		want, ok := one.(map[string]any)
		if !ok || memberText(want["connection"]) == "" {
			return nil, nil, fmt.Errorf("%s.connection must be given: the name or id of a connection", at)
		}
		for name := range want {
			if _, known := attachmentMembers[name]; !known {
				return nil, nil, fmt.Errorf("%s.%s is not a member%s", at, name, didYouMean(name, func(yield func(string) bool) {
					for known := range attachmentMembers {
						if !yield(known) {
							return
						}
					}
				}))
			}
		}
		more, err := attachmentSteps(at, base, want, attachmentsOf(old))
		if err != nil {
			return nil, nil, err
		}
		calls = append(calls, more...)
	}
	if calls != nil {
		fields = []string{memberAttachments}
	}
	return calls, fields, nil
}

func attachmentSteps(at, base string, want map[string]any, there []map[string]any) ([]call, error) {
	i := slices.IndexFunc(there, func(a map[string]any) bool {
		return a["connection"] == want["connection"] && memberText(a["externalId"]) == memberText(want["externalId"])
	})
	if i < 0 {
		body := map[string]any{}
		for name, v := range want {
			if name != "paused" {
				body[name] = v
			}
		}
		calls := []call{{method: "POST", path: base, body: body}}
		if want["paused"] == true {
			calls = append(calls, call{method: "PATCH", path: base + "/{id}", body: map[string]any{"paused": true}})
		}
		return calls, nil
	}
	body := map[string]any{}
	for _, name := range []string{"paused", "onUpdate"} {
		if v, given := want[name]; given && v != there[i][name] {
			body[name] = v
		}
	}
	if v, given := want["consentPurpose"]; given && v != there[i]["consentPurpose"] {
		return nil, fmt.Errorf("%s.consentPurpose is %q here and cannot be changed: detach the audience, and attach it anew", at, memberText(there[i]["consentPurpose"]))
	}
	if len(body) == 0 {
		return nil, nil
	}
	return []call{{method: "PATCH", path: base + "/" + url.PathEscape(memberText(there[i]["_id"])), body: body}}, nil
}

// manifestReader reads what a server has.
type manifestReader struct {
	client *client.Client
	doc    *apiDocument
}

// one reads an object, with the digits of its numbers.
func (r *manifestReader) one(ctx context.Context, path string, query url.Values) (map[string]any, error) {
	var raw json.RawMessage
	if err := r.client.Do(ctx, "GET", path, query, nil, &raw); err != nil {
		return nil, err
	}
	v, err := decodeNumbers(raw)
	m, ok := v.(map[string]any)
	if err == nil && !ok {
		err = errors.New("the answer is no object")
	}
	return m, err
}

// list reads all pages of a list.
func (r *manifestReader) list(ctx context.Context, operation string, query url.Values) ([]map[string]any, error) {
	op := r.doc.operation(operation)
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	if slices.ContainsFunc(op.Parameters, func(p apiParameter) bool { return p.Name == "limit" }) {
		q.Set("limit", "250")
	}
	var all []map[string]any
	for {
		page, err := r.one(ctx, op.path, q)
		if err != nil {
			return nil, err
		}
		data, _ := page["data"].([]any)
		for _, one := range data {
			if e, ok := one.(map[string]any); ok {
				all = append(all, e)
			}
		}
		next, _ := page["nextCursor"].(string)
		if next == "" {
			return all, nil
		}
		q.Set("cursor", next)
	}
}
