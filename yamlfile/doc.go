// Package yamlfile reads the project's two YAML files, lockkeeper.yml and the
// server's config, strictly: a person sees every mistake at once, each with its line
// and, for a key, the one that was probably meant. It knows the form of a file (YAML
// without anchors, tags and keys given twice), not what its keys mean: that is said by
// who reads it, key by key ([Reader.Mapping]) or as a struct ([Reader.Struct]).
package yamlfile
