// Command release makes everything that a release of Relay consists of, into dist/: the program for each
// platform in an archive, packages for Debian, Red Hat and Alpine, a container image, a Homebrew formula,
// bills of materials, the licences of what is linked, and checksums of all that.
//
// The files depend on the commit, the version and the version of Go only: whoever builds the same commit
// gets the same bytes. So no file may contain the time of the build, a
// path, or anything else of the machine.
//
// It is a module of its own, because its libraries bring some hundred modules that Relay does not need.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	root := flag.String("root", ".", "`folder` of the checkout")
	version := flag.String("version", "", "the version, such as 1.2.3 (default: that of the tag of the commit)")
	only := flag.String("platforms", "", "build these `platforms` only, such as linux/amd64,darwin/arm64")
	flag.Parse()
	if err := run(*root, *version, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what all files of a release have in common.
type release struct {
	root, dist, stage string // absolute folders
	version           string // without the v
	commit            string
	date              time.Time // of the commit, in UTC
	platforms         []platform

	ids map[string][]string // SPDX names of the licences of "module version", found by r.licences
}

type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "-" + p.arch }

var allPlatforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

func run(root, version, only string) error {
	r, err := describe(root, version)
	if err != nil {
		return err
	}
	if r.platforms, err = choose(only); err != nil {
		return err
	}
	if err := os.Chdir(r.root); err != nil { // nfpm.yaml names its files from there
		return err
	}
	// What an earlier version left must not get into the checksums.
	if err := os.RemoveAll(r.dist); err != nil {
		return err
	}
	if err := os.MkdirAll(r.stage, 0o755); err != nil {
		return err
	}
	// Each step finds what the ones above have left in r.stage.
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"programs", r.programs},
		{"manual pages and completions", r.manual},
		{"licences", r.licences},
		{"archives", r.archives},
		{"packages", r.packages},
		{"image", r.image},
		{"bills of materials", r.materials},
		{"formula", r.formula},
		{"checksums", r.checksums},
	} {
		begin := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Printf("%-28s %3.0f s\n", step.what, time.Since(begin).Seconds())
	}
	fmt.Printf("relay %s is in %s\n", r.version, r.dist)
	return nil
}

// choose returns the named platforms, or all of them.
func choose(only string) (chosen []platform, err error) {
	if only == "" {
		return allPlatforms, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		system, arch, _ := strings.Cut(name, "/")
		found := false
		for _, p := range allPlatforms {
			if p == (platform{system, arch}) {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is not a platform of a release", name)
		}
	}
	return chosen, nil
}

// describe finds out what is released: version, commit and date.
func describe(root, version string) (*release, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	dist := filepath.Join(root, "dist")
	r := &release{root: root, dist: dist, stage: filepath.Join(dist, "stage")}
	if r.commit, err = r.git("rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	seconds, err := r.git("log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the time of the commit: %w", err)
	}
	r.date = time.Unix(at, 0).UTC()
	changes, err := r.git("status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if r.version = strings.TrimPrefix(version, "v"); r.version != "" {
		if changes != "" {
			return nil, errors.New("the checkout has changes that are not committed: a version must stand for a commit")
		}
		return r, nil
	}
	described, err := r.git("describe", "--tags", "--long", "--match", "v[0-9]*")
	if err != nil { // there is no tag yet
		described = ""
	}
	count, err := r.git("rev-list", "--count", "HEAD")
	if err != nil {
		return nil, err
	}
	r.version, err = versionOf(described, count, r.commit, changes != "")
	return r, err
}

// versionOf makes the version of what "git describe --long" says, such as v1.2.3-4-gabcdef0: 1.2.3 at the
// tag itself, and after it 1.2.3+4.gabcdef0, which packages take for newer than 1.2.3 and older than 1.2.4.
// Without a tag, the count is that of all commits.
func versionOf(described, count, commit string, dirty bool) (string, error) {
	version := "0.0.0"
	if described != "" {
		rest, ok := strings.CutPrefix(described, "v")
		i := strings.LastIndex(rest, "-g")
		j := strings.LastIndex(rest[:max(i, 0)], "-")
		if !ok || j < 0 {
			return "", fmt.Errorf("git describes the commit as %q", described)
		}
		version, count = rest[:j], rest[j+1:i]
	}
	if count == "0" && !dirty {
		return version, nil
	}
	version += "+" + count + ".g" + commit[:7]
	if dirty {
		version += ".dirty"
	}
	return version, nil
}

// git calls git in the checkout, which may belong to somebody else, as in a container.
func (r *release) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*", "-C", r.root}, args...)...)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// goCommand makes a call of the go command for a platform. Settings of the machine's that change what is built,
// such as GOFLAGS and GOAMD64, do not count.
func (r *release) goCommand(p platform, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = r.root
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOTMPDIR", "GOROOT", "GOTOOLCHAIN",
			"GOGC", "GOMEMLIMIT", "GOMAXPROCS": // of the compiler
		default:
			if strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") {
				continue
			}
		}
		cmd.Env = append(cmd.Env, v)
	}
	cmd.Env = append(cmd.Env, "GOENV=off", "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0")
	return cmd
}

// output runs a command and returns what it prints, or its last words as an error.
func output(cmd *exec.Cmd) (string, error) {
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args[:min(3, len(cmd.Args))], " "), err, cmp.Or(strings.TrimSpace(words.String()), "no message"))
	}
	return string(out), nil
}
