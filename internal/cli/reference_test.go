package cli

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/testenv"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

func testRoot() *cobra.Command {
	return newRoot(&Env{Stdout: io.Discard, Stderr: io.Discard}, func(string) bool { return true })
}

// TestReference keeps docs/cli.md the same as the help.
func TestReference(t *testing.T) {
	path := filepath.Join(testenv.Root(t), "docs", "cli.md")
	got := reference(testRoot())
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/cli.md differs from the help of the commands: write it anew with go test ./internal/cli -run TestReference -update")
	}
}

// TestHelp checks what every command's help must have.
func TestHelp(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			check(sub)
		}
		if c.Hidden || c.HasSubCommands() || c.Name() == "help" || strings.HasPrefix(c.CommandPath(), "relay completion") {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: got the short text %q, want a phrase without a full stop", c.CommandPath(), c.Short)
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range exampleLines(c) {
			if !strings.Contains(line, "relay ") {
				t.Errorf("%s: example %q does not call relay", c.CommandPath(), line)
			}
		}
	}
	check(testRoot())
}

// TestColumnsExist holds the columns of tables to the members that the API's lists have.
func TestColumnsExist(t *testing.T) {
	d, err := describedAPI()
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string]string{ // operation: schema of an entry
		"listWebhooks": "Webhook", "listWebhookAttempts": "Attempt", "listEvents": "Event", "listEventDeliveries": "Delivery",
		"listAttempts": "Attempt", "listDeliveries": "Delivery", "listEventTypes": "EventType", "listDerivationRules": "DerivationRule",
		"listKeys": "Key", "listTenants": "Tenant", "listJobs": "Job", "listUsers": "User", "listCampaigns": "Campaign", "listRespondents": "Respondent", "listAudit": "AuditEntry",
		"listAudiences": "Audience", "listMembers": "Member", "listConnectors": "Connector", "listConnections": "Connection", "listConnectionAttempts": "Attempt",
		"listJourneys": "Journey", "listEnrolments": "Enrolment", "listLogViews": "LogView",
	}
	for _, r := range resources {
		for _, v := range r.verbs {
			for column := range strings.FieldsSeq(v.columns) {
				schema := d.Components.Schemas[lists[v.operation]]
				for name := range strings.SplitSeq(column, ".") {
					if schema = memberOf(d, schema, name); schema == nil {
						t.Errorf("relay %s %s: entries of %s have no member %q", r.name, v.name, v.operation, column)
						break
					}
				}
			}
		}
	}
}

func memberOf(d *apiDocument, s *apiSchema, name string) *apiSchema {
	if s == nil {
		return nil
	}
	m := s.Properties[name]
	if m == nil {
		return nil
	}
	refs := []string{m.Ref}
	for _, one := range m.AnyOf {
		refs = append(refs, one.Ref)
	}
	if i := slices.IndexFunc(refs, func(ref string) bool { return ref != "" }); i >= 0 {
		return d.Components.Schemas[strings.TrimPrefix(refs[i], "#/components/schemas/")]
	}
	return m
}
