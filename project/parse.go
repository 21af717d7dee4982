package project

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of lockkeeper.yml. They bound what a damaged or hostile file can cost, far
// above what people write.
const (
	maxConfigBytes = 4 << 20
	maxProjects    = 20_000
	maxListItems   = 1_000
	maxLineBytes   = 4 << 10 // bounds how deep one line can nest block sequences
	maxFlowDepth   = 8
	maxKeys        = 200 // per mapping: the library's time grows with their square
	maxProblems    = 100
)

// Parse reads a lockkeeper.yml strictly and fills in the defaults. name is used in messages.
// The error is a [Problems] that names every mistake with its line. Anchors, aliases, merge
// keys and tags are mistakes too: a file that grants power should read as it is written.
func Parse(name string, data []byte) (Config, error) {
	r := &reader{file: name, lines: map[string]int{}}
	body := r.syntax(data)
	if len(r.problems) > 0 {
		return Config{}, r.problems
	}
	cfg := r.config(body)
	cfg.Source, cfg.lines = name, r.lines
	r.problems = append(r.problems, relations(cfg)...)
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
		return Config{}, r.problems.first(maxProblems)
	}
	return cfg, nil
}

// syntax turns text into a YAML tree, or notes why it cannot.
func (r *reader) syntax(data []byte) ast.Node {
	if len(data) > maxConfigBytes {
		r.note(0, "", "is %d bytes long; at most %d are read", len(data), maxConfigBytes)
		return nil
	}
	if line := unreadableLine(data); line > 0 {
		r.note(line, "", "has a line of more than %d bytes, or bytes that are not UTF-8 text", maxLineBytes)
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if r.refuseTokens(tokens); len(r.problems) > 0 {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	docs := slices.DeleteFunc(slices.Clone(file.Docs), func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch {
	case len(docs) == 0:
		r.note(1, "", `is empty; it needs "version: 1" and "projects:", or leave the file out`)
	case len(docs) > 1:
		r.note(lineOf(docs[1].Body), "", "holds more than one YAML document; only one is read")
	default:
		return docs[0].Body
	}
	return nil
}

// refuseTokens notes what is refused before a tree is built: nesting that only an attack
// needs, and the YAML features by which a short file becomes a long one.
func (r *reader) refuseTokens(tokens token.Tokens) {
	depth, keys := 0, keyCount{}
	for _, t := range tokens {
		if keys.add(t) > maxKeys {
			r.note(t.Position.Line, "", "a mapping has more than %d keys", maxKeys)
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			r.note(t.Position.Line, "", "anchors, aliases and merge keys are not supported; write the value out")
		case token.MappingKeyType:
			r.note(t.Position.Line, "", "keys that begin with ? are not supported; write key: value")
		case token.TagType:
			r.note(t.Position.Line, "", "YAML tags such as %s are not supported; remove it", clip(t.Value))
		}
		if depth > maxFlowDepth {
			r.note(t.Position.Line, "", "brackets are nested too deep")
		}
		if len(r.problems) > 0 {
			return
		}
	}
}

// keyCount counts the keys of each open mapping by the column of its keys: a key or list item further
// left ends the mappings to its right. Flow mappings may count too much where several share
// a column; line breaks keep that far below the limit.
type keyCount map[int]int

// add takes the next token and returns the count for the mapping it belongs to.
func (k keyCount) add(t *token.Token) int {
	at := t
	switch t.Type {
	case token.MappingValueType:
		if at = t.Prev; at == nil {
			return 0
		}
	case token.SequenceEntryType, token.MappingStartType:
	default:
		return 0
	}
	column := at.Position.Column
	maps.DeleteFunc(k, func(c, _ int) bool { return c > column })
	if t.Type == token.MappingValueType {
		k[column]++
	}
	return k[column]
}

func (r *reader) syntaxError(err error) {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		r.note(at.GetToken().Position.Line, "", "is not valid YAML: %s", at.GetMessage())
		return
	}
	r.note(0, "", "is not valid YAML: %s", err.Error())
}

func (r *reader) note(line int, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}
