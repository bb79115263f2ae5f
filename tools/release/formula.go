package main

import (
	"os"
	"path/filepath"
	"text/template"
)

// formula fills deploy/homebrew/relay.rb.tmpl with the archives' checksums.
func (r *release) formula() error {
	t, err := template.New("relay.rb.tmpl").Option("missingkey=error").ParseFiles(filepath.Join(r.root, "deploy", "homebrew", "relay.rb.tmpl"))
	if err != nil {
		return err
	}
	values := map[string]string{"version": r.version}
	for _, p := range r.platforms {
		if p.os == "windows" {
			continue
		}
		sum, err := digest(r.archive(p))
		if err != nil {
			return err
		}
		values[p.os+"_"+p.arch] = sum
	}
	if len(values) != 5 { // fewer platforms than Homebrew knows
		return nil
	}
	f, err := os.Create(filepath.Join(r.dist, "relay.rb"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.Execute(f, values); err != nil {
		return err
	}
	return f.Close()
}
