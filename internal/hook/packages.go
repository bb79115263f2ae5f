package hook

import (
	"archive/zip"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
)

// packages are what platforms install: the same code for everybody, beside the tenant's catalogue as a file that it reads. So
// nothing that people write into the catalogue becomes code.
//
//go:embed zapier n8n
var packages embed.FS

// Package returns a package for the tenant: zapier.zip, n8n.zip or make.json. baseURL is the address of the installation that
// it suggests, empty if that is not known.
func (h *Hooks) Package(tenant event.TenantID, name, baseURL string) ([]byte, error) {
	c := packageCatalogue{BaseURL: baseURL, Triggers: []packageTrigger{}}
	keys := map[string]int{}
	for _, t := range h.Types.List(tenant) {
		if !t.Archived && !t.Deprecated {
			c.Triggers = append(c.Triggers, triggerOf(t, keys))
		}
	}
	if platform, zip := strings.CutSuffix(name, ".zip"); zip {
		return zipped(platform, c)
	}
	return json.MarshalIndent(makeApp(c), "", "  ")
}

// packageCatalogue is the file catalogue.json of a package.
type packageCatalogue struct {
	BaseURL  string           `json:"baseUrl"`
	Triggers []packageTrigger `json:"triggers"`
}

type packageTrigger struct {
	Key          string          `json:"key"` // letters, digits and _, unlike an event type's name
	Event        string          `json:"event"`
	Label        string          `json:"label"`
	Description  string          `json:"description"`
	Sample       json.RawMessage `json:"sample"`
	OutputFields []outputField   `json:"outputFields"`
}

// outputField describes a member of what is delivered. Keys of nested members are joined by two underscores.
type outputField struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Type  string `json:"type,omitempty"`
}

// Bounds that Zapier sets for the texts of a trigger.
const (
	maxLabel       = 60
	maxDescription = 900
)

