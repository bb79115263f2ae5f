package clientgen_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/relay-events/relay/internal/clientgen"
)

var update = flag.Bool("update", false, "write the generated files of the clients anew")

// generators are the clients, by the folder of their generated files.
var generators = map[string]func(openapi []byte) (map[string][]byte, error){
	"client":                          clientgen.Go,
	"clients/typescript/src":          clientgen.TypeScript,
	"clients/python/src/relay_events": clientgen.Python,
}

// TestClientsAreGenerated keeps the clients' types and methods what the committed document of the API makes of them.
func TestClientsAreGenerated(t *testing.T) {
	document, err := os.ReadFile("../api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for folder, generate := range generators {
		files, err := generate(document)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			path := filepath.Join("..", "..", folder, name)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s/%s is not what the document of the API makes of it (%v): run go generate ./client and commit the file", folder, name, err)
			}
		}
	}
}

// TestGenerateRefuses: a document that cannot be read makes no client.
func TestGenerateRefuses(t *testing.T) {
	for folder, generate := range generators {
		for _, document := range []string{"", "[]", `{"paths":[]}`, `{"components":{"schemas":{"A":{"type":1}}}}`} {
			if files, err := generate([]byte(document)); err == nil {
				t.Errorf("%s of %q: got %d files, want an error", folder, document, len(files))
			}
		}
	}
}
