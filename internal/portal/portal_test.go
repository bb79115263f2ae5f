package portal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// TestContrast: whatever accent is chosen, text in it and white text on it have a contrast of 4.5 in both themes, and an
// accent that has it already stays as it is.
func TestContrast(t *testing.T) {
	accents := []string{"#000000", "#ffffff", "#ffff00", "#00ff00", "#ff0000", "#0000ff", "#808080", "#ffe8f0", "#0b5fc4", "#101010"}
	for i := range 64 {
		accents = append(accents, color{float64(i&3) / 3, float64(i>>2&3) / 3, float64(i>>4) / 3}.String())
	}
	for _, accent := range accents {
		s := ShadesOf(accent)
		for _, c := range []struct{ what, fore, back string }{
			{"light", s.Light, lightGround.String()}, {"light on its tint", s.Light, s.LightBack},
			{"dark", s.Dark, darkGround.String()}, {"dark on its tint", s.Dark, s.DarkBack},
			{"white on the button", "#ffffff", s.StrongLight}, {"white on the button in the dark", "#ffffff", s.StrongDark},
		} {
			fore, ok := parseColor(c.fore)
			back, ok2 := parseColor(c.back)
			if got := contrastOf(fore, back); !ok || !ok2 || got < contrast {
				t.Errorf("%s: %s: %s on %s has a contrast of %.2f", accent, c.what, c.fore, c.back, got)
			}
		}
	}
	if s := ShadesOf("#0b5fc4"); s.Light != "#0b5fc4" || s.StrongLight != "#0b5fc4" {
		t.Errorf("got %+v, want an accent that is legible as it is", s)
	}
	if light, dark := ShadesOf("#ffff00").Moved("#FFFF00"); !light || dark {
		t.Errorf("yellow: moved %t, %t, want it darker where it is light", light, dark)
	}
}

func TestSheet(t *testing.T) {
	radius := 3
	name := Look{Accent: "#c0392b", Radius: &radius, Font: "serif"}.SheetName()
	css, ok := Sheet(name)
	if !ok || name != "c0392b-3-serif" || !strings.Contains(css, "--r: 3px") || !strings.Contains(css, "Georgia") || !strings.Contains(css, "#c0392b") {
		t.Errorf("%s: got %t %s", name, ok, css)
	}
	for _, wrong := range []string{"", "c0392b", "c0392b-3-comic", "C0392B-3-serif", "c0392b-99-serif", "c0392b-03-serif", "zzzzzz-3-serif", "c0392b-3-serif-x", "c0392b--3-serif"} {
		if _, ok := Sheet(wrong); ok {
			t.Errorf("%q is taken for a sheet", wrong)
		}
	}
}

func TestScope(t *testing.T) {
	hook := func(id, customer string) *webhook.Webhook {
		return &webhook.Webhook{ID: id, Settings: webhook.Settings{Labels: map[string]string{"customer": customer}}}
	}
	all := Scope{}
	if !all.Webhook(hook("wh_1", "")) || !all.Type("a.b") || !all.Type("*") || !all.MayAdd() {
		t.Error("the empty scope is not everything")
	}
	owned := hook("wh_1", "")
	if owned.Owner = "gate"; all.Webhook(owned) {
		t.Error("a portal shows the gate")
	}
	s := Scope{Webhooks: []string{"wh_1", "customer=acme"}, EventTypes: []string{"order.*", "call.done"}}
	for _, w := range []*webhook.Webhook{hook("wh_1", "rival"), hook("wh_2", "acme")} {
		if !s.Webhook(w) {
			t.Errorf("%s of %v is not in the scope", w.ID, w.Labels)
		}
	}
	for _, w := range []*webhook.Webhook{hook("wh_2", "rival"), hook("wh_2", ""), hook("wh_2", "acme2"), {ID: "wh_12"}} {
		if s.Webhook(w) {
			t.Errorf("%s of %v is in the scope", w.ID, w.Labels)
		}
	}
	for name, want := range map[string]bool{
		"order.paid": true, "order.*": true, "order.p*": true, "call.done": true, "*": false, "call.*": false, "ord*": false, "orders.x": false, "call.done.x": false,
	} {
		if s.Type(name) != want {
			t.Errorf("%s: got %t, want %t", name, !want, want)
		}
	}
	if ids := (Scope{Webhooks: []string{"wh_1"}}); ids.MayAdd() {
		t.Error("a webhook that is added would not be in a scope of ids")
	}
}

func fieldsOf(err error) string {
	var names []string
	p, _ := err.(*problem.Error)
	if p == nil {
		return fmt.Sprint(err)
	}
	for _, f := range p.Fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func TestSettings(t *testing.T) {
	far := 99
	for field, s := range map[string]Settings{
		"name": {Name: "a\nb"}, "accent": {Look: Look{Accent: "red"}}, "radius": {Look: Look{Radius: &far}}, "font": {Look: Look{Font: "comic"}},
		"theme": {Look: Look{Theme: "blue"}}, "language": {Look: Look{Language: "fr"}}, "start": {Start: "keys"}, "logo": {Logo: []byte("GIF89a")},
		`words["nonsense"]`: {Words: map[string]string{"nonsense": "x"}}, "refreshUrl": {RefreshURL: "http://example.com/"},
	} {
		if got := fieldsOf(s.check()); got != field {
			t.Errorf("%+v: got the fields %q, want %q", s, got, field)
		}
	}
	for _, origin := range []string{"", "*", "https://*.example.com", "https://example.com/x", "http://example.com", "https://a.example b", "https://a;script-src *", "https://u@a.example", "javascript://x", "https://example.com?x", "null"} {
		s := Settings{EmbedOrigins: []string{origin}}
		if got := fieldsOf(s.check()); got != "embedOrigins[0]" {
			t.Errorf("%q: got the fields %q", origin, got)
		}
	}
	s := Settings{EmbedOrigins: []string{"https://App.example.com:443/", "http://localhost:3000", "https://example.com:8443"}, RefreshURL: "https://example.com/portal?x=1"}
	if err := s.check(); err != nil || !slices.Equal(s.EmbedOrigins, []string{"https://app.example.com", "http://localhost:3000", "https://example.com:8443"}) {
		t.Errorf("got %v, %v", s.EmbedOrigins, err)
	}
	for _, svg := range []string{`<svg xmlns="http://www.w3.org/2000/svg"/>`, "<?xml version=\"1.0\"?><!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\"></svg>"} {
		s := Settings{Logo: []byte(svg)}
		if err := s.check(); err != nil || s.LogoType() != "image/svg+xml" {
			t.Errorf("%s: got %v, %s", svg, err, s.LogoType())
		}
	}
	for _, wrong := range []string{"<html/>", "<svg/>", "x", strings.Repeat(" ", MaxLogo+1)} {
		if got := fieldsOf((&Settings{Logo: []byte(wrong)}).check()); got != "logo" {
			t.Errorf("%.20q: got the fields %q", wrong, got)
		}
	}
}
