// Command sbom prints what programs and a Debian image are made of, as a
// software bill of materials in CycloneDX 1.5
// (https://cyclonedx.org/docs/1.5/json/).
//
//	sbom [-name NAME] [-version VERSION] [-debian FILE] PROGRAM[=VERSION]…
//
// The modules are those that Go wrote into each program. FILE is what
// dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' printed. The same
// input gives the same bytes.
//
// Place in the flow: `make sbom` and the Dockerfile run it. It must not know
// Lockkeeper, and reads nothing but the files that it is given.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	name := flag.String("name", "lockkeeper", "what the programs are part of")
	version := flag.String("version", "", "its version; programs without one get it, too")
	debian := flag.String("debian", "", "file with the Debian packages")
	flag.Parse()
	if err := write(*name, *version, *debian, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func write(name, version, debian string, programs []string) error {
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1}
	b.Metadata.Component = component{Type: "container", Name: name, Version: version}
	for _, arg := range programs {
		file, own, given := strings.Cut(arg, "=")
		if !given {
			own = version
		}
		c, err := program(file, own)
		if err != nil {
			return fmt.Errorf("reading the modules of %s: %w", file, err)
		}
		b.Components = append(b.Components, c)
	}
	if debian != "" {
		text, err := os.ReadFile(debian)
		if err != nil {
			return fmt.Errorf("reading the Debian packages: %w", err)
		}
		found, err := packages(string(text))
		if err != nil {
			return fmt.Errorf("reading the Debian packages in %s: %w", debian, err)
		}
		b.Components = append(b.Components, found...)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	out.SetEscapeHTML(false)
	return out.Encode(b)
}
