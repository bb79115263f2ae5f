package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk" // registers itself
	_ "github.com/goreleaser/nfpm/v2/deb" // registers itself
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers itself
)

// packages makes the deb, the rpm and the apk for each Linux.
func (r *release) packages() error {
	if err := r.packageLog(); err != nil {
		return err
	}
	for _, p := range r.platforms {
		if p.os != "linux" {
			continue
		}
		for _, kind := range []string{"deb", "rpm", "apk"} {
			if err := r.pack(p, kind); err != nil {
				return fmt.Errorf("%s for %s: %w", kind, p, err)
			}
		}
	}
	return nil
}

// packageLog writes the changelog that Debian and Red Hat want to find in a package. It names the version
// alone: the changes are in CHANGELOG.md, which is in the package, too.
func (r *release) packageLog() error {
	return os.WriteFile(filepath.Join(r.stage, "changelog.yaml"), fmt.Appendf(nil, `- semver: %s
  date: %s
  packager: Relay maintainers <maintainers@relay-events.dev>
  deb: {urgency: medium, distributions: [stable]}
  changes:
    - note: "Release %s, see /usr/share/doc/relay/CHANGELOG.md.gz for the changes."
`, r.version, r.date.Format(time.RFC3339), r.version), 0o644)
}

func (r *release) pack(p platform, kind string) error {
	f, err := os.Open(filepath.Join(r.root, "deploy", "packages", "nfpm.yaml"))
	if err != nil {
		return err
	}
	defer f.Close()
	config, err := nfpm.ParseWithEnvMapping(f, func(name string) string {
		return map[string]string{"ARCH": p.arch, "VERSION": r.version}[name]
	})
	if err != nil {
		return err
	}
	info, err := config.Get(kind)
	if err != nil {
		return err
	}
	info = nfpm.WithDefaults(info)
	info.MTime = r.date
	for _, c := range info.Contents { // else the times of the files here
		if c.FileInfo != nil {
			c.FileInfo.MTime = r.date
		}
	}
	// The apk has the times of the files with its scripts, whatever MTime says.
	for _, script := range []string{info.Scripts.PostInstall, info.Scripts.PreRemove, info.Scripts.PostRemove} {
		if err := os.Chtimes(script, r.date, r.date); err != nil {
			return err
		}
	}
	packager, err := nfpm.Get(kind)
	if err != nil {
		return err
	}
	info.Target = filepath.Join(r.dist, packager.ConventionalFileName(info))
	out, err := os.Create(info.Target)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := packager.Package(info, out); err != nil {
		return err
	}
	return out.Close()
}
