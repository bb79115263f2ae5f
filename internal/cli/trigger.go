package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

func newTrigger(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "trigger TYPE", Short: "Publish the catalogue's example of an event type", Args: exactly("TYPE"),
		Long: "Publish an event made of the catalogue's example of its type. --set changes a member that the example has, and\n" +
			"--edit opens the event in $EDITOR first.",
		Example: "  relay trigger call.completed --set data.duration=9\n  relay trigger order.paid --edit\n  relay trigger order.paid --print",
	}
	f := cmd.Flags()
	sets := f.StringArray("set", nil, "change a member: `path=value`, such as data.duration=9; the value is JSON or a text")
	edit := f.Bool("edit", false, "open the event in an editor before it is published (EDITOR)")
	show := f.Bool("print", false, "print the event instead of publishing it")
	conn := env.connect(cmd).output(cmd)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if c, err := conn.client(); err == nil && len(args) == 0 {
			for t, err := range c.ListEventTypes(cmd.Context(), client.ListEventTypesParams{}) {
				if err != nil {
					break
				}
				names = append(names, cobra.CompletionWithDesc(t.Name, clip(printable(t.Description), 60)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		event, err := exampleEvent(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		for _, set := range *sets {
			if err := changePath(event, set); err != nil {
				return usageError{fmt.Errorf("--set: %w", err)}
			}
		}
		if *edit {
			if event, err = env.edit(cmd.Context(), event); err != nil {
				return err
			}
		}
		if *show {
			return conn.printAnswer(event)
		}
		var answer json.RawMessage
		if err := c.Do(cmd.Context(), "POST", "/v1/events", nil, event, &answer); err != nil {
			return err
		}
		if conn.people() {
			return env.printObject(answer)
		}
		return env.printJSON(answer)
	}
	return cmd
}

// exampleEvent returns the example of a type as an event to publish.
func exampleEvent(ctx context.Context, c *client.Client, name string) (map[string]any, error) {
	example, err := c.GetEventTypeExample(ctx, name, client.GetEventTypeExampleParams{})
	if err != nil {
		return nil, err
	}
	event := map[string]any{"type": name}
	for member, raw := range map[string]json.RawMessage{"data": example.Data, "attributes": example.Attributes} {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		v, err := decodeNumbers(raw)
		if err != nil {
			return nil, fmt.Errorf("reading the example of %q: %w", name, err)
		}
		event[member] = v
	}
	return event, nil
}

// decodeNumbers decodes JSON and keeps the digits of numbers.
func decodeNumbers(b []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// eventMembers are those that an event may have besides its data.
var eventMembers = []string{"id", "timestamp", "version", "key", "attributes", "deliverAt"}

// changePath sets a member of an event. A path that the example does not have is an error that
// lists the paths there are, because it is a typo more often than not.
func changePath(event map[string]any, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return fmt.Errorf("must be path=value, such as data.duration=9, got %q", assignment)
	}
	var value any = text
	if v, err := decodeNumbers([]byte(text)); err == nil && json.Valid([]byte(text)) {
		value = v
	}
	for _, name := range eventMembers {
		if path == name {
			event[name] = value
			return nil
		}
	}
	unknown := func() error {
		paths := pathsOf(event["data"], "data")
		return fmt.Errorf("the example has no %q%s\nIt has: %s", path, nearPath(path, paths), strings.Join(paths, ", "))
	}
	names := strings.Split(path, ".")
	var at any = event
	for i, name := range names {
		last := i == len(names)-1
		switch inner := at.(type) {
		case map[string]any:
			if _, has := inner[name]; !has {
				return unknown()
			}
			if last {
				inner[name] = value
			}
			at = inner[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(inner) {
				return unknown()
			}
			if last {
				inner[n] = value
			}
			at = inner[n]
		default:
			return unknown()
		}
	}
	return nil
}

// pathsOf lists the paths in a value: "data.caller.name", "data.tags.0".
func pathsOf(v any, prefix string) []string {
	var list []string
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			list = append(list, pathsOf(inner, prefix+"."+name)...)
		}
		sortStrings(list)
		return list
	case []any:
		for i, inner := range v {
			list = append(list, pathsOf(inner, prefix+"."+strconv.Itoa(i))...)
		}
		return list
	}
	return []string{prefix}
}

// edit opens an event in the editor and returns the edited one.
func (e *Env) edit(ctx context.Context, event map[string]any) (map[string]any, error) {
	editor := strings.Fields(e.getenv("EDITOR"))
	if len(editor) == 0 {
		return nil, usageError{errors.New("--edit needs the variable EDITOR")}
	}
	b, err := json.MarshalIndent(event, "", "  ")
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "relay-event-*.json")
	if err != nil {
		return nil, fmt.Errorf("creating a file to edit: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("writing the event to edit: %w", err)
	}
	run := exec.CommandContext(ctx, editor[0], append(editor[1:], f.Name())...)
	run.Stdin, run.Stdout, run.Stderr = e.Stdin, e.Stdout, e.Stderr
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("running the editor %q: %w", editor[0], err)
	}
	if b, err = os.ReadFile(f.Name()); err != nil {
		return nil, fmt.Errorf("reading the edited event: %w", err)
	}
	v, err := decodeNumbers(b)
	if err != nil {
		return nil, fmt.Errorf("the edited event is not JSON: %w", err)
	}
	edited, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the edited event must be an object")
	}
	return edited, nil
}
