package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/importer"
)

func newImport(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import", Short: "Bring webhooks from another system: svix, convoy, outpost", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{unknownCommand(cmd, args[0])}
		},
	}
	for i := range importer.Systems {
		cmd.AddCommand(newImportFrom(env, &importer.Systems[i]))
	}
	return cmd
}

// importExamples are the examples of each system.
var importExamples = map[string]string{
	"svix":    "  relay import svix --url https://api.eu.svix.com --only app_… --dry-run\n  relay import svix --url https://svix.example.com --owners attribute:app",
	"convoy":  "  relay import convoy --url https://convoy.example.com --project 01H… --owners attribute:owner --dry-run",
	"outpost": "  relay import outpost --url http://localhost:3333 --owners tenants\n  relay import outpost --files ./answers --only acme",
}

func newImportFrom(env *Env, system *importer.System) *cobra.Command {
	cmd := &cobra.Command{
		Use: system.Name, Short: "Bring the webhooks of " + system.Title, Args: noArgs, Example: importExamples[system.Name],
		Long: "Read the endpoints of " + system.Title + " through its API and make webhooks of them: addresses, event types, filters, secrets,\n" +
			"signatures, headers, descriptions, rate limits, and whether they are paused. Receivers verify Relay's deliveries as\n" +
			"before. Events and their history are not brought.\n\n" +
			"An imported webhook has the label " + importer.OriginLabel + ", by which the next run knows it: what is there is left as it is, and\n" +
			"differences are reported. What has no counterpart is reported, too; a webhook that would send more than before\n" +
			"is made paused.\n\n" +
			"The token of " + system.Title + " comes from --token-file or RELAY_IMPORT_TOKEN. --files reads answers that were saved instead:\n" +
			"that of GET /a/b in a/b.json, further pages in a/b.2.json and so on.\n\n" +
			"--owners says what becomes of each " + system.Owner + ": \"tenants\" makes a tenant of each, \"attribute:NAME\" lets the webhooks\n" +
			"take only events that name it in that attribute, \"none\" lets them take all. It must be given if there are several.",
	}
	f := cmd.Flags()
	o := bringOptions{system: system}
	f.StringVar(&o.url, "url", "", "`address` of "+system.Title)
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with the token of "+system.Title+" (RELAY_IMPORT_TOKEN gives the token itself)")
	f.StringVar(&o.files, "files", "", "`folder` of saved answers, instead of --url")
	f.StringSliceVar(&o.only, "only", nil, "only these `ids` of "+system.Owner+"s, separated by commas")
	f.StringVar(&o.owners, "owners", "", "what becomes of each "+system.Owner+": `tenants|attribute:NAME|none`")
	f.StringVar(&o.signature, "signature", "", "sign so instead of as "+system.Title+" says: a name or an object, as `signature` of a webhook takes it")
	if system.Name == "convoy" {
		f.StringSliceVar(&o.projects, "project", nil, "`ids` of the projects, separated by commas")
	}
	f.BoolVar(&o.dry, "dry-run", false, "only say what would be made")
	o.conn = env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return env.importFrom(cmd.Context(), &o) }
	return cmd
}

type bringOptions struct {
	conn                                     *connection
	system                                   *importer.System
	url, tokenFile, files, owners, signature string
	only, projects                           []string
	dry                                      bool
}

