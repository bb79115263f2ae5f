package clientgen_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/relay-events/relay/internal/clientgen"
)

var update = flag.Bool("update", false, "write the generated files of package client anew")

// TestClientIsGenerated keeps the client's structs and methods what the committed document of the API makes of them.
func TestClientIsGenerated(t *testing.T) {
	document, err := os.ReadFile("../api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := clientgen.Generate(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join("..", "..", "client", name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("client/%s is not what the document of the API makes of it (%v): run go generate ./client and commit the file", name, err)
		}
	}
}

// TestGenerateRefuses: a document that cannot be read makes no client.
func TestGenerateRefuses(t *testing.T) {
	for _, document := range []string{"", "[]", `{"paths":[]}`, `{"components":{"schemas":{"A":{"type":1}}}}`} {
		if files, err := clientgen.Generate([]byte(document)); err == nil {
			t.Errorf("Generate(%q): got %d files, want an error", document, len(files))
		}
	}
}
