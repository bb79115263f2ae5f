package portal

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLanguages: all languages have the same phrases, each with words that have the phrase's placeholders, and none but
// those that are alike in both languages is left in English.
func TestLanguages(t *testing.T) {
	alike := []string{ // words that German or Danish has, too, and names
		"Webhooks", "Webhook", "Version", "Filter", "Format", "URL", "Test", "test", "Test {1}.", "Log", "TLS", "proxy", "Proxy", "rest", "Rest", "Id", "status", "timeout",
		"Standard Webhooks", "X-Relay-Signature", "Bytes: {1}", "bytes", "byte", "Cancel", "event", "Type", "Endpoint", "Event", "Schema",
	}
	for _, language := range Languages {
		list := words[language]
		for _, phrase := range Phrases() {
			word, ok := list[phrase]
			switch {
			case !ok || strings.TrimSpace(word) != word || word == "":
				t.Errorf("%s: %q has the words %q", language, phrase, word)
			case !slices.Equal(placeholders(word), placeholders(phrase)):
				t.Errorf("%s: %q has the words %q, with other placeholders", language, phrase, word)
			case language != "en" && word == phrase && !slices.Contains(alike, phrase):
				t.Errorf("%s: %q is not translated", language, phrase)
			case regexp.MustCompile(`\bRelay\b`).MatchString(strings.ReplaceAll(word, "X-Relay-Signature", "")):
				t.Errorf("%s: %q names Relay: %q", language, phrase, word)
			}
			if len(word) > maxWord-6 {
				t.Errorf("%s: %q has words of %d bytes", language, phrase, len(word))
			}
		}
		for phrase := range list {
			if !known(phrase) {
				t.Errorf("%s: %q is a phrase of this language alone", language, phrase)
			}
		}
	}
}

// TestPhrases: what stands between the placeholders of each phrase is in the pages or in the code that they show sentences
// of. A phrase that was changed there has lost its words.
func TestPhrases(t *testing.T) {
	verb := regexp.MustCompile(`%\.?[0-9]*[a-z]`)
	var text strings.Builder
	pages, err := filepath.Glob("../dashboard/templates/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatalf("got %d pages, %v", len(pages), err)
	}
	for _, file := range pages {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	for _, dir := range []string{"../dashboard", "../webhook", "../event", "../egress", "../delivery", "../ledger", "../destination/http", "../exchange", "../catalogue", "../problem", "../signing"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, s := range literals(t, file) {
				text.WriteString("\n" + verb.ReplaceAllString(s, "\x00"))
			}
		}
	}
	all := strings.ToLower(text.String())
	for _, phrase := range Phrases() {
		for _, part := range regexp.MustCompile(`\{\d\}|; `).Split(phrase, -1) { // sentences are joined by semicolons
			if part = strings.ToLower(strings.Trim(part, " .:;,()")); len(part) > 2 && !strings.Contains(all, part) {
				t.Errorf("%q: %q stands nowhere", phrase, part)
			}
		}
	}
}

// literals returns the texts in a file of Go.
func literals(t *testing.T, file string) (list []string) {
	t.Helper()
	if _, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	set := token.NewFileSet()
	s.Init(set.AddFile(file, set.Base(), len(source)), source, nil, 0)
	for {
		_, tok, literal := s.Scan()
		if tok == token.EOF {
			return list
		}
		if tok == token.STRING {
			if text, err := strconv.Unquote(literal); err == nil {
				list = append(list, text)
			}
		}
	}
}

// TestTell: sentences that the domain makes have the words of the phrases that they are made of.
func TestTell(t *testing.T) {
	german := WordsOf("de", map[string]string{"Log": "Verlauf"})
	for sentence, want := range map[string]string{
		"Log":                                "Verlauf",
		"Created":                            "Erstellt",
		"The endpoint answered 200 in 3 ms.": "Der Endpunkt antwortete mit 200 in 3 ms.",
		"The connection was refused.":        "Die Verbindung wurde abgelehnt.",
		"attempt 2 of 5: the connection was refused; next at 2026-05-05T14:23:00Z":        "Versuch 2 von 5: die Verbindung wurde abgelehnt; der nächste um 2026-05-05T14:23:00Z",
		"The limit of 10s for the attempt ran out while waiting for the answer.":          "Die Zeit von 10s für den Versuch lief ab beim Warten auf die Antwort.",
		"the host name could not be resolved; disabled in 3 d unless a delivery succeeds": "der Hostname ließ sich nicht auflösen; wird in 3 d abgeschaltet, wenn keine Zustellung gelingt",
		"The webhook is paused: resume it to retry.":                                      "Der Webhook ist angehalten: Zum Wiederholen setzen Sie ihn fort.",
		"must have at most 1000 bytes, got 2000":                                          "darf höchstens 1000 Bytes haben, nicht 2000",
		"must be 1s to 720h0m0s, got 1ns":                                                 "muss 1s bis 720h0m0s sein, nicht 1ns",
		"500 Internal Server Error.":                                                      "500 Internal Server Error.",
		"Something of which nothing is known.":                                            "Something of which nothing is known.",
		"200":                                                                             "200", "": "", "…": "…",
	} {
		if got := german.Tell(sentence); got != want {
			t.Errorf("%q: got %q, want %q", sentence, got, want)
		}
	}
	if got := new(Words).Tell("The webhook is paused: resume it to retry."); got != "The webhook is paused: resume it to retry." {
		t.Errorf("without words: got %q", got)
	}
	if got := german.Number("1,234.5"); got != "1.234,5" {
		t.Errorf("a number: got %q", got)
	}
	for own, wrong := range map[string]bool{"{1} und {2}": false, "{2}": false, "{3} von {2}": true} {
		s := Settings{Words: map[string]string{"{1} of {2} delivered": own}}
		if err := s.check(); (err != nil) != wrong {
			t.Errorf("%q in the place of two values: got %v", own, err)
		}
	}
}

func FuzzTell(f *testing.F) {
	for _, phrase := range Phrases() {
		f.Add(phrase)
	}
	f.Add("attempt 1 of 2: {1} {9}; next at {4}")
	w := WordsOf("da", nil)
	f.Fuzz(func(t *testing.T, s string) {
		w.Tell(s)
	})
}
