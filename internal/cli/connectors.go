package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/connector"
)

// connectorCheck is the answer to POST /v1/connectors/check.
type connectorCheck struct {
	Valid    bool `json:"valid"`
	Problems []struct {
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Path    string `json:"path"`
		Reason  string `json:"reason"`
		Missing bool   `json:"missing"`
	} `json:"problems"`
	Tests []struct {
		Name   string `json:"name"`
		Passed bool   `json:"passed"`
		Reason string `json:"reason"`
	} `json:"tests"`
}

// newConnectorCheck makes "relay connectors validate" and "relay connectors test".
func newConnectorCheck(env *Env, verb string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " FILE", Args: exactly("FILE"), Short: "Check a definition without storing it",
		Long: "Check a definition of a connector, in YAML or JSON, and tell every mistake with its line and column. Nothing is\n" +
			"stored or sent. - is standard input.\n\nExit codes: 0 it is valid, 1 it is not.",
		Example: "  relay connectors validate loyalty.yaml",
	}
	if verb == "test" {
		cmd.Short = "Check a definition and run its tests"
		cmd.Long = "Check a definition of a connector, in YAML or JSON, and run the tests that it has. Nothing is stored or sent.\n" +
			"- is standard input.\n\nExit codes: 0 it is valid and all tests pass, 1 it is not, or one fails."
		cmd.Example = "  relay connectors test loyalty.yaml"
	}
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		document, err := env.readInput(args[0])
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := c.Do(cmd.Context(), http.MethodPost, "/v1/connectors/check", nil, map[string]any{"document": string(document)}, &raw); err != nil {
			return err
		}
		var check connectorCheck
		if err := json.Unmarshal(raw, &check); err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		failed := 0
		for _, t := range check.Tests {
			if !t.Passed {
				failed++
			}
		}
		if !conn.people() {
			if err := env.printJSON(raw); err != nil {
				return err
			}
		} else {
			env.showConnectorCheck(args[0], &check, verb == "test")
		}
		switch {
		case !check.Valid:
			return errors.New("the definition is not valid")
		case verb == "test" && failed > 0:
			return fmt.Errorf("%d of %d tests fail", failed, len(check.Tests))
		}
		return nil
	}
	return cmd
}

func (e *Env) showConnectorCheck(file string, check *connectorCheck, tests bool) {
	st := newStyle(e)
	for _, p := range check.Problems {
		fmt.Fprintf(e.Stdout, "%s:%d:%d: %s %s\n", printable(file), p.Line, p.Column, printable(p.Path), printable(p.Reason))
	}
	if !check.Valid {
		return
	}
	if !tests {
		fmt.Fprintln(e.Stdout, "The definition is valid.")
		return
	}
	for _, t := range check.Tests {
		line := st.green("pass") + "  " + printable(t.Name)
		if !t.Passed {
			line = st.yellow("FAIL") + "  " + printable(t.Name) + "\n      " + printableLines(t.Reason)
		}
		fmt.Fprintln(e.Stdout, line)
	}
	if len(check.Tests) == 0 {
		fmt.Fprintln(e.Stdout, "It has no tests.")
	}
}

func newConnectorPush(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "push FILE", Args: exactly("FILE"), Short: "Store a definition, as a new version or instead of its draft",
		Long: "Store a definition of a connector: as a new version, or instead of the draft of the same version. Any other state\n" +
			"never changes: give the definition another version. --state moves it on afterwards. - is standard input.",
		Example: "  relay connectors push loyalty.yaml\n  relay connectors push loyalty.yaml --state testing",
	}
	state := cmd.Flags().String("state", "", "`testing|live`: move the version on")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"testing", "live"}, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *state != "" && *state != "testing" && *state != "live" {
			return usageError{fmt.Errorf("--state must be testing or live, got %q", *state)}
		}
		c, err := conn.client()
		if err != nil {
			return err
		}
		document, err := env.readInput(args[0])
		if err != nil {
			return err
		}
		var head struct {
			Connector string `yaml:"connector"`
			Version   string `yaml:"version"`
		}
		_ = yaml.Unmarshal(document, &head) // the server says what is wrong, with line and column
		path, body := "/v1/connectors/"+url.PathEscape(head.Connector), map[string]any{"document": string(document)}
		var answer json.RawMessage
		err = errNotThere
		if head.Connector != "" && head.Version != "" {
			err = c.Do(cmd.Context(), http.MethodGet, path, url.Values{"version": {head.Version}}, nil, &answer)
		}
		var there struct{ Origin, Document string }
		refused := new(client.Error)
		switch {
		case errors.Is(err, errNotThere), errors.As(err, &refused) && refused.Status == http.StatusNotFound:
			err = c.Do(cmd.Context(), http.MethodPost, "/v1/connectors", nil, body, &answer)
		case err == nil:
			if err = json.Unmarshal(answer, &there); err == nil && there.Document != string(document) {
				body["version"] = head.Version
				err = c.Do(cmd.Context(), http.MethodPatch, path, nil, body, &answer)
			}
		}
		if err == nil && *state != "" {
			err = c.Do(cmd.Context(), http.MethodPatch, path, nil, map[string]any{"version": head.Version, "state": *state}, &answer)
		}
		if err != nil {
			return err
		}
		if conn.people() {
			return env.printObject(answer)
		}
		return env.printJSON(answer)
	}
	return cmd
}

var errNotThere = errors.New("it is not there")

// newConnectorSchema makes "relay connectors schema".
func newConnectorSchema(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Args: noArgs, Short: "Print the JSON Schema of definitions",
		Long: "Print the JSON Schema of connector definitions, for editors. A definition that begins with the line\n" +
			"\"# yaml-language-server: $schema=connector-1.json\" is checked while it is typed, and keys are completed. A server\n" +
			"publishes the same schema at " + connector.SchemaPath + ", for which no key is needed. No server is called.",
		Example: "  relay connectors schema > connector-1.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := env.Stdout.Write(connector.Schema())
			return err
		},
	}
}
