package planjson

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is what a field of a message holds.
type kind int

const (
	number  kind = iota // a varint, at most once
	content             // text, bytes or a message, at most once
	many                // content, any number of times
)

// fields are those that a message may have. Another one means that this is a version
// of the format that is not known here.
type fields map[protowire.Number]kind

// message is what a message has.
type message struct {
	numbers  map[protowire.Number]uint64
	contents map[protowire.Number][][]byte
}

var errFormat = errors.New("it is not written as terraform writes it")

// parse reads a message that has these fields and no other.
func (f fields) parse(from []byte) (message, error) {
	m := message{map[protowire.Number]uint64{}, map[protowire.Number][][]byte{}}
	for len(from) > 0 {
		field, wire, n := protowire.ConsumeTag(from)
		if n < 0 || n != protowire.SizeTag(field) {
			return m, errFormat
		}
		from = from[n:]
		is, known := f[field]
		if !known {
			return m, fmt.Errorf("it has a field %d, which is not known here", field)
		}
		switch {
		case is == number && wire == protowire.VarintType:
			v, n := protowire.ConsumeVarint(from)
			if _, twice := m.numbers[field]; n < 0 || n != protowire.SizeVarint(v) || twice {
				return m, errFormat
			}
			m.numbers[field], from = v, from[n:]
		case is != number && wire == protowire.BytesType:
			v, n := protowire.ConsumeBytes(from)
			if n < 0 || n != protowire.SizeBytes(len(v)) || is == content && len(m.contents[field]) > 0 {
				return m, errFormat
			}
			m.contents[field], from = append(m.contents[field], v), from[n:]
		default:
			return m, errFormat
		}
	}
	return m, nil
}

// bytes is a field that is there at most once.
func (m message) bytes(field protowire.Number) []byte {
	if all := m.contents[field]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// has reports whether a field is there, if only empty.
func (m message) has(field protowire.Number) bool { return len(m.contents[field]) > 0 }

// text is a field that holds text.
func (m message) text(field protowire.Number) (string, error) {
	b := m.bytes(field)
	if !utf8.Valid(b) {
		return "", errFormat
	}
	return string(b), nil
}

// truth is a field that is true or false.
func (m message) truth(field protowire.Number) (bool, error) {
	v := m.numbers[field]
	if v > 1 {
		return false, errFormat
	}
	return v == 1, nil
}

// named is the entry of a list of words that a field holds the index of. An empty one is
// no word.
func (m message) named(field protowire.Number, words []string) (string, error) {
	v := m.numbers[field]
	if v >= uint64(len(words)) || words[v] == "" {
		return "", fmt.Errorf("it has the number %d where none like it is known", v)
	}
	return words[v], nil
}
