package e2etest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

func readDoc(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settingsTable returns the table of settings in docs/operations.md, generated from the settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| setting | variable | flag | default | |\n| --- | --- | --- | --- | --- |\n")
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	for _, s := range config.Settings() {
		flag := ""
		if s.Flag != "" {
			flag = "--" + s.Flag
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(s.Name), code(s.Env), code(flag), code(s.Default), strings.ReplaceAll(s.Help, "|", `\|`))
	}
	return b.String()
}

// TestSettingsAreDocumented compares the documented table of settings with the program.
// RELAY_UPDATE_DOCS=1 writes it.
func TestSettingsAreDocumented(t *testing.T) {
	const path, begin, end = "docs/operations.md", "<!-- settings -->\n", "<!-- /settings -->"
	text := readDoc(t, path)
	before, rest, ok := strings.Cut(text, begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", path, begin, end)
	}
	want := settingsTable()
	if got == want {
		return
	}
	if os.Getenv("RELAY_UPDATE_DOCS") == "1" {
		file := filepath.Join(testenv.Root(t), path)
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: got the settings\n%s\nwant\n%s\nRELAY_UPDATE_DOCS=1 go test -run TestSettingsAreDocumented ./internal/e2etest writes them", path, got, want)
}

// TestCallsAndMetricsAreDocumented looks up every call of the running program in docs/api.md and
// every metric in docs/operations.md, and vice versa.
func TestCallsAndMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	r.into(&document, 200, "GET", "/openapi.json", "")
	var calls []string
	for path, methods := range document.Paths {
		for method := range methods {
			calls = append(calls, strings.ToUpper(method)+" "+path)
		}
	}
	compareDocs(t, "docs/api.md", regexp.MustCompile("(?m)^\\| `((?:GET|POST|PATCH|DELETE) /[^`]*)`"), calls)

	var metrics []string
	for _, m := range regexp.MustCompile(`(?m)^# HELP (relay_[a-z_]+) `).FindAllStringSubmatch(string(r.do("GET", "/metrics", "").body), -1) {
		metrics = append(metrics, m[1])
	}
	metrics = append(metrics, "relay_webhook_attempts_total", "relay_webhook_attempt_seconds_total") // with metricsWebhooks
	metrics = append(metrics, "relay_trace_spans_total")                                             // with a collector
	compareDocs(t, "docs/operations.md", regexp.MustCompile("`(relay_[a-z_]+)"), metrics)
}

// compareDocs compares the matches of a pattern in a document with a list.
func compareDocs(t *testing.T, path string, pattern *regexp.Regexp, want []string) {
	t.Helper()
	var got []string
	for _, m := range pattern.FindAllStringSubmatch(readDoc(t, path), -1) {
		if !slices.Contains(got, m[1]) {
			got = append(got, m[1])
		}
	}
	if len(want) == 0 {
		t.Errorf("%s: the program has nothing to compare with", path)
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s does not tell of %s", path, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("%s tells of %s, which the program does not have", path, g)
		}
	}
}

// TestLinksLead follows the links between the documents.
func TestLinksLead(t *testing.T) {
	root := testenv.Root(t)
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"} {
		files = append(files, filepath.Join(root, name))
	}
	link := regexp.MustCompile(`(?:\]\(|src(?:set)?=")([^)"#\s]*)(#[^)"\s]*)?[)"]`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := file
			if strings.Contains(m[1], ":") {
				continue // external
			}
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(file), m[1])
			}
			content, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr != nil || err != nil && !info.IsDir() {
				t.Errorf("%s: the link to %q leads nowhere", filepath.Base(file), m[1])
				continue
			}
			if m[2] != "" && !slices.Contains(anchors(string(content)), m[2]) {
				t.Errorf("%s: %q has no heading %q", filepath.Base(file), m[1], m[2])
			}
		}
	}
}

// anchors returns the anchors that GitHub generates for a document's headings.
func anchors(markdown string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(markdown, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return list
}
