package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// thirdParty is the file with the licences of all code that the program contains and that is not Relay's.
const thirdParty = "THIRD_PARTY_LICENSES"

var grant = regexp.MustCompile(`(?i)^notice|^patents`)

var licenceFile = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^notice|^patents`)

// licences writes the licences of Go's library, of all linked modules on any platform, and of the files of
// the dashboard. internal/deps keeps out modules whose licence Relay cannot meet by passing on its text.
func (r *release) licences() error {
	modules := make(map[string]string) // "path version" to folder
	for _, p := range r.platforms {
		list, err := output(r.goCommand(p, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/relay"))
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(list, "\n") {
			if module, dir, ok := strings.Cut(line, "\t"); ok {
				modules[module] = dir
			}
		}
	}
	r.ids = make(map[string][]string)
	names := make([]string, 0, len(modules))
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	library, err := output(r.goCommand(r.platforms[0], "env", "GOROOT", "GOVERSION"))
	if err != nil {
		return err
	}
	goroot, version, _ := strings.Cut(strings.TrimSpace(library), "\n")
	library = "The Go standard library, " + version
	var b bytes.Buffer
	b.WriteString("The program relay contains the following software of others, under the licences printed with each.\n\n")
	var texts bytes.Buffer
	for _, name := range names {
		if r.ids[name], err = appendLicences(&texts, name, modules[name]); err != nil {
			return err
		}
	}
	if r.ids["std "+version], err = appendLicences(&texts, library, goroot); err != nil {
		return err
	}
	for _, name := range append(names, "std "+version) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.ids[name], ", "))
	}
	b.WriteString("files of the dashboard: see the end\n")
	b.Write(texts.Bytes())
	text, err := os.ReadFile(filepath.Join(r.root, "internal", "dashboard", "assets", "dist", "licences.txt"))
	if err != nil {
		return err
	}
	section(&b, "Files of the dashboard", text)
	file := filepath.Join(r.stage, thirdParty)
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return err
	}
	return compress(file, file+".gz")
}

// appendLicences adds the licence files in a folder, and returns the SPDX names of the licences in them.
func appendLicences(b *bytes.Buffer, name, dir string) (ids []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		section(b, name+": "+e.Name(), text)
		if grant.MatchString(e.Name()) { // goes with a licence, and has no name at SPDX
			continue
		}
		for _, m := range licensecheck.Scan(text).Match {
			if !m.IsURL && !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s has no known licence in %s", name, dir)
	}
	slices.Sort(ids)
	return ids, nil
}

func section(b *bytes.Buffer, title string, text []byte) {
	fmt.Fprintf(b, "\n%s\n%s\n%s\n\n%s\n", strings.Repeat("=", 78), title, strings.Repeat("=", 78), bytes.TrimSpace(text))
}
