package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/nearest"
)

// Setting is one row of the table of settings.
type Setting struct {
	Name    string // in the file: "log.level" means level inside log
	Env     string // "RELAY_LOG_LEVEL"
	Flag    string // "log-level"; empty if the setting cannot be a flag
	Help    string
	Default string
	Kind    string // type of the value in a word for people: "number", "duration"
	Bool    bool   // its flag needs no value
	Secret  bool
	index   []int // of the field in Config
}

// settings is the table of settings, in the order of the manual.
var settings = settingsOf(reflect.ValueOf(Default()), "", nil)

// Settings returns the table of settings.
func Settings() []Setting { return slices.Clone(settings) }

func settingsOf(v reflect.Value, prefix string, index []int) []Setting {
	var list []Setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("name")
		at := append(slices.Clone(index), i)
		if help := f.Tag.Get("help"); help != "" {
			_, secret := v.Field(i).Interface().(Secret)
			_, database := v.Field(i).Interface().(DatabaseURL)
			s := Setting{
				Name: name, Env: "RELAY_" + strings.ToUpper(separate(name, '_')), Flag: separate(name, '-'),
				Help: help, Default: showText(v.Field(i)), Kind: kindOf(f.Type), Bool: f.Type.Kind() == reflect.Bool, Secret: secret || database, index: at,
			}
			if name == "listen" || name == "metricsListen" {
				s.Kind = "host:port"
			}
			if secret {
				s.Flag = "" // every user of the machine can read command lines
			}
			list = append(list, s)
			continue
		}
		list = append(list, settingsOf(v.Field(i), name+".", at)...)
	}
	return list
}

// separate turns "log.maxLevel" into "log-max-level".
func separate(name string, by rune) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '.':
			b.WriteRune(by)
		case unicode.IsUpper(r):
			b.WriteRune(by)
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Sources lists the sources of settings in rising order of precedence.
type Sources struct {
	// Base holds the settings that apply where no source sets a value; nil means Default.
	Base *Config
	// File is the path of a YAML file; if empty, the file named by RELAY_CONFIG, if any.
	File string
	// Getenv looks up a variable, like os.LookupEnv; nil means no variables. An empty variable
	// counts as unset.
	Getenv func(name string) (string, bool)
	// Flags maps the names of the given flags to their values.
	Flags map[string]string
}

// Load merges the sources and checks the result. Its errors name the setting and the place of its
// value.
func Load(s Sources) (Config, error) {
	return load(s, make(map[string]string))
}

// Value is a setting in force.
type Value struct {
	Setting
	Text   string // "(set)" for a secret
	Source string // "default", "file relay.yaml", "variable RELAY_LISTEN" or "flag --listen"
}

// Values loads the settings like Load, and returns each with the source of its value, in the order
// of the manual.
func Values(s Sources) ([]Value, error) {
	from := make(map[string]string)
	c, err := load(s, from)
	if err != nil {
		return nil, err
	}
	list := make([]Value, len(settings))
	for i, set := range settings {
		v := Value{Setting: set, Text: showText(reflect.ValueOf(&c).Elem().FieldByIndex(set.index)), Source: "default"}
		if source := from[set.Name]; source != "" {
			v.Source = source
		}
		list[i] = v
	}
	return list, nil
}