// source returns what the endpoints are read from. done closes it.
func (e *Env) importSource(o *bringOptions) (s importer.Source, done func() error, err error) {
	none := func() error { return nil }
	switch {
	case o.url != "" && o.files != "":
		return nil, none, usageError{errors.New("--url and --files exclude each other")}
	case o.files != "":
		folder, err := importer.NewFolder(o.files)
		if err != nil {
			return nil, none, fmt.Errorf("--files: %w", err)
		}
		return folder, folder.Close, nil
	case o.url == "":
		return nil, none, usageError{errors.New("--url must be given, or --files")}
	}
	token := e.getenv("RELAY_IMPORT_TOKEN")
	if o.tokenFile != "" {
		b, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, none, fmt.Errorf("--token-file: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	if token == "" {
		return nil, none, usageError{fmt.Errorf("there is no token of %s: set RELAY_IMPORT_TOKEN, or name a --token-file", o.system.Title)}
	}
	s, err = importer.NewServer(o.url, token)
	if err != nil {
		return nil, none, usageError{fmt.Errorf("--url %w", err)}
	}
	return s, none, nil
}

// options checks the flags and returns what to read.
func (o *bringOptions) options() (in importer.Options, attribute string, err error) {
	in = importer.Options{Only: o.only, Projects: o.projects}
	if o.system.Name == "convoy" && len(o.projects) == 0 {
		return in, "", usageError{errors.New("--project must be given")}
	}
	attribute, isAttribute := strings.CutPrefix(o.owners, "attribute:")
	switch {
	case isAttribute:
		if err := importer.CheckAttribute(attribute); err != nil {
			return in, "", usageError{fmt.Errorf("--owners attribute:NAME: the name %w", err)}
		}
	case o.owners != "" && o.owners != "tenants" && o.owners != "none":
		return in, "", usageError{fmt.Errorf("--owners must be tenants, attribute:NAME or none, got %q", o.owners)}
	default:
		attribute = ""
	}
	switch known := importer.OutpostSignatures[o.signature]; {
	case o.signature == "":
	case o.system.Name == "outpost" && known != nil:
		in.Signature = known
	case strings.HasPrefix(o.signature, "{"), strings.HasPrefix(o.signature, "["):
		if in.Signature, err = decodeNumbers([]byte(o.signature)); err != nil {
			return in, "", usageError{fmt.Errorf("--signature: %w", err)}
		}
	default:
		in.Signature = o.signature
	}
	return in, attribute, nil
}

// importedWebhook is a line of the report.
type importedWebhook struct {
	From   string `json:"from"` // as in the label
	Owner  string `json:"owner"`
	Tenant string `json:"tenant,omitempty"` // that was chosen for the owner
	URL    string `json:"url"`
	// Result is made, wouldBeMade, there, skipped or failed.
	Result    string   `json:"result"`
	WebhookID string   `json:"webhookId,omitempty"`
	Paused    bool     `json:"paused"`
	Differs   []string `json:"differs,omitempty"` // members of a webhook that is there
	Notes     []string `json:"notes,omitempty"`   // what has no counterpart
	Error     string   `json:"error,omitempty"`
}

func (e *Env) importFrom(ctx context.Context, o *bringOptions) error {
	in, attribute, err := o.options()
	if err != nil {
		return err
	}
	source, done, err := e.importSource(o)
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // only read
	in.Source = source
	target, err := o.conn.target()
	if err != nil {
		return err
	}
	if _, err := o.conn.client(); err != nil {
		return err
	}
	list, err := o.system.Read(ctx, in)
	if err != nil {
		return err
	}
	if owners := importer.Owners(list); o.owners == "" && len(owners) > 1 {
		return usageError{fmt.Errorf("there are %d %ss, and an event of one must not reach the webhooks of another: say with --owners what becomes of them, or choose one with --only\n%s",
			len(owners), o.system.Owner, strings.Join(owners, "\n"))}
	}
	im := &importing{env: e, options: o, target: target, tenants: map[string]*importTenant{}, counts: map[string]int{}}
	for i := range list {
		w := &list[i]
		if attribute != "" && w.Skipped == "" {
			w.Narrow(attribute)
		}
		line := im.bring(ctx, w)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		im.counts[line.Result]++
		if err := im.print(line); err != nil {
			return err
		}
	}
	return im.end(len(list))
}

// importing is a run.
type importing struct {
	env     *Env
	options *bringOptions
	target  profile
	tenants map[string]*importTenant // by name in Relay; "": that of the key
	counts  map[string]int           // by result
}

// importTenant is a tenant that gets webhooks.
type importTenant struct {
	owner   string
	client  *client.Client
	there   map[string]map[string]any // webhooks by origin
	problem error
}

// bring makes a webhook, unless it is there.
func (im *importing) bring(ctx context.Context, w *importer.Webhook) importedWebhook {
	line := importedWebhook{From: w.Origin, Owner: w.Owner, Paused: w.Paused, Notes: w.Notes}
	line.URL, _ = w.Request["url"].(string)
	fail := func(err error) importedWebhook {
		line.Result, line.Error = "failed", errorText(err)
		return line
	}
	if w.Skipped != "" {
		line.Result, line.Error, line.Paused = "skipped", w.Skipped, false
		return line
	}
	if im.options.owners == "tenants" {
		line.Tenant = tenantOf(w.Owner)
	}
	t := im.tenant(ctx, line.Tenant, w.Owner)
	if t.problem != nil {
		return fail(t.problem)
	}
	labels, _ := w.Request["labels"].(map[string]any)
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]any{}
	}
	labels[importer.OriginLabel] = w.Origin
	w.Request["labels"] = labels
	if old := t.there[w.Origin]; old != nil {
		line.Result, line.WebhookID = "there", fmt.Sprint(old["id"])
		line.Differs = differing(w.Request, old)
		if is := old["status"] == "paused"; is != w.Paused {
			line.Differs = append(line.Differs, "paused")
		}
		line.Paused = old["status"] == "paused"
		return line
	}
	if im.options.dry {
		line.Result = "wouldBeMade"
		return line
	}
	var made map[string]any
	if err := t.client.Do(ctx, "POST", "/v1/webhooks", nil, w.Request, &made); err != nil {
		return fail(err)
	}
	t.there[w.Origin], line.Result, line.WebhookID = made, "made", fmt.Sprint(made["id"])
	if w.Paused {
		if err := t.client.Do(ctx, "POST", "/v1/webhooks/"+url.PathEscape(line.WebhookID)+"/pause", nil, nil, nil); err != nil {
			line.Paused = false
			return fail(fmt.Errorf("the webhook %s is made and must be paused: %w", line.WebhookID, err))
		}
	}
	return line
}

