package deps_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

// licences are the licences whose terms a binary under Apache-2.0 can meet by shipping their texts.
// Each is recognised by phrases that all occur in its text once case, whitespace and punctuation
// are folded.
var licences = []struct {
	name    string
	phrases []string
}{
	{"Apache-2.0", []string{"apache license version 2 0", "terms and conditions for use reproduction and distribution"}},
	{"MIT", []string{"permission is hereby granted free of charge to any person obtaining a copy", "the above copyright notice and this permission notice", "the software is provided as is"}},
	{"MIT-0", []string{"permission is hereby granted free of charge to any person obtaining a copy", "to permit persons to whom the software is furnished to do so the software is provided as is"}},
	{"ISC", []string{"permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"}},
	{"BSD", []string{"redistribution and use in source and binary forms with or without modification are permitted", "redistributions of source code must retain the above copyright notice"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// refused are words of licences that demand more than shipping a text. A file that contains one is
// rejected even if it also contains another licence.
var refused = []string{"gnu general public license", "gnu lesser general public license", "gnu affero general public license", "mozilla public license", "server side public license", "business source license", "commons clause"}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// classify returns the name of the licence in a text, or an error if the licence is not acceptable.
func classify(text string) (string, error) {
	folded := notWord.ReplaceAllString(strings.ToLower(text), " ")
	for _, words := range refused {
		if strings.Contains(folded, words) {
			return "", fmt.Errorf("mentions the %q", words)
		}
	}
	for _, l := range licences {
		if !slices.ContainsFunc(l.phrases, func(p string) bool { return !strings.Contains(folded, p) }) {
			return l.name, nil
		}
	}
	return "", errors.New("matches no licence we know")
}

// moduleLicence classifies the licence files in a module's top folder. All of them must be
// acceptable: further ones belong to code copied into the module.
func moduleLicence(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("looking for a licence file: %w", err)
	}
	var names []string
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		isLicence := slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"},
			func(start string) bool { return strings.HasPrefix(upper, start) })
		if !isLicence || e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("reading licence: %w", err)
		}
		name, err := classify(string(text))
		if err != nil {
			return "", fmt.Errorf("licence file %q: %w", e.Name(), err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "", errors.New("no licence file")
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " and "), nil
}

func TestLicencesOfLinkedModules(t *testing.T) {
	root := testenv.Root(t)
	if _, err := os.Stat(filepath.Join(root, "cmd", "relay")); errors.Is(err, fs.ErrNotExist) {
		t.Log("cmd/relay does not exist yet: nothing is linked")
		return
	}
	list := goCommand(t, root, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/relay")
	lines := slices.Compact(slices.Sorted(strings.SplitSeq(list, "\n")))
	for _, line := range lines {
		mod, dir, ok := strings.Cut(line, "\t")
		if !ok { // blank for packages of the standard library and our own
			continue
		}
		name, err := moduleLicence(dir)
		if err != nil {
			t.Errorf("%s: %v: see whether Relay may link it at all; if so, teach classify its text", mod, err)
			continue
		}
		t.Logf("%-12s %s", name, mod)
	}
}

func TestClassify(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted provided that\n * Redistributions of source code must retain the above copyright\n   notice"
	const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy\n… The above copyright notice and this permission notice shall be included …\nTHE SOFTWARE IS PROVIDED \"AS IS\""
	tests := []struct{ text, want string }{
		{mit, "MIT"},
		{"Permission is hereby granted, free of charge, to any person obtaining a copy … and to permit persons to whom the Software is\nfurnished to do so.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\"", "MIT-0"},
		{bsd, "BSD"},
		{"  Apache License\n  Version 2.0, January 2004\n TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION", "Apache-2.0"},
		{"Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted", "ISC"},
		{"This is free and unencumbered software released into the public domain.", "Unlicense"},
		{"Mozilla Public License Version 2.0", ""},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3", ""},
		{mit + "\nThe “Commons Clause” License Condition", ""},
		{"All rights reserved.", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got, err := classify(tt.text); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("classify(%.60q): got %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}
