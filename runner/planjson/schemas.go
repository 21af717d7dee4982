package planjson

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Schemas are what providers say of their types of resources, as Pack stored them. Each
// is decoded when it is first needed.
type Schemas struct {
	archive *zip.Reader
	known   map[string]*schema
}

// MaxSchemas is how many bytes of "terraform providers schema -json" are read, and of
// what Pack makes of it. That of hashicorp/aws has 14 MB.
const MaxSchemas = 128 << 20

// maxSchema is how many bytes one schema may have.
const maxSchema = 8 << 20

// printed is the output of terraform providers schema -json.
type printed struct {
	Version   string `json:"format_version"`
	Providers map[string]struct {
		Managed map[string]schema `json:"resource_schemas"`
		Data    map[string]schema `json:"data_source_schemas"`
	} `json:"provider_schemas"`
}

// Pack stores what "terraform providers schema -json" printed so that single schemas are
// found without reading the others. providers are those that must be in it, by their
// full names.
func Pack(from io.Reader, to io.Writer, providers []string) error {
	var all printed
	if err := json.NewDecoder(io.LimitReader(from, MaxSchemas)).Decode(&all); err != nil {
		return fmt.Errorf("reading the schemas of providers: %w", err)
	}
	archive := zip.NewWriter(to)
	for _, name := range providers {
		provider, there := all.Providers[name]
		if !there {
			return fmt.Errorf("reading the schemas of providers: there is none of %s", name)
		}
		for mode, schemas := range map[string]map[string]schema{"managed": provider.Managed, "data": provider.Data} {
			for _, kind := range slices.Sorted(maps.Keys(schemas)) {
				content, err := json.Marshal(schemas[kind])
				if err != nil {
					return err
				}
				w, err := archive.Create(entryOf(name, mode, kind))
				if err == nil {
					_, err = w.Write(content)
				}
				if err != nil {
					return fmt.Errorf("storing the schemas of providers: %w", err)
				}
			}
		}
	}
	return archive.Close()
}

func entryOf(provider, mode, kind string) string { return provider + "/" + mode + "/" + kind }

// OpenSchemas opens what Pack wrote.
func OpenSchemas(from io.ReaderAt, size int64) (*Schemas, error) {
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return nil, fmt.Errorf("opening the schemas of providers: %w", err)
	}
	return &Schemas{archive: archive, known: map[string]*schema{}}, nil
}

// of is the schema of a type of resource.
func (s *Schemas) of(provider, mode, kind string) (*schema, error) {
	name := entryOf(provider, mode, kind)
	if is, known := s.known[name]; known {
		return is, nil
	}
	f, err := s.archive.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the schema of %.200q: %w", name, err)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSchema))
	var is schema
	if err = errors.Join(err, f.Close()); err == nil {
		if err = json.Unmarshal(content, &is); err == nil {
			err = is.prepare()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the schema of %.200q: %w", name, err)
	}
	s.known[name] = &is
	return &is, nil
}

// used are the types whose schemas were needed.
func (s *Schemas) used() []string { return slices.Sorted(maps.Keys(s.known)) }
