package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// verb is a command about one kind of thing: "get" of webhooks. Arguments and flags come from the
// operation's description.
type verb struct {
	name, operation string
	columns         string // of a list: paths of members
	example         string
}

// resource is a kind of thing with its verbs.
type resource struct {
	name, short string
	aliases     []string
	ids         string // the operation that lists the ids, for completion
	id          string // the member that is the id; empty: "id"
	verbs       []verb
}

var resources = []resource{
	{name: "webhooks", short: "Subscriptions: list, get, create, update, delete, pause, test, …", aliases: []string{"webhook"}, ids: "listWebhooks", verbs: []verb{
		{"list", "listWebhooks", "id url events status health.failures createdAt", "relay webhooks list --json | jq -r .url"},
		{"get", "getWebhook", "", "relay webhooks get wh_…"},
		{"create", "createWebhook", "", "relay webhooks create --url https://example.com/hook --events 'order.*'\nrelay webhooks create --url https://example.com/hook --set retry.attempts=5"},
		{"update", "updateWebhook", "", "relay webhooks update wh_… --timeout 5s --set batch=null"},
		{"delete", "deleteWebhook", "", "relay webhooks delete wh_…"},
		{"test", "testWebhook", "", "relay webhooks test wh_…"},
		{"pause", "pauseWebhook", "", "relay webhooks pause wh_…"},
		{"resume", "resumeWebhook", "", "relay webhooks resume wh_…"},
		{"rotate-secret", "rotateWebhookSecret", "", "relay webhooks rotate-secret wh_… --overlap 24h"},
		{"reveal-secret", "revealWebhookSecret", "", "relay webhooks reveal-secret wh_…"},
		{"attempts", "listWebhookAttempts", "id at eventType number outcome response.status", "relay webhooks attempts wh_… --limit 10"},
	}},
	{name: "events", short: "Published events: list, get, deliveries", aliases: []string{"event"}, ids: "listEvents", verbs: []verb{
		{"list", "listEvents", "id type key acceptedAt", "relay events list --type order.paid --since 2026-05-05T00:00:00Z"},
		{"get", "getEvent", "", "relay events get order-1"},
		{"deliveries", "listEventDeliveries", "id webhookId state attempts nextAttemptAt", "relay events deliveries order-1"},
	}},
	{name: "attempts", short: "The log: list, get", aliases: []string{"attempt"}, ids: "listAttempts", verbs: []verb{
		{"list", "listAttempts", "id at webhookId eventType number outcome response.status", "relay attempts list --event-id order-1"},
		{"get", "getAttempt", "", "relay attempts get att_…"},
	}},
	{name: "log-views", short: "Saved views of the log: list, create, delete", aliases: []string{"log-view"}, ids: "listLogViews", verbs: []verb{
		{"list", "listLogViews", "id name shared createdBy createdAt", "relay log-views list"},
		{"create", "createLogView", "", "relay log-views create --name Timeouts --shared --filter '{\"errorKind\":\"timeout\",\"within\":\"24h\"}'"},
		{"delete", "deleteLogView", "", "relay log-views delete view_…"},
	}},
	{name: "deliveries", short: "Deliveries: list, get, retry, cancel", aliases: []string{"delivery"}, ids: "listDeliveries", verbs: []verb{
		{"list", "listDeliveries", "id eventId webhookId state attempts nextAttemptAt", "relay deliveries list --state waiting"},
		{"get", "getDelivery", "", "relay deliveries get whk_…"},
		{"retry", "retryDelivery", "", "relay deliveries retry whk_…"},
		{"cancel", "cancelDelivery", "", "relay deliveries cancel whk_…"},
	}},
	{name: "event-types", short: "The catalogue: list, get, create, update, delete, example", aliases: []string{"event-type", "types"}, ids: "listEventTypes", id: "name", verbs: []verb{
		{"list", "listEventTypes", "name version description", "relay event-types list"},
		{"get", "getEventType", "", "relay event-types get order.paid"},
		{"create", "createEventType", "", "relay event-types create --name order.paid --schema \"$(cat schema.json)\""},
		{"update", "updateEventType", "", "relay event-types update order.paid --validation strict"},
		{"delete", "deleteEventType", "", "relay event-types delete order.paid"},
		{"example", "getEventTypeExample", "", "relay event-types example order.paid"},
	}},
	{name: "rules", short: "Derivation rules: list, get, create, update, delete", aliases: []string{"rule"}, ids: "listDerivationRules", id: "name", verbs: []verb{
		{"list", "listDerivationRules", "name enabled description", "relay rules list"},
		{"get", "getDerivationRule", "", "relay rules get NAME"},
		{"create", "createDerivationRule", "", "relay rules create -f rule.json"},
		{"update", "updateDerivationRule", "", "relay rules update NAME --enabled=false"},
		{"delete", "deleteDerivationRule", "", "relay rules delete NAME"},
	}},
	{name: "keys", short: "API keys: list, create, replace, delete", aliases: []string{"key"}, ids: "listKeys", verbs: []verb{
		{"list", "listKeys", "id name scopes createdAt expiresAt", "relay keys list"},
		{"create", "createKey", "", "relay keys create --name shop --scopes publish"},
		{"replace", "replaceKey", "", "relay keys replace key_… --overlap 24h"},
		{"delete", "revokeKey", "", "relay keys delete key_…"},
	}},
	{name: "tenants", short: "Tenants of the installation: list, get, create, update, suspend, …", aliases: []string{"tenant"}, ids: "listTenants", verbs: []verb{
		{"list", "listTenants", "id name state usage.webhooks createdAt", "relay tenants list"},
		{"get", "getTenant", "", "relay tenants get acme"},
		{"create", "createTenant", "", "relay tenants create --id acme --name 'Acme Ltd'"},
		{"update", "updateTenant", "", "relay tenants update acme --name Acme"},
		{"suspend", "suspendTenant", "", "relay tenants suspend acme"},
		{"resume", "resumeTenant", "", "relay tenants resume acme"},
		{"delete", "deleteTenant", "", "relay tenants delete acme --confirm acme"},
		{"restore", "restoreTenant", "", "relay tenants restore acme"},
	}},
	{name: "jobs", short: "Recoveries and replays: list, get, cancel", aliases: []string{"job"}, ids: "listJobs", verbs: []verb{
		{"list", "listJobs", "id kind webhookId state deliveries createdAt", "relay jobs list"},
		{"get", "getJob", "", "relay jobs get job_…"},
		{"cancel", "cancelJob", "", "relay jobs cancel job_…"},
	}},
	{name: "users", short: "People who sign in: list, get, invite, update, delete, disable, …", aliases: []string{"user"}, ids: "listUsers", verbs: []verb{
		{"list", "listUsers", "id email name role state seenAt", "relay users list"},
		{"get", "getUser", "", "relay users get usr_…"},
		{"create", "inviteUser", "", "relay users create --email ada@example.com --role admin"},
		{"update", "updateUser", "", "relay users update usr_… --role viewer"},
		{"delete", "deleteUser", "", "relay users delete usr_…"},
		{"disable", "disableUser", "", "relay users disable usr_…"},
		{"enable", "enableUser", "", "relay users enable usr_…"},
		{"invite", "inviteUserAgain", "", "relay users invite usr_…"},
	}},
	{name: "campaigns", short: "Campaigns of the gate: list, get, create, update, delete", aliases: []string{"campaign"}, ids: "listCampaigns", verbs: []verb{
		{"list", "listCampaigns", "id name respondents createdAt", "relay campaigns list"},
		{"get", "getCampaign", "", "relay campaigns get ID"},
		{"create", "createCampaign", "", "relay campaigns create --name spring"},
		{"update", "updateCampaign", "", "relay campaigns update ID --name summer"},
		{"delete", "deleteCampaign", "", "relay campaigns delete ID"},
	}},
	{name: "respondents", short: "Respondents of campaigns: list, get, add, retry, delete", aliases: []string{"respondent"}, verbs: []verb{
		{"list", "listRespondents", "id state campaignId createdAt", "relay respondents list"},
		{"get", "getRespondent", "", "relay respondents get ID"},
		{"create", "addRespondent", "", "relay respondents create -f respondent.json"},
		{"retry", "retryRespondent", "", "relay respondents retry ID"},
		{"delete", "eraseRespondent", "", "relay respondents delete ID"},
	}},
	{name: "audiences", short: "Audiences: list, get, create, update, delete, members, import", aliases: []string{"audience"}, ids: "listAudiences", id: "number", verbs: []verb{
		{"list", "listAudiences", "number name createdAt", "relay audiences list"},
		{"get", "getAudience", "", "relay audiences get 101"},
		{"create", "createAudience", "", "relay audiences create --number 101 --name Spring"},
		{"update", "updateAudience", "", "relay audiences update 101 --name Summer"},
		{"delete", "deleteAudience", "", "relay audiences delete 101"},
		{"members", "listMembers", "profileId since", "relay audiences members 101"},
	}},
	{name: "connectors", short: "Definitions of partner platforms: list, get, validate, test, push, try, delete", aliases: []string{"connector"}, ids: "listConnectors", id: "connector", verbs: []verb{
		{"list", "listConnectors", "connector version origin state kind name", "relay connectors list --origin custom"},
		{"get", "getConnector", "", "relay connectors get loyalty"},
		{"update", "updateConnector", "", "relay connectors update loyalty --version 1.0.0 --state live"},
		{"plan", "tickConnectorPlan", "", "relay connectors plan loyalty --version 1.0.0 --step 'three test members arrived' --evidence att_…"},
		{"try", "tryConnector", "", "relay connectors try loyalty --payload '{\"partnerIds\":[\"m1\"]}'\nrelay connectors try loyalty --connection con_… --payload @profile.json --send"},
		{"delete", "deleteConnector", "", "relay connectors delete loyalty --version 1.0.0"},
	}},
	{name: "connections", short: "Accounts at partner platforms: list, get, create, update, delete, check, …", aliases: []string{"connection"}, ids: "listConnections", verbs: []verb{
		{"list", "listConnections", "id connector version name partnerNumber createdAt", "relay connections list"},
		{"get", "getConnection", "", "relay connections get con_…"},
		{"create", "createConnection", "", "relay connections create --connector http --name Denmark --set fields.url=https://example.com/in"},
		{"update", "updateConnection", "", "relay connections update con_… --set fields.token=\"$TOKEN\""},
		{"delete", "deleteConnection", "", "relay connections delete con_…"},
		{"check", "checkConnection", "", "relay connections check con_…"},
		{"segments", "listSegments", "", "relay connections segments con_… --query spring"},
		{"attempts", "listConnectionAttempts", "id at number outcome response.status", "relay connections attempts con_… --limit 10"},
	}},
	{name: "journeys", short: "Journeys: list, get, create, update, delete, move, enrolments, retry", aliases: []string{"journey"}, ids: "listJourneys", id: "number", verbs: []verb{
		{"list", "listJourneys", "number name mode version updatedAt", "relay journeys list"},
		{"get", "getJourney", "", "relay journeys get 201"},
		{"create", "createJourney", "", "relay journeys create -f journey.json"},
		{"update", "updateJourney", "", "relay journeys update 201 --mode paused"},
		{"delete", "deleteJourney", "", "relay journeys delete 201"},
		{"move", "moveJourney", "", "relay journeys move 201 --preview"},
		{"enrolments", "listEnrolments", "id profileId state step due", "relay journeys enrolments 201 --state failed"},
		{"retry", "retryJourney", "", "relay journeys retry 201"},
	}},
	{name: "audit", short: "The audit log: list", verbs: []verb{
		{"list", "listAudit", "at action actor.name target", "relay audit list --limit 20"},
	}},
}

