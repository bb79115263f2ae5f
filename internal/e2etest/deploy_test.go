package e2etest

import (
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

const deployDir = "../../deploy"

func deployFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents reads a file of YAML documents.
func documents(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(deployFile(t, name)))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, doc)
	}
}

// at descends into a document; numbers are positions in lists.
func at(doc any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[p]
		case int:
			l, _ := doc.([]any)
			if p >= len(l) {
				return nil
			}
			doc = l[p]
		}
	}
	return doc
}

func TestDeploymentsUseRealSettings(t *testing.T) {
	known := []string{"RELAY_CONFIG"}
	for _, s := range config.Settings() {
		known = append(known, s.Env)
	}
	found := 0
	err := filepath.WalkDir(deployDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, name := range regexp.MustCompile(`\bRELAY_[A-Z_]+`).FindAllString(string(b), -1) {
			found++
			if !slices.Contains(known, name) {
				t.Errorf("%s: %s is no setting", path, name)
			}
		}
		return err
	})
	if err != nil || found < 10 {
		t.Errorf("got %d variables, %v", found, err)
	}
	// The settings file in the ConfigMap is valid.
	text, _ := at(documents(t, "kubernetes/relay.yaml")[0], "data", "relay.yaml").(string)
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Sources{File: file}); err != nil || text == "" {
		t.Errorf("the ConfigMap's settings: %v in %q", err, text)
	}
}

func TestKubernetesNamesFit(t *testing.T) {
	docs := make(map[string]map[string]any)
	for _, d := range documents(t, "kubernetes/relay.yaml") {
		kind, _ := d["kind"].(string)
		docs[kind] = d
		if d["apiVersion"] == nil || at(d, "metadata", "name") != "relay" {
			t.Errorf("%s: got %v %v", kind, d["apiVersion"], d["metadata"])
		}
	}
	deploy := docs["Deployment"]
	pod := at(deploy, "spec", "template")
	label := at(pod, "metadata", "labels", "app.kubernetes.io/name")
	for what, got := range map[string]any{
		"Deployment": at(deploy, "spec", "selector", "matchLabels", "app.kubernetes.io/name"),
		"Service":    at(docs["Service"], "spec", "selector", "app.kubernetes.io/name"),
		"PodDisruptionBudget": at(docs["PodDisruptionBudget"], "spec", "selector", "matchLabels",
			"app.kubernetes.io/name"),
	} {
		if got != label || label == nil {
			t.Errorf("%s selects %v, want %v", what, got, label)
		}
	}
	c := at(pod, "spec", "containers", 0)
	port := at(c, "ports", 0, "name")
	if port == nil || at(docs["Service"], "spec", "ports", 0, "targetPort") != port {
		t.Errorf("the Service's port is not the container's %v", port)
	}
	for probe, path := range map[string]string{"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"} {
		if at(c, probe, "httpGet", "path") != path || at(c, probe, "httpGet", "port") != port {
			t.Errorf("%s: got %v, want %s on %v", probe, at(c, probe), path, port)
		}
	}
	volumes := make(map[any]bool)
	list, _ := at(pod, "spec", "volumes").([]any)
	for _, v := range list {
		volumes[at(v, "name")] = true
	}
	mounts, _ := at(c, "volumeMounts").([]any)
	for _, m := range mounts {
		if !volumes[at(m, "name")] {
			t.Errorf("a mount of %v, which is no volume", at(m, "name"))
		}
	}
}

func TestComposeNamesFit(t *testing.T) {
	doc := documents(t, "compose.yaml")[0]
	services, _ := doc["services"].(map[string]any)
	secrets, _ := doc["secrets"].(map[string]any)
	if len(services) != 4 {
		t.Errorf("got %d services, want 4", len(services))
	}
	for name, s := range services {
		used, _ := at(s, "secrets").([]any)
		for _, u := range used {
			if at(secrets, u) == nil {
				t.Errorf("%s uses %v, which is no secret", name, u)
			}
		}
		env, _ := at(s, "environment").(map[string]any)
		for variable, v := range env {
			if file, ok := strings.CutPrefix(v.(string), "/run/secrets/"); ok && !slices.Contains(used, any(file)) {
				t.Errorf("%s: %s names %v, which it is not given", name, variable, v)
			}
		}
		if name != "postgres" && name != "proxy" && !strings.Contains(deployFile(t, "Caddyfile"), name+":8080") {
			t.Errorf("the proxy does not know %s", name)
		}
	}
}

