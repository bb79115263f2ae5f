package catalogue

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/testenv"
)

// gitHub holds the schemas and payloads of GitHub's webhooks, as published on npm.
type gitHub struct {
	schemas  map[string]json.RawMessage // by the event's name, with the definitions they reference
	payloads map[string][]json.RawMessage
}

func octokit(t *testing.T) gitHub {
	t.Helper()
	dir := testenv.Modules(t, "octokit-webhooks-7.6.1", "@octokit/webhooks-schemas/schema.json", filepath.Join("testdata", "octokit"))
	modules := filepath.Join(dir, "node_modules", "@octokit")
	var all struct {
		Definitions map[string]json.RawMessage
	}
	b, err := os.ReadFile(filepath.Join(modules, "webhooks-schemas", "schema.json"))
	check(t, err)
	check(t, json.Unmarshal(b, &all))
	g := gitHub{make(map[string]json.RawMessage), make(map[string][]json.RawMessage)}
	var examples []struct {
		Name     string
		Examples []json.RawMessage
	}
	b, err = os.ReadFile(filepath.Join(modules, "webhooks-examples", "api.github.com", "index.json"))
	check(t, err)
	check(t, json.Unmarshal(b, &examples))
	for _, e := range examples {
		g.payloads[e.Name] = e.Examples
		for _, name := range []string{e.Name + "_event", e.Name + "$event"} {
			if all.Definitions[name] != nil {
				g.schemas[e.Name] = closure(all.Definitions, name)
			}
		}
	}
	return g
}

// closure returns a definition as a self-contained schema, with the definitions it needs.
func closure(definitions map[string]json.RawMessage, name string) json.RawMessage {
	needed, queue := map[string]json.RawMessage{}, []string{name}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if needed[next] != nil {
			continue
		}
		needed[next] = definitions[next]
		for _, part := range strings.Split(string(definitions[next]), `"#/definitions/`)[1:] {
			ref, _, _ := strings.Cut(part, `"`)
			queue = append(queue, ref)
		}
	}
	b, err := json.Marshal(map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "title": name, "$ref": "#/definitions/" + name, "definitions": needed})
	if err != nil {
		panic(err)
	}
	return b
}

// misfits are the payloads that violate the schemas according to ajv 8.20 with ajv-formats as well.
// Most are the first of their event, copied from documentation that predates required members.
const misfits = `branch_protection_rule[0] check_run[0] check_run[7] check_run[8] check_suite[0] code_scanning_alert[0] commit_comment[0] create[0]
	delete[0] dependabot_alert[0] deploy_key[0] deployment[0] deployment_status[0] discussion[0] discussion_comment[0] fork[0] gollum[0] installation[0]
	installation_repositories[0] issue_comment[0] issues[0] label[0] member[0] merge_group[0] meta[0] milestone[0] package[0] page_build[0] ping[0] project[0]
	project_card[0] project_column[0] public[0] pull_request[0] pull_request_review[0] pull_request_review_comment[0] pull_request_review_thread[0] push[0]
	release[0] repository_dispatch[0] repository[0] repository_import[0] repository_vulnerability_alert[0] security_advisory[0] sponsorship[1] star[0]
	status[0] team[0] team_add[0] watch[0] workflow_dispatch[0] workflow_job[0] workflow_run[0]`

