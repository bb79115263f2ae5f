package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// released returns the folder with a release that the tests of this file look at.
func released(t *testing.T) string {
	t.Helper()
	dist := os.Getenv("RELAY_TEST_RELEASE")
	if dist == "" {
		t.Skip("RELAY_TEST_RELEASE names no folder with a release: make release writes dist")
	}
	return dist
}

func binaries(t *testing.T, dist string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dist, "stage", "*-*", "relay*"))
	if err != nil || len(list) == 0 {
		t.Fatalf("got %d programs in %s, %v", len(list), dist, err)
	}
	return list
}

// TestBillsOfMaterials checks each bill against the schema of CycloneDX, and that it names the modules of the
// program, each with a licence.
func TestBillsOfMaterials(t *testing.T) {
	dist := released(t)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.RegisterFormat(&jsonschema.Format{Name: "idn-email", Validate: func(any) error { return nil }})
	schemas := filepath.Join(strings.TrimSpace(string(out)), "schema")
	for file, name := range map[string]string{ // the schemas refer to each other beside http://cyclonedx.org/schema/
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schemax.json": "jsf-0.82.schema.json",
	} {
		f, err := os.Open(filepath.Join(schemas, file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		if err == nil {
			err = c.AddResource("http://cyclonedx.org/schema/"+name, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, binary := range binaries(t, dist) {
		platform := filepath.Base(filepath.Dir(binary))
		files, err := filepath.Glob(filepath.Join(dist, "*-"+platform+".cdx.json"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: got the bills %v, %v, want one", platform, files, err)
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		var bom struct {
			Components []struct {
				Name, Version string
				Licenses      []struct{ License struct{ ID string } }
			}
		}
		if err := json.Unmarshal(text, &bom); err != nil {
			t.Fatal(err)
		}
		listed := make(map[string]bool)
		for _, c := range bom.Components {
			listed[c.Name+" "+c.Version] = true
			if len(c.Licenses) == 0 {
				t.Errorf("%s: %s has no licence", platform, c.Name)
			}
		}
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			if !listed[m.Path+" "+m.Version] {
				t.Errorf("%s: the bill lacks %s %s", platform, m.Path, m.Version)
			}
		}
	}
}

// TestLicencesArePassedOn: the texts that the archives contain are those of all linked modules.
func TestLicencesArePassedOn(t *testing.T) {
	dist := released(t)
	text, err := os.ReadFile(filepath.Join(dist, "stage", thirdParty))
	if err != nil {
		t.Fatal(err)
	}
	for _, binary := range binaries(t, dist) {
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			if n := strings.Count(string(text), "\n"+m.Path+" "+m.Version+":"); n < 2 {
				t.Errorf("%s %s occurs %d times, want it in the list and above its licence", m.Path, m.Version, n)
			}
		}
	}
	for _, name := range []string{"std go", "htmx.org", "@fontsource-variable/inter"} {
		if !strings.Contains(string(text), name) {
			t.Errorf("%s does not occur", name)
		}
	}
}

// TestReleasedImage reads the image back: a platform for each Linux, a user, labels, a health check.
func TestReleasedImage(t *testing.T) {
	dist := released(t)
	index, err := layout.ImageIndexFromPath(filepath.Join(dist, "stage", "image"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	platforms := make(map[string]bool)
	for _, m := range manifest.Manifests {
		platforms[m.Platform.String()] = true
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		c := config.Config
		if config.OS+"/"+config.Architecture != m.Platform.String() || c.User != "65532:65532" || c.Healthcheck == nil || len(c.Labels) < 8 || c.Labels["org.opencontainers.image.version"] == "" {
			t.Errorf("%s: got %+v", m.Platform, config)
		}
	}
	if !platforms["linux/amd64"] {
		t.Errorf("got an image for %v", platforms)
	}
}
