package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// entry is a file of an archive.
type entry struct {
	name, file string
	mode       int64
}

// archive returns the path of the archive for a platform.
func (r *release) archive(p platform) string {
	kind := ".tar.gz"
	if p.os == "windows" {
		kind = ".zip"
	}
	return filepath.Join(r.dist, "relay-"+r.version+"-"+p.String()+kind)
}

func (r *release) archives() error {
	for _, p := range r.platforms {
		entries, err := r.entries(p)
		if err != nil {
			return err
		}
		pack := r.tarball
		if p.os == "windows" {
			pack = r.zip
		}
		if err := pack(r.archive(p), entries); err != nil {
			return err
		}
	}
	return nil
}

// entries returns what an archive contains, in order, all in one folder.
func (r *release) entries(p platform) ([]entry, error) {
	top := "relay-" + r.version + "-" + p.String() + "/"
	list := []entry{
		{top + filepath.Base(r.binary(p)), r.binary(p), 0o755},
		{top + thirdParty, filepath.Join(r.stage, thirdParty), 0o644},
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		list = append(list, entry{top + name, filepath.Join(r.root, name), 0o644})
	}
	for _, pattern := range []string{"completions/*", "man/*.1"} {
		files, err := filepath.Glob(filepath.Join(r.stage, pattern))
		if err != nil {
			return nil, err
		}
		dir := filepath.Dir(pattern)
		if dir == "man" {
			dir = "man/man1" // where man looks, if MANPATH names the folder man
		}
		for _, f := range files {
			list = append(list, entry{top + dir + "/" + filepath.Base(f), f, 0o644})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

func (r *release) tarball(path string, entries []entry) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := r.tar(z, entries); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// tar writes files that belong to root, with the time of the commit.
func (r *release) tar(w io.Writer, entries []entry) error {
	t := tar.NewWriter(w)
	for _, e := range entries {
		text, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(text)), ModTime: r.date, Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := t.Write(text); err != nil {
			return err
		}
	}
	return t.Close()
}

func (r *release) zip(path string, entries []entry) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, e := range entries {
		text, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: r.date}
		h.SetMode(os.FileMode(e.mode))
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

// checksums writes SHA256SUMS, which "sha256sum --check" reads.
func (r *release) checksums() error {
	files, err := os.ReadDir(r.dist)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, f := range files { // sorted by name
		if f.IsDir() {
			continue
		}
		sum, err := digest(filepath.Join(r.dist, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", sum, f.Name())
	}
	return os.WriteFile(filepath.Join(r.dist, "SHA256SUMS"), []byte(b.String()), 0o644)
}

// digest returns the SHA-256 of a file in hexadecimal.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
