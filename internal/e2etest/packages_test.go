package e2etest

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackagesHaveTheirFiles: nfpm finds every file that it puts into the packages, but for those that a release
// builds before, and their service is that of the guide with the program in another place.
func TestPackagesHaveTheirFiles(t *testing.T) {
	doc := documents(t, "packages/nfpm.yaml")[0]
	contents, _ := at(doc, "contents").([]any)
	if len(contents) < 10 {
		t.Fatalf("got %d files", len(contents))
	}
	var sources []string
	services, built := 0, 0
	for _, c := range contents {
		src, _ := at(c, "src").(string)
		if strings.HasSuffix(src, ".service") {
			services++
		}
		switch {
		case strings.HasPrefix(src, "dist/stage/"):
			built++
		case src != "" || at(c, "type") != "dir":
			sources = append(sources, src)
		}
	}
	scripts, _ := at(doc, "scripts").(map[string]any)
	if len(scripts) != 3 {
		t.Errorf("got %d scripts, want 3", len(scripts))
	}
	for _, s := range scripts {
		src, _ := s.(string)
		sources = append(sources, src)
	}
	for _, src := range sources {
		if info, err := os.Stat(filepath.Join("../..", src)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%q: %v", src, err)
		}
	}
	if services != 2 || built < 5 {
		t.Errorf("got %d services and %d built files, want one service for deb and one for rpm", services, built)
	}
	got, guide := deployFile(t, "packages/relay.service"), deployFile(t, "systemd/relay.service")
	if want := strings.Replace(guide, "/usr/local/bin/relay", "/usr/bin/relay", 1); got != want || want == guide {
		t.Errorf("packages/relay.service is not systemd/relay.service with another path of the program")
	}
}

// TestAlertsNameRealMetrics compares the metrics in the alert rules with those of a relay.
func TestAlertsNameRealMetrics(t *testing.T) {
	r := startRelay(t)
	r.publish(`{"type":"a","data":1}`)
	req, err := http.NewRequest("GET", r.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %d, %v", resp.StatusCode, err)
	}
	groups, _ := at(documents(t, "prometheus/alerts.yaml")[0], "groups").([]any)
	found := 0
	for _, g := range groups {
		rules, _ := at(g, "rules").([]any)
		for _, rule := range rules {
			expr, _ := at(rule, "expr").(string)
			for _, name := range regexp.MustCompile(`\brelay_\w+`).FindAllString(expr, -1) {
				found++
				if !regexp.MustCompile(`(?m)^` + name + `[ {]`).Match(page) {
					t.Errorf("%v: there is no metric %s", at(rule, "alert"), name)
				}
			}
			for _, label := range regexp.MustCompile(`\{(\w+)=`).FindAllStringSubmatch(expr, -1) {
				if label[1] != "job" && !strings.Contains(string(page), label[1]+`="`) {
					t.Errorf("%v: no metric has the label %s", at(rule, "alert"), label[1])
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("got %d metrics in the rules", found)
	}
}