// newResources makes the commands about things of the API; those below a resource only if it is asked for.
func newResources(env *Env, asked func(name string) bool) []*cobra.Command {
	var list []*cobra.Command
	for _, r := range resources {
		parent := &cobra.Command{
			Use: r.name, Short: r.short, Aliases: r.aliases, Args: cobra.ArbitraryArgs,
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return cmd.Help()
				}
				return usageError{unknownCommand(cmd, args[0])}
			},
		}
		list = append(list, parent)
		if !asked(r.name) && !slices.ContainsFunc(r.aliases, asked) {
			continue
		}
		for _, v := range r.verbs {
			parent.AddCommand(newVerb(env, &r, v))
		}
		if r.name == "users" {
			parent.AddCommand(newLoginLink(env))
		}
		if r.name == "audiences" {
			parent.AddCommand(newAudienceImport(env))
		}
		if r.name == "connectors" {
			parent.AddCommand(newConnectorCheck(env, "validate"), newConnectorCheck(env, "test"), newConnectorPush(env), newConnectorSchema(env))
		}
	}
	return list
}

// newVerb makes a command of one operation. Its arguments and flags are added when it is used or
// its help is read, because most runs of the program need none of them.
func newVerb(env *Env, r *resource, v verb) *cobra.Command {
	cmd, o, err := newOperation(env, v.name, v.operation)
	if err != nil {
		return &cobra.Command{Use: v.name, RunE: func(*cobra.Command, []string) error { return err }}
	}
	if v.example != "" {
		cmd.Example = "  " + strings.ReplaceAll(v.example, "\n", "\n  ")
	}
	if r.ids != "" && len(o.path) > 0 {
		cmd.ValidArgsFunction = env.completeIDs(o, r)
	}
	columns := strings.Fields(v.columns)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(columns) > 0:
			return o.list(cmd, args, columns)
		case o.op.method == http.MethodDelete:
			if _, err := o.one(cmd.Context(), args); err != nil {
				return err
			}
			if o.conn.people() {
				_, err := fmt.Fprintf(env.Stdout, "Deleted %s.\n", printable(strings.Join(args, " ")))
				return err
			}
			return nil
		}
		answer, err := o.one(cmd.Context(), args)
		if err != nil {
			return err
		}
		if o.conn.people() {
			return env.printObject(answer)
		}
		return env.printJSON(answer)
	}
	return cmd
}