func TestUnitIsWellFormed(t *testing.T) {
	section, seen := "", make(map[string]bool)
	for n, line := range strings.Split(deployFile(t, "systemd/relay.service"), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = line
		default:
			name, value, ok := strings.Cut(line, "=")
			if !ok || section == "" || name != strings.TrimSpace(name) || strings.Contains(value, " #") {
				t.Errorf("line %d: got %q", n+1, line)
			}
			seen[section+name] = true
		}
	}
	for _, want := range []string{"[Service]ExecStart", "[Service]DynamicUser", "[Service]StateDirectory", "[Install]WantedBy"} {
		if !seen[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestUnitIsWhatSystemdReads(t *testing.T) {
	path := testenv.Binary(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "relay.service")
	text := strings.Replace(deployFile(t, "systemd/relay.service"), "/usr/local/bin/relay", testenv.BuildRelay(t), 1)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// systemd-analyze warns about unknown directives, and succeeds.
	if out, err := exec.Command(path, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
}

func TestManifestsAreWhatKubernetesReads(t *testing.T) {
	dir := filepath.Join("testdata", "manifests")
	goIn := func(stdin string, args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := goIn("", "mod", "download"); err != nil {
		testenv.Skip(t, "the types of Kubernetes' API cannot be fetched: "+err.Error()+"\n"+out)
	}
	binary := filepath.Join(t.TempDir(), "manifests")
	if out, err := goIn("", "build", "-o", binary, "."); err != nil {
		t.Fatalf("building %s: %v\n%s", dir, err, out)
	}
	read := func(manifests string) (string, error) {
		cmd := exec.Command(binary)
		cmd.Stdin = strings.NewReader(manifests)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	text := deployFile(t, "kubernetes/relay.yaml")
	if got, err := read(text); err != nil || got != "ConfigMap\nDeployment\nService\nPodDisruptionBudget\n" {
		t.Errorf("got %v: %s", err, got)
	}
	// What helm makes of the chart: go tool -C tools/chart helm template relay deploy/chart -f VALUES.
	for name, want := range map[string]string{
		"values":     "ConfigMap\nService\nStatefulSet\n",
		"sqlite":     "ConfigMap\nService\nStatefulSet\n",
		"postgresql": "PodDisruptionBudget\nConfigMap\nService\nDeployment\nIngress\n",
	} {
		if got, err := read(deployFile(t, "chart/ci/"+name+".rendered")); err != nil || got != want {
			t.Errorf("chart with %s: got %v: %s, want %s", name, err, got, want)
		}
	}
	// The check notices mistakes.
	for _, wrong := range [][2]string{{"maxSurge", "maxsurge"}, {"kind: Service", "kind: Servise"}, {"replicas: 2", "replicas: two"}} {
		if got, err := read(strings.Replace(text, wrong[0], wrong[1], 1)); err == nil {
			t.Errorf("%s: got %s, want a refusal", wrong[1], got)
		}
	}
}

func TestComposeFileIsWhatComposeReads(t *testing.T) {
	path := testenv.Binary(t, "docker-compose")
	read := func(text string) (string, error) {
		cmd := exec.Command(path, "-f", "-", "config", "--quiet")
		cmd.Dir, cmd.Stdin = deployDir, strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// Debian's docker-compose is of the first generation, which names a project after its folder.
	text := strings.Replace(deployFile(t, "compose.yaml"), "name: relay\n", "", 1)
	if out, err := read(text); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := read(strings.Replace(text, "healthcheck:", "healthchecks:", 1)); err == nil {
		t.Errorf("a field that is none: got %q, want a refusal", out)
	}
}

// The Dockerfile builds a static binary, which runs in an empty image.
func TestDockerfileBuildsAStaticBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the image is for Linux")
	}
	m := regexp.MustCompile(`(?m)(CGO_ENABLED=0 .*go build .*)$`).FindStringSubmatch(deployFile(t, "Dockerfile"))
	if m == nil {
		t.Fatal("the Dockerfile builds nothing")
	}
	binary := filepath.Join(t.TempDir(), "relay")
	cmd := exec.Command("sh", "-c", strings.Replace(m[1], "-o /out/relay", "-o "+binary, 1))
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "VERSION=1.2.3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", m[1], err, out)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is not static: it has %v", p.Type)
		}
	}
	if out, err := exec.Command(binary, "version").Output(); string(out) != "relay 1.2.3\n" || err != nil {
		t.Errorf("got %q, %v, want the version", out, err)
	}
}