// differing returns the members of a webhook that are not what the request says.
func differing(request, old map[string]any) []string {
	b, err := json.Marshal(request)
	if err != nil {
		return nil
	}
	v, err := decodeNumbers(b)
	want, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if name == "preset" || name == "secret" || name == "auth" { // not shown
			continue
		}
		if !same(want[name], old[name], true) {
			names = append(names, name)
		}
	}
	return names
}

// tenantOf makes an owner's id fit for the id of a tenant.
func tenantOf(owner string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, owner)
}

// tenant returns the webhooks of a tenant, which it makes if it is missing.
func (im *importing) tenant(ctx context.Context, name, owner string) *importTenant {
	if t := im.tenants[name]; t != nil {
		if name != "" && t.owner != owner {
			return &importTenant{problem: fmt.Errorf("the %ss %q and %q would become the same tenant %q", im.options.system.Owner, t.owner, owner, name)}
		}
		return t
	}
	t := &importTenant{owner: owner, there: map[string]map[string]any{}}
	im.tenants[name] = t
	t.problem = func() error {
		p := im.target
		p.Tenant = cmp.Or(name, p.Tenant)
		var err error
		if t.client, err = newClient(p); err != nil {
			return err
		}
		if name != "" {
			missing, err := im.makeTenant(ctx, name, owner)
			if err != nil || missing {
				return err
			}
		}
		doc, err := describedAPI()
		if err != nil {
			return err
		}
		all, err := (&manifestReader{t.client, doc}).list(ctx, "listWebhooks", nil)
		for _, w := range all {
			labels, _ := w["labels"].(map[string]any)
			if from, ok := labels[importer.OriginLabel].(string); ok {
				t.there[from] = w
			}
		}
		return err
	}()
	return t
}

// makeTenant makes a tenant unless it is there. It reports that it is missing in a dry run.
func (im *importing) makeTenant(ctx context.Context, name, owner string) (missing bool, err error) {
	p := im.target
	p.Tenant = ""
	c, err := newClient(p)
	if err != nil {
		return false, err
	}
	err = c.Do(ctx, "GET", "/v1/tenants/"+url.PathEscape(name), nil, nil, nil)
	if e := new(client.Error); err == nil || !errors.As(err, &e) || e.Status != 404 {
		return false, err
	}
	if im.options.dry {
		return true, nil
	}
	return false, c.Do(ctx, "POST", "/v1/tenants", nil, map[string]any{"id": name, "name": owner}, nil)
}

// importWords are the results as people read them.
var importWords = map[string]string{"made": "made", "wouldBeMade": "to make", "there": "there", "skipped": "skipped", "failed": "failed"}

func (im *importing) print(line importedWebhook) error {
	e := im.env
	if !im.options.conn.people() {
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		return e.printJSON(b)
	}
	st := newStyle(e)
	word := fmt.Sprintf("%-8s", importWords[line.Result])
	switch line.Result {
	case "made", "wouldBeMade":
		word = st.green(word)
	case "failed", "skipped":
		word = st.yellow(word)
	}
	text := fmt.Sprintf("%s %s  %s", word, printable(line.From), printable(line.URL))
	for _, more := range []string{line.Tenant, line.WebhookID} {
		if more != "" {
			text += "  " + printable(more)
		}
	}
	if line.Paused {
		text += "  paused"
	}
	lines := []string{text}
	if line.Error != "" {
		lines = append(lines, strings.Split(printableLines(line.Error), "\n")...)
	}
	if len(line.Differs) > 0 {
		lines = append(lines, "differs in "+strings.Join(line.Differs, ", ")+", and is left as it is")
	}
	for _, note := range line.Notes {
		lines = append(lines, printable(note))
	}
	_, err := fmt.Fprintln(e.Stdout, strings.Join(lines, "\n         "))
	return err
}

// end says how much was done, and fails if anything did.
func (im *importing) end(n int) error {
	e := im.env
	verb := "made"
	if im.options.dry {
		verb = "to be made"
	}
	fmt.Fprintf(e.Stderr, "%d endpoints: %d %s, %d there already, %d skipped, %d failed.\n", n,
		im.counts["made"]+im.counts["wouldBeMade"], verb, im.counts["there"], im.counts["skipped"], im.counts["failed"])
	if failed := im.counts["failed"]; failed > 0 {
		return fmt.Errorf("%d of %d endpoints could not be brought", failed, n)
	}
	return nil
}