// list prints a list: a table for people, else an entry a line.
func (o *operationCommand) list(cmd *cobra.Command, args, columns []string) error {
	env := o.conn.env
	if !o.conn.people() {
		return o.each(cmd.Context(), args, env.printJSON)
	}
	t, now := &table{columns: columns}, time.Now()
	if err := o.each(cmd.Context(), args, func(entry json.RawMessage) error { return t.add(entry, now) }); err != nil {
		return err
	}
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(env.Stderr, "There are none.")
		return err
	}
	if err := t.print(env); err != nil {
		return err
	}
	if o.limit > 0 && len(t.rows) == o.limit {
		fmt.Fprintln(env.Stderr, newStyle(env).dim("There may be more: --limit 0 lists all."))
	}
	return nil
}

// completeIDs lets shells complete the id of a thing from the server's list.
func (e *Env) completeIDs(o *operationCommand, r *resource) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		lister := &operationCommand{conn: o.conn, doc: o.doc, op: o.doc.operation(r.ids), limit: 100}
		var ids []string
		_ = lister.each(cmd.Context(), nil, func(entry json.RawMessage) error { // without a server there are no suggestions
			var thing map[string]any
			if err := json.Unmarshal(entry, &thing); err != nil {
				return err
			}
			name := r.id
			if name == "" {
				name = "id"
			}
			if id, ok := thing[name].(string); ok {
				ids = append(ids, cobra.CompletionWithDesc(id, describeThing(thing)))
			}
			return nil
		})
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// describeThing returns what a shell shows beside an id.
func describeThing(thing map[string]any) string {
	for _, member := range []string{"description", "url", "type", "name", "email", "eventType"} {
		if text, ok := thing[member].(string); ok && text != "" {
			return clip(printable(text), 60)
		}
	}
	return ""
}
