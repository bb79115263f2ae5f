package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

func newExport(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Write the configuration as one YAML file", Args: noArgs,
		Long: "Write the configuration that \"relay apply\" takes: plans, event types, rules, connectors, connections, audiences with\n" +
			"their attachments, webhooks and the gate, without what came with Relay and without members that have their default.\n" +
			"Profiles and members of audiences are data, and not part of it. Secrets are not written: ${env:NAME} stands for them,\n" +
			"and a webhook that is created elsewhere gets a signing secret of its own unless you add one. Sections that the key\n" +
			"may not see are left out, which is said on standard error.",
		Example: "  relay export > relay.yaml\n  relay export --only webhooks,eventTypes",
	}
	only := cmd.Flags().StringSlice("only", nil, "only these `sections`, separated by commas: "+strings.Join(sections(), ", "))
	conn := env.connect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		doc, err := describedAPI()
		if err != nil {
			return err
		}
		for _, name := range *only {
			if !slices.ContainsFunc(manifestKinds, func(k manifestKind) bool { return k.section == name }) {
				return usageError{fmt.Errorf("--only: %q is no section", name)}
			}
		}
		m := manifest{}
		for i := range manifestKinds {
			k := &manifestKinds[i]
			if len(*only) > 0 && !slices.Contains(*only, k.section) {
				continue
			}
			there, err := k.fetch(cmd.Context(), &manifestReader{c, doc})
			var refused *client.Error
			if errors.As(err, &refused) && refused.Status == 403 && len(*only) == 0 {
				fmt.Fprintf(env.Stderr, "relay: %s left out: %s\n", k.section, refused.Detail)
				continue
			}
			if err != nil {
				return err
			}
			for _, e := range there {
				m[k.section] = append(m[k.section], k.exported(doc, e, there))
			}
		}
		b, err := m.encode()
		if err != nil {
			return err
		}
		_, err = env.Stdout.Write(b)
		return err
	}
	return cmd
}

// sections are the names of all sections.
func sections() []string {
	names := make([]string, len(manifestKinds))
	for i, k := range manifestKinds {
		names[i] = k.section
	}
	return names
}

func newDiff(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "diff [FILE]", Short: "Show what \"relay apply\" would change", Args: atMost(1),
		Long: "Show what \"relay apply\" with the same flags would create (+), change (~) and delete (-). The exit code is 3 if that is\n" +
			"anything.",
		Example: "  relay diff relay.yaml\n  relay export --profile staging | relay diff - --profile production",
	}
	o := manifestFlags(env, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changes, err := o.plan(cmd.Context(), args)
		if err != nil {
			return err
		}
		for _, ch := range changes {
			fmt.Fprintln(env.Stdout, printable(ch.String()))
		}
		if len(changes) > 0 {
			return pendingError{}
		}
		return nil
	}
	return cmd
}

func newApply(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply [FILE]", Short: "Bring the configuration to what a YAML file says", Args: atMost(1),
		Long: "Create and change what a file says: plans, event types, rules, connectors, connections, audiences with their\n" +
			"attachments, webhooks and the gate. Entries are known by their name, webhooks by their description, audiences by\n" +
			"their number, connectors by the name and version in their document. Members that the file leaves out stay as they\n" +
			"are, and so do entries, unless --prune. Nothing is detached: that needs a decision about the partner's members.\n\n" +
			"Secrets are given by reference, ${env:NAME} or ${file:PATH}. They are sent when an entry is created or another member\n" +
			"beside them changes, and with --secrets; they are never shown, so a difference of secrets alone is not seen. The\n" +
			"secret of a webhook is taken when it is created.",
		Example: "  relay apply relay.yaml\n  relay apply relay.yaml --dry-run --prune\n  envsubst < relay.yaml | relay apply -",
	}
	o := manifestFlags(env, cmd)
	dry := cmd.Flags().Bool("dry-run", false, "only show what would change")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changes, err := o.plan(cmd.Context(), args)
		if err != nil {
			return err
		}
		for i, ch := range changes {
			if !*dry {
				if err := ch.do(cmd.Context(), o.reader); err != nil {
					return fmt.Errorf("%d of %d changes are made; %s: %w", i, len(changes), ch.String(), err)
				}
			}
			fmt.Fprintln(env.Stdout, printable(ch.String()))
		}
		if len(changes) == 0 {
			fmt.Fprintln(env.Stderr, "Nothing to change.")
		}
		return nil
	}
	return cmd
}

