package portal

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The words of the pages by language: JSON objects from the English of the dashboard to what a portal says. That of English
// has all phrases; it differs from them where the dashboard speaks of Relay, which a portal does not name.
//
// A phrase may have placeholders: {1}, {2} and so on. Pages fill them, and sentences that the domain has made of such a
// phrase are found by it: "attempt {1} of {2} failed; {3}" has the words for "attempt 2 of 5 failed; the next is due".
//
//go:embed words/*.json
var wordFiles embed.FS

// words has the words of each language.
var words = readWords()

func readWords() map[string]map[string]string {
	all := make(map[string]map[string]string)
	for _, language := range Languages {
		var list map[string]string
		b, err := wordFiles.ReadFile("words/" + language + ".json")
		if err == nil {
			err = json.Unmarshal(b, &list)
		}
		if err != nil {
			panic(fmt.Sprintf("internal error: reading the words of the language %s: %v", language, err))
		}
		all[language] = list
	}
	return all
}

// known reports whether a text is a phrase.
func known(phrase string) bool {
	_, ok := words["en"][phrase]
	return ok
}

// Phrases lists the texts that have words, by the alphabet.
func Phrases() []string { return slices.Sorted(maps.Keys(words["en"])) }

// placeholder is where a value goes.
var placeholder = regexp.MustCompile(`\{(\d)\}`)

// placeholders returns the numbers of a phrase's placeholders, in order and once each.
func placeholders(phrase string) []string {
	var list []string
	for _, m := range placeholder.FindAllStringSubmatch(phrase, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// pattern finds sentences that were made of a phrase.
type pattern struct {
	phrase  string
	begin   string // what the sentence begins with
	matches *regexp.Regexp
	values  []int // the placeholder that each group stands for
}

// patterns are those of all phrases with placeholders, the ones with the most text first: they say the most. Only portals
// need them, and a server may have none.
var patterns = sync.OnceValue(func() []pattern {
	var list []pattern
	plain := func(p *pattern) int { return len(placeholder.ReplaceAllString(p.phrase, "")) }
	for _, phrase := range Phrases() {
		p := pattern{phrase: phrase}
		var source strings.Builder
		source.WriteString(`(?s)\A`)
		at := 0
		for _, m := range placeholder.FindAllStringSubmatchIndex(phrase, -1) {
			if len(p.values) == 0 {
				p.begin = phrase[:m[0]]
			}
			n, _ := strconv.Atoi(phrase[m[2]:m[3]])
			p.values = append(p.values, n)
			source.WriteString(regexp.QuoteMeta(phrase[at:m[0]]) + "(.+?)")
			at = m[1]
		}
		if len(p.values) == 0 || strings.IndexFunc(placeholder.ReplaceAllString(phrase, ""), unicode.IsLetter) < 0 {
			continue
		}
		source.WriteString(regexp.QuoteMeta(phrase[at:]) + `\z`)
		p.matches = regexp.MustCompile(source.String())
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b pattern) int { return cmp.Compare(plain(&b), plain(&a)) })
	return list
})

// Words are the texts of a portal's pages.
type Words struct {
	name          string // of the language
	own, language map[string]string
}

// WordsOf returns the words of a language, with a tenant's own in their place.
func WordsOf(language string, own map[string]string) Words {
	return Words{language, own, words[language]}
}

// Key is the same for equal words.
func (w Words) Key() string {
	b, err := json.Marshal(w.own) // in the order of the phrases
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(fmt.Append(nil, w.name, string(b)))
	return string(sum[:])
}

// word returns the words for exactly a phrase.
func (w Words) word(phrase string) (string, bool) {
	if s, ok := w.own[phrase]; ok {
		return s, true
	}
	s, ok := w.language[phrase]
	return s, ok
}

// Say returns the words for a phrase, which is the phrase itself where there are none.
func (w Words) Say(phrase string) string {
	if s, ok := w.word(phrase); ok {
		return s
	}
	return phrase
}

// longest bounds the sentences that are compared with phrases, in bytes: what is longer quotes something long.
const longest = 2000

// Tell returns the words for a sentence: for a phrase, or for what was made of one with placeholders. What stands in their
// place is told, too. The zero Words tell everything as it is.
func (w Words) Tell(sentence string) string {
	if w.language == nil || len(sentence) > longest || strings.IndexFunc(sentence, unicode.IsLetter) < 0 {
		return sentence
	}
	if s, ok := w.tell(sentence); ok {
		return s
	}
	// A sentence of its own may be made of one that goes on elsewhere.
	first, size := utf8.DecodeRuneInString(sentence)
	if inner, full := strings.CutSuffix(sentence, "."); unicode.IsUpper(first) {
		if s, ok := w.tell(string(unicode.ToLower(first)) + inner[size:]); ok {
			first, size = utf8.DecodeRuneInString(s)
			s = string(unicode.ToUpper(first)) + s[size:]
			if full && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
				s += "."
			}
			return s
		}
	}
	return sentence
}

func (w Words) tell(sentence string) (string, bool) {
	if s, ok := w.word(sentence); ok {
		return s, true
	}
	for _, p := range patterns() {
		if !strings.HasPrefix(sentence, p.begin) {
			continue
		}
		m := p.matches.FindStringSubmatch(sentence)
		if m == nil {
			continue
		}
		values := make(map[int]string)
		for i, n := range p.values {
			values[n] = w.Tell(m[i+1])
		}
		return Fill(w.Say(p.phrase), func(n int) string { return values[n] }), true
	}
	return "", false
}

// Fill puts values in the place of a phrase's placeholders.
func Fill(phrase string, value func(n int) string) string {
	return placeholder.ReplaceAllStringFunc(phrase, func(m string) string { return value(int(m[1] - '0')) })
}

// Number writes a decimal number as the language does, given one as English does.
func (w Words) Number(s string) string {
	if w.name == "en" || w.name == "" {
		return s
	}
	return strings.Map(func(r rune) rune { // German and Danish are alike
		switch r {
		case '.':
			return ','
		case ',':
			return '.'
		}
		return r
	}, s)
}