// triggerOf describes an event type. keys has how often each key was used.
func triggerOf(t *catalogue.Type, keys map[string]int) packageTrigger {
	key := strings.NewReplacer(".", "_", "-", "_").Replace(t.Name)
	if !isLetter(key[0]) {
		key = "event_" + key
	}
	if keys[key]++; keys[key] > 1 {
		key = fmt.Sprintf("%s_%d", key, keys[key])
	}
	description := firstParagraph(t.Description)
	if description == "" {
		description = "Triggers when Relay delivers " + t.Name + "."
	}
	e := exampleOf(t)
	sample, _ := format.Append(nil, format.RestHook, &e, event.DeliveryID{Event: e.ID})
	fields := []outputField{{"id", "Id", "string"}, {"event", "Event", "string"}, {"timestamp", "Timestamp", "datetime"}, {"webhookId", "Webhook id", "string"}, {"version", "Version", "string"}}
	return packageTrigger{
		Key: key, Event: t.Name, Label: clipped(label(t.Name), maxLabel), Description: clipped(description, maxDescription), Sample: sample,
		OutputFields: append(fields, outputFields("data", t.Schema, 0)...),
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func clipped(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func firstParagraph(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n\n")
	return s
}

const (
	maxFieldDepth = 4
	maxFields     = 200
)

// outputFields describes the members that a schema names.
func outputFields(prefix string, schema json.RawMessage, depth int) (list []outputField) {
	var s struct {
		Properties map[string]json.RawMessage
	}
	if len(schema) == 0 || depth == maxFieldDepth || json.Unmarshal(schema, &s) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if strings.Contains(name, "__") || strings.ContainsAny(name, " .[]") || name == "" || len(list) >= maxFields {
			continue
		}
		key := prefix + "__" + name
		var p struct {
			Type   any
			Format string
			Title  string
		}
		if json.Unmarshal(s.Properties[name], &p) != nil {
			continue // true or false, or a type that is no text
		}
		if inner := outputFields(key, s.Properties[name], depth+1); len(inner) > 0 {
			list = append(list, inner...)
			continue
		}
		title := p.Title
		if title == "" {
			title = label(strings.ReplaceAll(strings.TrimPrefix(key, "data__"), "__", " "))
		}
		list = append(list, outputField{key, clipped(title, maxLabel), fieldType(p.Type, p.Format)})
	}
	return list[:min(len(list), maxFields)]
}

// fieldType returns Zapier's name of a JSON Schema's type; of several, that of the first that is not null.
func fieldType(of any, format string) string {
	if several, ok := of.([]any); ok {
		for _, one := range several {
			if one != "null" {
				of = one
				break
			}
		}
	}
	switch of {
	case "string":
		if format == "date-time" {
			return "datetime"
		}
		return "string"
	case "integer", "number", "boolean":
		return of.(string)
	}
	return ""
}

// zipped returns the files of a platform's folder with the catalogue. It is the same for the same catalogue.
func zipped(platform string, c packageCatalogue) ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("making the catalogue of a package: %w", err)
	}
	files := map[string][]byte{"catalogue.json": text}
	entries, err := fs.ReadDir(packages, platform)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if files[entry.Name()], err = packages.ReadFile(path.Join(platform, entry.Name())); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			return nil, fmt.Errorf("writing %q of a package: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// makeApp returns the sections of a custom app of Make, by their names in its editor: the connection, a dedicated webhook that
// attaches and detaches by itself, and an instant trigger. Texts in {{ }} are Make's own.
func makeApp(c packageCatalogue) any {
	type object = map[string]any
	options := []object{{"label": "All events", "value": "*"}}
	for _, t := range c.Triggers {
		options = append(options, object{"label": t.Label, "value": t.Event})
	}
	var samples json.RawMessage = []byte("{}")
	if len(c.Triggers) > 0 {
		samples = c.Triggers[0].Sample
	}
	authorization := object{"authorization": "Bearer {{connection.apiKey}}"}
	return object{
		"base": object{"log": object{"sanitize": []string{"request.headers.authorization"}}},
		"connection": object{
			"type": "basic", "label": "Relay",
			"parameters": []object{
				{"name": "baseUrl", "type": "url", "label": "Address of Relay", "required": true, "default": c.BaseURL},
				{"name": "apiKey", "type": "password", "label": "API key", "required": true, "help": "A key with the scope hooks."},
			},
			"communication": object{
				"url": "{{parameters.baseUrl}}/v1/hooks/me", "headers": object{"authorization": "Bearer {{parameters.apiKey}}"},
				"response": object{"metadata": object{"type": "text", "value": "{{body.label}}"}},
			},
		},
		"webhook": object{
			"type": "web", "label": "Relay events",
			"parameters": []object{{"name": "event", "type": "select", "label": "Event", "required": true, "default": "*", "options": options}},
			"attach": object{
				"url": "{{connection.baseUrl}}/v1/hooks", "method": "POST", "headers": authorization,
				"body":     object{"url": "{{webhook.url}}", "event": "{{parameters.event}}"},
				"response": object{"data": object{"externalHookId": "{{body.id}}"}},
			},
			"detach":        object{"url": "{{connection.baseUrl}}/v1/hooks/{{webhook.externalHookId}}", "method": "DELETE", "headers": authorization},
			"communication": object{"output": "{{body}}"},
		},
		"trigger": object{
			"type": "instant", "name": "watchEvents", "label": "Watch events", "description": "Starts when Relay delivers an event.",
			"interface": []object{
				{"name": "id", "type": "text", "label": "Id"}, {"name": "event", "type": "text", "label": "Event"},
				{"name": "timestamp", "type": "date", "label": "Timestamp"}, {"name": "webhookId", "type": "text", "label": "Webhook id"},
				{"name": "version", "type": "text", "label": "Version"}, {"name": "data", "type": "any", "label": "Data"},
			},
			"samples": samples,
		},
	}
}
