package planjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
	"github.com/zclconf/go-cty/cty"
	ctymsgpack "github.com/zclconf/go-cty/cty/msgpack"
)

// Bounds of one value. Go cannot recover from an exhausted stack, and a short text can
// stand for a number with a billion digits.
const (
	maxValue    = 4 << 20 // bytes, encoded
	maxNesting  = 300
	maxExponent = 4096 // of two
)

var (
	errNested = errors.New("a value in it is nested too deep")
	errNumber = errors.New("a number in it is too large")
)

// decode reads a value of a type, and makes sure that there is no other way to write it:
// what this takes for one value no other program takes for another.
func decode(encoded []byte, t cty.Type) (cty.Value, error) {
	if len(encoded) == 0 || len(encoded) > maxValue {
		return cty.NilVal, fmt.Errorf("a value in it has %d bytes", len(encoded))
	}
	d := msgpack.NewDecoder(bytes.NewReader(encoded))
	if err := whole(d, 0); err != nil {
		return cty.NilVal, err
	}
	v, err := ctymsgpack.Unmarshal(encoded, t)
	if err != nil {
		return cty.NilVal, fmt.Errorf("a value in it does not fit its type: %w", err)
	}
	if err := bounded(v); err != nil {
		return cty.NilVal, err
	}
	again, err := ctymsgpack.Marshal(v, t)
	if err != nil || !bytes.Equal(again, encoded) {
		return cty.NilVal, errors.Join(errFormat, err)
	}
	return v, nil
}

// whole walks through an encoded value that has as much as it announces.
func whole(d *msgpack.Decoder, depth int) error {
	if depth > maxNesting {
		return errNested
	}
	code, err := d.PeekCode()
	if err != nil {
		return err
	}
	elements := 0
	switch {
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		elements, err = d.DecodeArrayLen()
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		elements, err = d.DecodeMapLen()
		elements *= 2
	default:
		return d.Skip()
	}
	for ; err == nil && elements > 0; elements-- {
		err = whole(d, depth+1)
	}
	return err
}

// bounded makes sure that every number in a value can be written down.
func bounded(v cty.Value) error {
	return cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number {
			return true, boundedNumber(v.AsBigFloat())
		}
		return true, nil
	})
}

func boundedNumber(n *big.Float) error {
	if e := n.MantExp(nil); n.IsInf() || e > maxExponent || e < -maxExponent {
		return errNumber
	}
	return nil
}

// plain is a value as JSON has it, without what is unknown; ok is false when it is unknown as a whole.
func plain(v cty.Value) (out any, ok bool) {
	t := v.Type()
	switch {
	case !v.IsKnown():
		return nil, false
	case v.IsNull():
		return nil, true
	case t == cty.String:
		return v.AsString(), true
	case t == cty.Bool:
		return v.True(), true
	case t == cty.Number:
		return json.Number(v.AsBigFloat().Text('f', -1)), true
	case t.IsMapType() || t.IsObjectType():
		object := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if is, ok := plain(e); ok {
				object[k.AsString()] = is
			}
		}
		return object, true
	}
	list := []any{}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		is, _ := plain(e) // the place of an element tells which one is unknown
		list = append(list, is)
	}
	return list, true
}

// tree has true in the place of every part of a value that is marked, in the value's
// shape. Of objects and maps only those parts are there. inside tells whether a part is
// looked into; else what it is as a whole.
func tree(v cty.Value, inside func(cty.Value) (whole any, inside bool)) any {
	if whole, inside := inside(v); !inside {
		return whole
	}
	if t := v.Type(); t.IsMapType() || t.IsObjectType() {
		object := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if is := tree(e, inside); is != false {
				object[k.AsString()] = is
			}
		}
		return object
	}
	list := []any{}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		list = append(list, tree(e, inside))
	}
	return list
}

// unknown tells which parts of a value are not known yet.
func unknown(v cty.Value) any {
	return tree(v, func(v cty.Value) (any, bool) {
		if !v.IsKnown() {
			return true, false
		}
		return false, !v.IsNull() && !v.Type().IsPrimitiveType()
	})
}

// secret marks what is sensitive in a value.
type secret struct{}

// sensitive tells which parts of a value are, by their paths.
func sensitive(v cty.Value, paths []cty.Path) any {
	if len(paths) > 0 {
		marks := make([]cty.PathValueMarks, len(paths))
		for i, p := range paths {
			marks[i] = cty.PathValueMarks{Path: p, Marks: cty.NewValueMarks(secret{})}
		}
		v = v.MarkWithPaths(marks)
	}
	return tree(v, func(v cty.Value) (any, bool) {
		t := v.Type()
		switch {
		case v.IsMarked():
			return true, false
		case v.IsNull(), t.IsPrimitiveType(), t == cty.DynamicPseudoType:
			return false, false
		case v.IsKnown():
			return nil, true
		case t.IsMapType() || t.IsObjectType():
			return map[string]any{}, false
		}
		return []any{}, false
	})
}

// raw is JSON of what plain and tree make, which always encodes.
func raw(v any) json.RawMessage {
	out, _ := json.Marshal(v)
	return out
}
