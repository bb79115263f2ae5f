package main

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// materials writes a bill of materials (CycloneDX 1.6) for each platform: which modules are linked depends on it.
func (r *release) materials() error {
	for _, p := range r.platforms {
		if err := r.bill(p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

func (r *release) bill(p platform) error {
	g, err := bin.NewGenerator(r.binary(p), bin.WithVersionOverride("v"+r.version), bin.WithIncludeStdlib(true), bin.WithLogger(zerolog.Nop()))
	if err != nil {
		return err
	}
	bom, err := g.Generate()
	if err != nil {
		return err
	}
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/relay-events/relay "+r.commit+" "+r.version+" "+p.String())).URN()
	bom.Metadata.Timestamp = r.date.Format(time.RFC3339)
	bom.Metadata.Component.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		ids, ok := r.ids[c.Name+" "+c.Version]
		if !ok {
			return fmt.Errorf("%s %s is linked, and its licence is not known", c.Name, c.Version)
		}
		c.Licenses = &cdx.Licenses{}
		for _, id := range ids {
			*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{License: &cdx.License{ID: id}})
		}
	}
	assets, err := r.assets()
	if err != nil {
		return err
	}
	*bom.Components = append(*bom.Components, assets...)
	f, err := os.Create(filepath.Join(r.dist, "relay-"+r.version+"-"+p.String()+".cdx.json"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return err
	}
	return f.Close()
}

// assets returns the npm packages whose files the dashboard contains: those whose licences it passes on.
func (r *release) assets() (list []cdx.Component, err error) {
	licences, err := os.ReadFile(filepath.Join(r.root, "internal", "dashboard", "assets", "dist", "licences.txt"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(r.root, "tools", "assets", "package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct{ Version, License, Integrity string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("tools/assets/package-lock.json: %w", err)
	}
	for path, p := range lock.Packages {
		name := strings.TrimPrefix(path, "node_modules/")
		if path == "" || !strings.Contains("\n"+string(licences), "\n"+name+"\n\n") { // a tool, or what a tool needs
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Integrity, "sha512-"))
		if err != nil || len(sum) != sha512.Size {
			return nil, fmt.Errorf("the sum of %q is %q", name, p.Integrity)
		}
		if p.License == "BSD-0-Clause" { // as htmx calls it; SPDX has another name
			p.License = "0BSD"
		}
		purl := "pkg:npm/" + strings.Replace(name, "@", "%40", 1) + "@" + p.Version
		list = append(list, cdx.Component{
			BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: name, Version: p.Version, PackageURL: purl,
			Scope:    cdx.ScopeRequired,
			Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA512, Value: hex.EncodeToString(sum)}},
			Licenses: &cdx.Licenses{{License: &cdx.License{ID: p.License}}},
		})
	}
	if len(list) == 0 {
		return nil, errors.New("tools/assets/package-lock.json has none of the packages whose licences the dashboard passes on")
	}
	slices.SortFunc(list, func(a, b cdx.Component) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}