// TestGitHub checks all payloads of GitHub's webhooks against octokit's schemas: none that fits is
// rejected, and importing the schemas again changes nothing. Under the race detector it takes a sixth of them: nothing in it
// is concurrent.
func TestGitHub(t *testing.T) {
	g := octokit(t)
	if len(g.schemas) != 58 {
		t.Errorf("got %d schemas, want 58", len(g.schemas))
	}
	if testenv.Race {
		for i, name := range sortedNames(g.schemas) {
			if i%6 != 0 {
				delete(g.schemas, name)
				delete(g.payloads, name)
			}
		}
	}
	r, store, reopen := newRegistry(t)
	ctx := t.Context()
	var sketches []string
	for _, round := range []Outcome{Created, Unchanged, Unchanged} {
		for _, name := range sortedNames(g.schemas) {
			typ, err := ImportJSONSchema(nil, "github."+name, g.schemas[name])
			check(t, err)
			done, err := r.Import(ctx, access.System(1), []Type{typ}, nil, false)
			check(t, err)
			if len(done) != 1 || done[0].Outcome != round || done[0].Version != "1" {
				t.Errorf("importing %s: got %+v, want %s with version 1", name, done, round)
			}
			if list := typ.Validate(typ.Example, nil); list != nil || typ.Sketch {
				sketches = append(sketches, fmt.Sprintf("%s: %v", name, list))
			}
		}
		if len(store.list) != len(g.schemas) {
			t.Errorf("got %d records, want one for each of %d schemas", len(store.list), len(g.schemas))
		}
		r = reopen()
	}
	if len(sketches) > 0 {
		t.Errorf("%d examples do not fit their schema: %s", len(sketches), strings.Join(sketches, "\n"))
	}
	check(t, r.Set(ctx, access.System(1), AllTypes, func(s *Settings) { s.Validation = Strict }))
	checked, refused := 0, 0
	for name, payloads := range g.payloads {
		for i, data := range payloads {
			checked++
			e := &event.Event{Tenant: 1, Type: "github." + name, Data: data}
			list, refuse := r.Check(e)
			if want := slices.Contains(strings.Fields(misfits), fmt.Sprintf("%s[%d]", name, i)); refuse != want || refuse != (list != nil) {
				t.Errorf("%s[%d]: refused %v, want %v: %v", name, i, refuse, want, list)
			}
			if refuse {
				refused++
			}
			for _, v := range list {
				if !resolves(string(data), v) {
					t.Errorf("%s[%d]: the path of %q leads nowhere", name, i, v)
				}
			}
		}
	}
	if want := len(strings.Fields(misfits)); !testenv.Race && (checked != 329 || refused != want) {
		t.Errorf("got %d payloads and %d refused, want 329 and %d", checked, refused, want)
	}

	// Corrupted payloads: all reported places must exist.
	for name, payloads := range g.payloads {
		typ, _ := r.Lookup(1, "github."+name)
		for _, data := range payloads[:min(2, len(payloads))] {
			for _, spoil := range []string{`"login":`, `"id":`, `"action":`, `"url":`} {
				bad := strings.Replace(string(data), spoil, spoil+`[{"a b":null}],`+`"x`+spoil[1:], 1)
				if bad == string(data) {
					continue
				}
				for _, v := range typ.Validate([]byte(bad), nil) {
					if !resolves(bad, v) {
						t.Errorf("%s: the path of %q leads nowhere", name, v)
					}
				}
			}
		}
	}
}

// resolves reports whether the place of a violation exists in the event. For a missing member, its
// parent must exist.
func resolves(data string, v Violation) bool {
	tokens, ok := tokensOf(strings.TrimPrefix(strings.TrimPrefix(v.Path, "data"), "attributes"))
	if !ok {
		return false
	}
	if v.Message == "is missing" {
		tokens = tokens[:len(tokens)-1]
	}
	at := []byte(data)
	for _, token := range tokens {
		if token.index < 0 {
			next, ok := rawjson.Pick(at, token.name)
			if !ok {
				return false
			}
			at = next.Raw
			continue
		}
		var element []byte
		if at[0] != '[' || rawjson.Elements(at, rawjson.Limits{Depth: event.MaxDepth}, func(i int, v rawjson.Value) error {
			if i == token.index {
				element = v.Raw
			}
			return nil
		}) != nil || element == nil {
			return false
		}
		at = element
	}
	return true
}

// tokensOf parses a path written by pathOf.
func tokensOf(path string) (out []token, ok bool) {
	for path != "" {
		switch {
		case strings.HasPrefix(path, `["`):
			end := strings.Index(path, `"]`)
			if end < 0 {
				return nil, false
			}
			var name string
			if json.Unmarshal([]byte(path[1:end+1]), &name) != nil {
				return nil, false
			}
			out, path = append(out, token{name, -1}), path[end+2:]
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			var i int
			if _, err := fmt.Sscanf(path[1:max(1, end)], "%d", &i); err != nil {
				return nil, false
			}
			out, path = append(out, token{"", i}), path[end+1:]
		case path[0] == '.':
			path = path[1:]
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out, path = append(out, token{path[:end], -1}), path[end:]
		default:
			return nil, false
		}
	}
	return out, true
}
