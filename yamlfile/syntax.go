package yamlfile

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits bound what a damaged or hostile file can cost, far above what people write.
type Limits struct {
	Bytes     int
	Items     int // of a list
	LineBytes int // bounds how deep one line can nest block sequences
	Depth     int // of brackets and braces
	Keys      int // of a mapping: the library's time grows with their square
}

// Root is the tree of a file's one document. It is nil when the file is empty, and
// when it is not YAML, breaks a limit, or uses an anchor, alias, merge key or tag,
// which is noted: a file that grants power should read as it is written.
func (r *Reader) Root(data []byte) ast.Node {
	if len(data) > r.Limits.Bytes {
		r.Note(0, "", "is %d bytes long; at most %d are read", len(data), r.Limits.Bytes)
		return nil
	}
	if line := unreadableLine(data, r.Limits.LineBytes); line > 0 {
		r.Note(line, "", "has a line of more than %d bytes, or bytes that are not UTF-8 text", r.Limits.LineBytes)
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if r.refuseTokens(tokens); len(r.Problems) > 0 {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	docs := slices.DeleteFunc(slices.Clone(file.Docs), func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch {
	case len(docs) > 1:
		r.Note(Line(docs[1].Body), "", "holds more than one YAML document; only one is read")
	case len(docs) == 1:
		return docs[0].Body
	}
	return nil
}

// refuseTokens notes what is refused before a tree is built: nesting that only an attack
// needs, and the YAML features by which a short file becomes a long one.
func (r *Reader) refuseTokens(tokens token.Tokens) {
	depth, keys := 0, keyCount{}
	for _, t := range tokens {
		if keys.add(t) > r.Limits.Keys {
			r.Note(t.Position.Line, "", "a mapping has more than %d keys", r.Limits.Keys)
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			r.Note(t.Position.Line, "", "anchors, aliases and merge keys are not supported; write the value out")
		case token.MappingKeyType:
			r.Note(t.Position.Line, "", "keys that begin with ? are not supported; write key: value")
		case token.TagType:
			r.Note(t.Position.Line, "", "YAML tags such as %s are not supported; remove it", Clip(t.Value))
		}
		if depth > r.Limits.Depth {
			r.Note(t.Position.Line, "", "brackets are nested too deep")
		}
		if len(r.Problems) > 0 {
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

func (r *Reader) syntaxError(err error) {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		r.Note(at.GetToken().Position.Line, "", "is not valid YAML: %s", at.GetMessage())
		return
	}
	r.Note(0, "", "is not valid YAML: %s", err.Error())
}

// unreadableLine returns the first line that is too long or not UTF-8, or 0.
func unreadableLine(data []byte, most int) int {
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if len(line) > most || !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
			return number
		}
	}
	return 0
}