// Unknown returns a line for each variable that begins with RELAY_ and is neither a setting nor
// known otherwise: a misspelt one would have no effect. environ is as os.Environ returns it.
func Unknown(environ []string, known ...string) []string {
	names := func(yield func(string) bool) {
		for _, s := range settings {
			if !yield(s.Env) {
				return
			}
		}
	}
	var lines []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, "RELAY_")
		is := slices.ContainsFunc(settings, func(s Setting) bool { return s.Env == name }) || slices.Contains(known, name)
		// Kubernetes sets these for every service of the namespace, such as one called relay.
		service := rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_") ||
			strings.Contains(rest, "_SERVICE_") || strings.Contains(rest, "_PORT_") || strings.HasSuffix(rest, "_PORT")
		if !ours || is || service || strings.HasPrefix(rest, "TEST_") {
			continue
		}
		line := name + " is not a setting"
		if near := nearest.Of(name, names); near != "" {
			line += "; did you mean " + near + "?"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// load is Load; it notes in from where each value that is not a default came from.
func load(s Sources, from map[string]string) (Config, error) {
	c := Default()
	if s.Base != nil {
		c = *s.Base
	}
	getenv := func(name string) string {
		if s.Getenv == nil {
			return ""
		}
		v, _ := s.Getenv(name)
		return v
	}
	if s.File == "" {
		s.File = getenv("RELAY_CONFIG")
	}
	if s.File != "" {
		if err := c.readFile(s.File, from); err != nil {
			return Config{}, err
		}
	}
	for i := range settings {
		if text := getenv(settings[i].Env); text != "" {
			if err := c.set(&settings[i], text); err != nil {
				return Config{}, fmt.Errorf("variable %s: %w", settings[i].Env, err)
			}
			from[settings[i].Name] = "variable " + settings[i].Env
		}
	}
	for i := range settings {
		if text, ok := s.Flags[settings[i].Flag]; ok && settings[i].Flag != "" {
			if err := c.set(&settings[i], text); err != nil {
				return Config{}, fmt.Errorf("flag --%s: %w", settings[i].Flag, err)
			}
			from[settings[i].Name] = "flag --" + settings[i].Flag
		}
	}
	if c.AdminKey != "" && c.AdminKeyFile != "" {
		return Config{}, c.Check()
	}
	if err := c.readKeyFiles(); err != nil {
		return Config{}, err
	}
	if err := c.Check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) set(s *Setting, text string) error {
	err := setText(reflect.ValueOf(c).Elem().FieldByIndex(s.index), text)
	if err != nil && s.Secret {
		return errors.New("setting " + s.Name + " cannot be used") // without the value, which is secret
	}
	if err != nil {
		return fmt.Errorf("setting %s %w", s.Name, err)
	}
	return nil
}

// maxFile bounds the size of the file in bytes, in case the wrong file is named.
const maxFile = 1 << 20

// readFile applies a YAML file. It rejects unknown names and duplicate names, naming their line.
func (c *Config) readFile(path string, from map[string]string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the configuration file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("reading the configuration file: %w", err)
	}
	if len(b) > maxFile {
		return fmt.Errorf("reading the configuration file %q: it is larger than %s", path, Bytes(maxFile))
	}
	if err := c.applyYAML(b, from, "file "+path); err != nil {
		return fmt.Errorf("configuration file %q: %w", path, err)
	}
	return nil
}

func (c *Config) applyYAML(b []byte, from map[string]string, source string) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil // empty, or comments only
	} else if err != nil {
		return err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("must contain one document, got more")
	}
	return c.applyNode(doc.Content[0], "", from, source)
}

// applyNode applies a mapping of settings whose names begin with prefix, and notes their source.
func (c *Config) applyNode(n *yaml.Node, prefix string, from map[string]string, source string) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: must be a list of settings, such as \"listen: 127.0.0.1:8080\"", n.Line)
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := prefix + key.Value
		if seen[name] {
			return fmt.Errorf("line %d: setting %s is given twice", key.Line, name)
		}
		seen[name] = true
		if at := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name }); at >= 0 {
			text, err := textOf(value)
			if err == nil {
				err = c.set(&settings[at], text)
			} else {
				err = fmt.Errorf("setting %s %w", name, err)
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", value.Line, err)
			}
			from[name] = source
			continue
		}
		if slices.ContainsFunc(settings, func(s Setting) bool { return strings.HasPrefix(s.Name, name+".") }) {
			if err := c.applyNode(value, name+".", from, source); err != nil {
				return err
			}
			continue
		}
		if near := nearest.Of(name, settingNames); near != "" && value.Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: %q is not a setting; did you mean %q?", key.Line, name, near)
		}
		if near := nearest.Of(name, sectionNames); near != "" {
			return fmt.Errorf("line %d: %q is not a setting; did you mean %q?", key.Line, name, near)
		}
		return fmt.Errorf("line %d: %q is not a setting; \"relay serve --help\" lists them", key.Line, name)
	}
	return nil
}

// textOf returns the text of a scalar, or the texts of a list joined by commas.
func textOf(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", errors.New("has no value: remove the line to use the default")
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind == yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			if item.Kind != yaml.ScalarNode || strings.Contains(item.Value, ",") {
				return "", errors.New("must be a list of plain values")
			}
			parts[i] = item.Value
		}
		return strings.Join(parts, ","), nil
	default:
		return "", errors.New("must be a plain value or a list of them")
	}
}

// settingNames yields the names of the settings.
func settingNames(yield func(string) bool) {
	for _, s := range settings {
		if !yield(s.Name) {
			return
		}
	}
}

// sectionNames yields the names that hold several settings, such as "retention".
func sectionNames(yield func(string) bool) {
	for _, s := range settings {
		if section, _, ok := strings.Cut(s.Name, "."); ok && !yield(section) {
			return
		}
	}
}
