package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
)

// TestPlatform has an operator find, suspend, resume, delete and restore tenants, and look at plans, server and settings;
// others see none of it.
func TestPlatform(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	values, err := config.Values(config.Sources{Getenv: func(name string) (string, bool) {
		v, ok := map[string]string{"RELAY_ADMIN_KEY": "planted-secret-key-of-the-operator", "RELAY_MEMORY": "64MiB"}[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.ShowSettings(values)
	c := s.person()
	for i := range 12 {
		if _, err := s.api.CreateTenant(t.Context(), client.CreateTenant{ID: fmt.Sprintf("acme-%02d", i), Name: client.Set("<b>Acme</b>"), Plan: client.Set("team")}); err != nil {
			t.Fatal(err)
		}
	}
	see := func(path string, texts ...string) string {
		t.Helper()
		page := s.page(c, path)
		for _, text := range texts {
			if !strings.Contains(page, text) {
				t.Errorf("%s lacks %q:\n%s", path, text, page)
			}
		}
		return page
	}
	see("/platform", "13 tenants", "/platform/tenants/acme-11", "&lt;b&gt;Acme")
	if page := see("/platform/tenants?q=acme-03", "1 tenant"); strings.Contains(page, "/platform/tenants/acme-04") {
		t.Error("the search finds another tenant")
	}
	// The switcher has a search, which finds by a part of the name.
	see("/t/default/home", "Find a tenant", "/t/acme-11/home")
	see("/switch?q=-1", "/t/acme-10/home", "/t/acme-11/home")
	r, err := c.Get(s.URL() + "/switch?q=acme-07")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.Request.URL.Path != "/t/acme-07/home" {
		t.Errorf("the only match led to %s", r.Request.URL)
	}

	tenant := "/platform/tenants/acme-03"
	see(tenant, "Plan team", "0 of 5", "Suspend")
	s.post(c, tenant, url.Values{"do": {"suspend"}})
	see(tenant, ">suspended<", "Resume")
	s.post(c, tenant, url.Values{"do": {"resume"}})
	see(tenant, ">active<")
	if status := s.posted(c, tenant, url.Values{"do": {"delete"}, "confirm": {"acme-3"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("deleting without the name: got status %d", status)
	}
	see(tenant, ">active<")
	s.post(c, tenant, url.Values{"do": {"delete"}, "confirm": {"acme-03"}})
	see(tenant, ">deleted<", "is erased", "Restore")
	s.post(c, tenant, url.Values{"do": {"restore"}})
	see(tenant, ">active<")
	if status := s.posted(c, "/platform/tenants/default", url.Values{"do": {"delete"}, "confirm": {"default"}}); status != http.StatusConflict {
		t.Errorf("deleting the operator's tenant: got status %d", status)
	}

	see("/platform/plans", "team", "no limit")
	see("/platform/server", "files in the data folder", "Live pages")
	page := see("/platform/settings", "adminKey", "variable RELAY_ADMIN_KEY", "64MiB", "variable RELAY_MEMORY")
	if strings.Contains(page, "planted-secret") {
		t.Error("a secret is shown")
	}
}

// posted is post for a form that may be refused.
func (s *server) posted(c *http.Client, path string, form url.Values) (status int) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Origin", s.URL())
	r, err := c.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}