// manifestOptions are the flags of diff and apply.
type manifestOptions struct {
	env            *Env
	conn           *connection
	file           string
	prune, secrets bool
	reader         *manifestReader // set by plan
}

func manifestFlags(env *Env, cmd *cobra.Command) *manifestOptions {
	o := &manifestOptions{env: env, conn: env.connect(cmd)}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the YAML `file`, as the argument gives it; - is standard input")
	f.BoolVar(&o.prune, "prune", false, "delete what a section of the file does not have")
	f.BoolVar(&o.secrets, "secrets", false, "send members with references to secrets, whether or not anything else changes")
	return o
}

// change is the calls that make an entry what the file says, and their words.
type change struct {
	kind   *manifestKind
	name   string
	sign   string   // + ~ -
	fields []string // that change
	id     string   // of an existing entry
	calls  []call
}

func (ch *change) String() string {
	text := ch.sign + " " + ch.kind.noun
	if ch.kind.key != "" {
		text += fmt.Sprintf(" %q", ch.name)
	}
	if ch.fields != nil {
		text += ": " + strings.Join(ch.fields, ", ")
	}
	return text
}

func (ch *change) do(ctx context.Context, r *manifestReader) error {
	id := ch.id
	for _, c := range ch.calls {
		var body any
		if c.body != nil {
			if err := r.nameConnection(ctx, c.body); err != nil {
				return err
			}
			body = c.body
		}
		var answer struct {
			ID string `json:"id"`
		}
		var out any = &answer
		if c.method == "DELETE" {
			out = nil
		}
		if err := r.client.Do(ctx, c.method, strings.ReplaceAll(c.path, "{id}", url.PathEscape(id)), c.query, body, out); err != nil {
			return err
		}
		id = cmp.Or(answer.ID, id)
	}
	return nil
}

// nameConnection puts the id of a connection in place of its name, which the connection may have got only
// now.
func (r *manifestReader) nameConnection(ctx context.Context, body map[string]any) error {
	name := memberText(body["connection"])
	if name == "" || strings.HasPrefix(name, "con_") {
		return nil
	}
	list, err := r.list(ctx, "listConnections", nil)
	if err != nil {
		return err
	}
	var ids []string
	for _, c := range list {
		if c["name"] == name {
			ids = append(ids, memberText(c[memberID]))
		}
	}
	if len(ids) != 1 {
		return fmt.Errorf("there are %d connections with the name %q: name one by its id", len(ids), name)
	}
	body["connection"] = ids[0]
	return nil
}

// plan compares the file with the server.
func (o *manifestOptions) plan(ctx context.Context, args []string) ([]*change, error) {
	switch {
	case len(args) == 1 && o.file != "":
		return nil, usageError{errors.New("the file is given twice: as an argument, and with --file")}
	case len(args) == 1:
		o.file = args[0]
	case o.file == "":
		return nil, usageError{errors.New("the argument FILE is missing; - is standard input")}
	}
	doc, err := describedAPI()
	if err != nil {
		return nil, err
	}
	m, err := o.env.readManifest(doc, o.file)
	if err != nil {
		return nil, err
	}
	c, err := o.conn.client()
	if err != nil {
		return nil, err
	}
	o.reader = &manifestReader{c, doc}
	var changes, removals []*change
	for i := range manifestKinds {
		k := &manifestKinds[i]
		entries, ok := m[k.section]
		if !ok {
			continue
		}
		there, err := k.fetchAll(ctx, o.reader)
		if err != nil {
			return nil, err
		}
		found := map[int]bool{}
		for n, entry := range entries {
			at := fmt.Sprintf("%s[%d]", k.section, n)
			i, err := k.find(there, entry)
			if err != nil {
				return nil, usageError{fmt.Errorf("%s: %w", at, err)}
			}
			var old map[string]any
			if i >= 0 {
				found[i], old = true, there[i]
			}
			ch, err := o.compare(doc, k, at, entry, old)
			if err != nil {
				return nil, err
			}
			if ch != nil {
				changes = append(changes, ch)
			}
		}
		for i, e := range there {
			if o.prune && k.key != "" && !found[i] && k.owned(e) {
				remove := call{method: "DELETE", path: k.pathOf(doc, k.destroy, e)}
				if k.section == "connectors" {
					remove.query = url.Values{"version": {memberText(e["version"])}}
				}
				ch := &change{kind: k, name: k.shownName(e), sign: "-", calls: []call{remove}}
				removals = append([]*change{ch}, removals...) // the reverse order: what refers to others first
			}
		}
	}
	return append(changes, removals...), nil
}

