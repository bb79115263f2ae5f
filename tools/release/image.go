package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// uid is the user that the image runs as unless it is told otherwise.
const uid = 65532

// image makes the same image as deploy/Dockerfile, for every Linux, without Docker: an OCI layout, as a
// folder to push from, and packed for podman and skopeo.
func (r *release) image() error {
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	found := false
	for _, p := range r.platforms {
		if p.os != "linux" {
			continue
		}
		found = true
		img, err := r.imageFor(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	if !found {
		return nil
	}
	dir := filepath.Join(r.stage, "image")
	if _, err := layout.Write(dir, index); err != nil {
		return err
	}
	return r.packLayout(dir, filepath.Join(r.dist, "relay-"+r.version+"-image.tar"))
}

func (r *release) imageFor(p platform) (v1.Image, error) {
	program, err := os.ReadFile(r.binary(p))
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	if err := r.imageFiles(&files, program); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.Append(img, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: r.date}, CreatedBy: "tools/release"},
	}); err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: r.date}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", uid, uid),
		Env:          []string{"RELAY_DATA=/data", "RELAY_LISTEN=:8080"},
		Volumes:      map[string]struct{}{"/data": {}},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		// Docker asks it; Kubernetes and podman have checks of their own.
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/relay", "healthcheck"}, Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 30 * time.Second,
		},
		Entrypoint: []string{"/relay"},
		Cmd:        []string{"serve"},
		Labels: map[string]string{
			"org.opencontainers.image.title":         "Relay",
			"org.opencontainers.image.description":   "A self-hosted event relay: durable, signed, retried, logged",
			"org.opencontainers.image.source":        "https://github.com/relay-events/relay",
			"org.opencontainers.image.documentation": "https://github.com/relay-events/relay/tree/main/docs",
			"org.opencontainers.image.licenses":      "Apache-2.0",
			"org.opencontainers.image.version":       r.version,
			"org.opencontainers.image.revision":      r.commit,
			"org.opencontainers.image.created":       r.date.Format(time.RFC3339),
		},
	}
	return mutate.ConfigFile(img, config)
}

// imageFiles writes all files of the image. /data belongs to the image's user and to group 0, which is the
// group of whoever runs as another user, as OpenShift has it.
func (r *release) imageFiles(w io.Writer, program []byte) error {
	// All of them, as in Debian's ca-certificates: a file cannot say from which day on one is no longer believed.
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	licence, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return err
	}
	others, err := os.ReadFile(filepath.Join(r.stage, thirdParty))
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		mode int64
		uid  int
		text []byte
	}{
		{"data/", 0o770, uid, nil},
		{"etc/", 0o755, 0, nil},
		{"etc/ssl/", 0o755, 0, nil},
		{"etc/ssl/certs/", 0o755, 0, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, 0, roots.Bytes()},
		{"licenses/", 0o755, 0, nil},
		{"licenses/LICENSE", 0o644, 0, licence},
		{"licenses/" + thirdParty, 0o644, 0, others},
		{"relay", 0o755, 0, program},
		{"tmp/", 0o1777, 0, nil},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.uid, Size: int64(len(f.text)), ModTime: r.date, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if f.text == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.text); err != nil {
			return err
		}
	}
	return t.Close()
}

// packLayout packs an OCI layout, which WalkDir walks in the order of names.
func (r *release) packLayout(dir, path string) error {
	var entries []entry
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		entries = append(entries, entry{filepath.ToSlash(name), file, 0o644})
		return err
	})
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.tar(f, entries); err != nil {
		return err
	}
	return f.Close()
}
