package dashboard

import (
	"container/list"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"
	"text/template/parse"

	"github.com/relay-events/relay/internal/portal"
)

// Pages of portals have words of their own. A set of templates is made for each choice of words: the text between the tags
// of the templates' source is replaced before they are parsed for good, so that what people have typed, which templates
// insert later, is never taken for a phrase.

// maxSets bounds the sets that are kept; one takes about 1 MB.
const maxSets = 12

// wordSets keeps the sets that were last used. It is safe for concurrent use.
type wordSets struct {
	mu     sync.Mutex
	byKey  map[string]*list.Element // of *wordSet; guarded by mu
	recent list.List                // the last used first; guarded by mu
}

type wordSet struct {
	key       string
	templates func() (map[string]*template.Template, error)
}

// of returns the templates of the words.
func (s *wordSets) of(d *Dashboard, words portal.Words) (func() (map[string]*template.Template, error), error) {
	key := words.Key()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byKey[key]; e != nil {
		s.recent.MoveToFront(e)
		return e.Value.(*wordSet).templates, nil
	}
	set := &wordSet{key, sync.OnceValues(func() (map[string]*template.Template, error) { return d.readTemplates(&words, portalPages) })}
	if s.byKey == nil {
		s.byKey = make(map[string]*list.Element)
	}
	s.byKey[key] = s.recent.PushFront(set)
	if s.recent.Len() > maxSets {
		oldest := s.recent.Back()
		delete(s.byKey, s.recent.Remove(oldest).(*wordSet).key)
	}
	return set.templates, nil
}

// portalPages are the pages that portals show.
var portalPages = map[string]bool{
	"portal-enter": true, "portal-ended": true, "portal-failure": true, "webhooks": true, "webhook": true, "webhook-form": true, "secret": true,
	"rotate": true, "delete": true, "recover": true, "job": true, "log": true, "attempt": true, "types": true, "type": true,
}

var labelled = regexp.MustCompile(`(placeholder|aria-label|alt|data-label|data-say[a-z-]*)="([^"]+)"`)

// translate replaces the texts of a template by their words.
func translate(t *parse.Tree, say func(string) string) error {
	if t == nil || t.Root == nil {
		return nil
	}
	inTag := false
	return translateList(t.Root, say, &inTag)
}

func translateList(l *parse.ListNode, say func(string) string, inTag *bool) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TextNode:
			n.Text = []byte(translateText(string(n.Text), say, inTag))
		case *parse.IfNode:
			err = translateBranch(&n.BranchNode, say, inTag)
		case *parse.RangeNode:
			err = translateBranch(&n.BranchNode, say, inTag)
		case *parse.WithNode:
			err = translateBranch(&n.BranchNode, say, inTag)
		case *parse.ActionNode, *parse.TemplateNode, *parse.CommentNode:
		default:
			err = fmt.Errorf("a template has a node of type %T", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// translateBranch translates both sides of a choice, which begin alike: within a tag or not.
func translateBranch(b *parse.BranchNode, say func(string) string, inTag *bool) error {
	other := *inTag
	if err := translateList(b.List, say, inTag); err != nil {
		return err
	}
	return translateList(b.ElseList, say, &other)
}

// translateText replaces what stands between tags, and in attributes that people read. inTag tells whether the text begins
// within a tag, as the one before it has ended.
func translateText(s string, say func(string) string, inTag *bool) string {
	var out strings.Builder
	for s != "" {
		if *inTag {
			end := strings.IndexByte(s, '>')
			tag := s
			if end >= 0 {
				tag = s[:end]
			}
			out.WriteString(labelled.ReplaceAllStringFunc(tag, func(m string) string {
				part := labelled.FindStringSubmatch(m)
				return part[1] + `="` + template.HTMLEscapeString(say(part[2])) + `"`
			}))
			if s = s[len(tag):]; s != "" {
				*inTag = false
				out.WriteByte('>')
				s = s[1:]
			}
			continue
		}
		text := s
		if begin := strings.IndexByte(s, '<'); begin >= 0 {
			text = s[:begin]
			*inTag = true
		}
		out.WriteString(translatePhrase(text, say))
		if s = s[len(text):]; s != "" {
			out.WriteByte('<')
			s = s[1:]
		}
	}
	return out.String()
}

// translatePhrase keeps the blanks around a phrase.
func translatePhrase(text string, say func(string) string) string {
	phrase := strings.TrimSpace(text)
	if phrase == "" {
		return text
	}
	begin := strings.Index(text, phrase)
	if word := say(phrase); word != phrase {
		return text[:begin] + template.HTMLEscapeString(word) + text[begin+len(phrase):]
	}
	return text
}