// compare returns the change that makes old, nil for a new one, what the entry says; nil: it is.
func (o *manifestOptions) compare(doc *apiDocument, k *manifestKind, at string, entry, old map[string]any) (*change, error) {
	ch := &change{kind: k, name: k.nameOf(entry), sign: "+"}
	body := map[string]any{}
	if old != nil {
		ch.sign, ch.name = "~", k.shownName(old)
		ch.id, _ = old[memberID].(string)
	}
	for _, name := range slices.Sorted(maps.Keys(entry)) {
		v := entry[name]
		if k.decided(name, old) || old != nil && same(v, old[name], slices.Contains(merged, name)) && !(o.secrets && refers(v)) {
			continue
		}
		sent, err := o.env.resolve(at+"."+name, v)
		if err != nil {
			return nil, err
		}
		body[name] = sent
		if old != nil {
			ch.fields = append(ch.fields, name)
		}
	}
	if len(body) > 0 || old == nil {
		id := k.update
		if old == nil {
			if id = k.create; id == "" {
				return nil, fmt.Errorf("internal error: a %s cannot be created", k.noun)
			}
		} else {
			for _, name := range k.always {
				body[name] = entry[name]
			}
		}
		ch.calls = []call{{method: doc.operation(id).method, path: k.pathOf(doc, id, old), body: body}}
	}
	if k.steps != nil {
		calls, fields, err := k.steps(at, entry, old)
		if err != nil {
			return nil, usageError{err}
		}
		ch.calls = append(ch.calls, calls...)
		if old != nil {
			ch.fields = append(ch.fields, fields...)
			slices.Sort(ch.fields)
		}
	}
	if len(ch.calls) == 0 {
		return nil, nil
	}
	return ch, nil
}

// find returns the index of the entry on the server that an entry of the file is about; -1: none.
func (k *manifestKind) find(there []map[string]any, entry map[string]any) (int, error) {
	if k.key == "" {
		return 0, nil
	}
	name := k.nameOf(entry)
	if id, ok := entry[memberID].(string); ok && k.byID {
		i := slices.IndexFunc(there, func(e map[string]any) bool { return e[memberID] == id })
		if i < 0 {
			return 0, fmt.Errorf("there is no %s %q here: leave out the id, and give the %s a %s, which names it", k.noun, id, k.noun, k.key)
		}
		return i, nil
	}
	found := -1
	for i, e := range there {
		if k.keyOf(e) != name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("several %ss here have the %s %q: name it by its id, %v or %v", k.noun, k.key, name, there[found][memberID], e[memberID])
		}
		found = i
	}
	return found, nil
}

// shownName returns the name of an entry on the server.
func (k *manifestKind) shownName(e map[string]any) string {
	return cmp.Or(k.keyOf(e), memberText(e[memberID]))
}

// fetch returns the user's own entries, fetchAll all that the server has.
func (k *manifestKind) fetch(ctx context.Context, r *manifestReader) ([]map[string]any, error) {
	all, err := k.fetchAll(ctx, r)
	if k.owned != nil {
		all = slices.DeleteFunc(all, func(e map[string]any) bool { return !k.owned(e) })
	}
	return all, err
}

func (k *manifestKind) fetchAll(ctx context.Context, r *manifestReader) (all []map[string]any, err error) {
	switch {
	case k.read != nil:
		all, err = k.read(ctx, r)
	case k.get != "":
		var one map[string]any
		one, err = r.one(ctx, r.doc.operation(k.get).path, nil)
		all = []map[string]any{one}
	default:
		all, err = r.list(ctx, k.list, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.section, err)
	}
	return all, nil
}

// exported returns an entry of the server as a manifest has it.
func (k *manifestKind) exported(doc *apiDocument, e map[string]any, all []map[string]any) map[string]any {
	out := map[string]any{}
	for name, s := range k.members(doc) {
		v, has := e[name]
		if !has || v == nil || name == memberID {
			continue
		}
		if usual, err := decodeNumbers(s.Usual); err == nil && len(s.Usual) > 0 && same(usual, v, false) {
			continue
		}
		out[name] = hideSecrets(v, "RELAY_"+k.noun+"_"+k.shownName(e)+"_"+name)
	}
	if k.export != nil {
		k.export(out, e)
	}
	if k.byID {
		alike := 0
		for _, other := range all {
			if k.keyOf(other) == k.keyOf(e) {
				alike++
			}
		}
		if k.keyOf(e) == "" || alike > 1 {
			out[memberID] = e[memberID]
		}
	}
	return out
}
