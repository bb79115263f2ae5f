package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
)

// assistant talks to "relay mcp" as a program does: a JSON object a line.
type assistant struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	calls int
}

// startMCP starts the command. The test's end closes its input, and it must end with success.
func startMCP(t *testing.T, env map[string]string, flags ...string) *assistant {
	t.Helper()
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(append([]string{"mcp"}, flags...), Env{
			Stdin: stdin, Stdout: stdout, Stderr: &stderr,
			LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		stdout.Close()
	}()
	t.Cleanup(func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		if code := <-ended; code != exitOK {
			t.Errorf("relay mcp: exit code %d, %s", code, stderr.String())
		}
	})
	a := &assistant{t: t, in: in, out: bufio.NewScanner(out)}
	a.out.Buffer(nil, 4<<20)
	var hello struct{ ServerInfo struct{ Name string } }
	a.call("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}`, &hello)
	if hello.ServerInfo.Name != "relay" {
		t.Fatalf("initialize: got the server %q, want relay", hello.ServerInfo.Name)
	}
	fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return a
}

func (a *assistant) call(method, params string, result any) {
	a.t.Helper()
	a.calls++
	fmt.Fprintf(a.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", a.calls, method, params)
	for a.out.Scan() {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.Unmarshal(a.out.Bytes(), &answer); err != nil {
			a.t.Fatalf("%s: got %q: %v", method, a.out.Text(), err)
		}
		if answer.ID != a.calls {
			continue // a notification
		}
		if answer.Error != nil {
			a.t.Fatalf("%s %s: got the error %s", method, params, answer.Error)
		}
		if err := json.Unmarshal(answer.Result, result); err != nil {
			a.t.Fatal(err)
		}
		return
	}
	a.t.Fatalf("%s: no answer: %v", method, a.out.Err())
}

// use calls a tool and returns its text.
func (a *assistant) use(tool, arguments string) (text string, failed bool) {
	a.t.Helper()
	var r struct {
		Content []struct{ Type, Text string }
		IsError bool
	}
	a.call("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments), &r)
	if len(r.Content) != 1 || r.Content[0].Type != "text" {
		a.t.Fatalf("%s: got %+v, want one text", tool, r)
	}
	return r.Content[0].Text, r.IsError
}

type listedTool struct {
	Name, Description string
	InputSchema       struct {
		Type     string
		Required []string
	}
	Annotations *struct{ ReadOnlyHint, DestructiveHint, IdempotentHint, OpenWorldHint *bool }
}

func (a *assistant) tools() map[string]listedTool {
	var list struct {
		Tools      []listedTool
		NextCursor string
	}
	a.call("tools/list", `{}`, &list)
	if list.NextCursor != "" {
		a.t.Error("the list of tools has a further page")
	}
	all := map[string]listedTool{}
	for _, tool := range list.Tools {
		if tool.Description == "" || tool.InputSchema.Type != "object" || tool.Annotations == nil || tool.Annotations.ReadOnlyHint == nil || tool.Annotations.OpenWorldHint == nil {
			a.t.Errorf("the tool %+v lacks a description, a schema or annotations", tool)
		}
		all[tool.Name] = tool
	}
	return all
}

// TestMCPReads checks that without --allow-write no tool writes, and that events are explained.
func TestMCPReads(t *testing.T) {
	url, _ := scriptServer(t)
	env := map[string]string{"RELAY_URL": url, "RELAY_KEY": operatorKey, "HOME": t.TempDir()}
	a := startMCP(t, env)
	tools := a.tools()
	for name, tool := range tools {
		if !*tool.Annotations.ReadOnlyHint {
			t.Errorf("the tool %s may write, without --allow-write", name)
		}
	}
	for _, tool := range mcpTools {
		if _, there := tools[tool.name]; there == tool.write {
			t.Errorf("the tool %s: listed %v, want %v", tool.name, there, !tool.write)
		}
	}
	c, err := client.New(client.Options{URL: url, Key: operatorKey})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: "http://127.0.0.1:47998/", Filter: "event.data.total > 100"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), client.NewEvent{ID: "order-1", Type: "order.paid", Data: json.RawMessage(`{"total":5}`)}); err != nil {
		t.Fatal(err)
	}
	if text, failed := a.use("explain_event", `{"id":"order-1"}`); failed || !strings.Contains(text, `"verdict":"filter"`) {
		t.Errorf("explain_event: got %s, want the verdict filter", text)
	}
	if text, failed := a.use("list_webhooks", `{"limit":5}`); failed || !strings.Contains(text, hook.ID) || strings.Contains(text, hook.Secret) {
		t.Errorf("list_webhooks: got %s, want the webhook and not its secret", text)
	}
	if text, failed := a.use("preview_webhook", `{"id":"`+hook.ID+`","filter":"event.data.total > 1"}`); failed || !strings.Contains(text, `"verdict":"send"`) {
		t.Errorf("preview_webhook: got %s, want that it would be sent", text)
	}
	for arguments, want := range map[string]string{
		`{}`: "the argument id is missing", `{"idd":"x"}`: `did you mean "id"?`, `{"id":"none"}`: "none",
	} {
		if text, failed := a.use("explain_event", arguments); !failed || !strings.Contains(text, want) {
			t.Errorf("explain_event %s: got %q, want an error with %q", arguments, text, want)
		}
	}
}

func TestMCPWrites(t *testing.T) {
	url, _ := scriptServer(t)
	a := startMCP(t, map[string]string{"RELAY_URL": url, "RELAY_KEY": operatorKey, "HOME": t.TempDir()}, "--allow-write")
	tools := a.tools()
	if len(tools) != len(mcpTools) {
		t.Errorf("got %d tools, want %d", len(tools), len(mcpTools))
	}
	if d := tools["delete_webhook"].Annotations; *d.ReadOnlyHint || d.DestructiveHint == nil || !*d.DestructiveHint {
		t.Errorf("delete_webhook: got %+v, want that it writes and destroys", d)
	}
	text, failed := a.use("create_webhook", `{"url":"http://127.0.0.1:47998/","events":["mcp.*"]}`)
	var hook client.Webhook
	if err := json.Unmarshal([]byte(text), &hook); failed || err != nil {
		t.Fatalf("create_webhook: got %s", text)
	}
	for range 2 {
		if text, failed = a.use("publish_event", `{"id":"mcp-1","type":"mcp.made","data":{"n":1}}`); failed {
			t.Fatalf("publish_event: got %s", text)
		}
	}
	if !strings.Contains(text, `"duplicate":true`) {
		t.Errorf("publish_event again: got %s, want a duplicate", text)
	}
	if text, failed := a.use("update_webhook", `{"id":"`+hook.ID+`","timeout":"nonsense"}`); !failed || !strings.Contains(text, "timeout") {
		t.Errorf("update_webhook: got %s, want an error that names timeout", text)
	}
	if text, failed := a.use("delete_webhook", `{"id":"`+hook.ID+`"}`); failed || text != "done" {
		t.Errorf("delete_webhook: got %s", text)
	}
}
