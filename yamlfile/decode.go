package yamlfile

import (
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Unit is a number that is written as text, such as a time or a size.
type Unit struct {
	Want  string // goes on after "must be "
	Parse func(text string) (int64, error)
}

// Short is a struct that may be written as one text, which goes to where Short points.
type Short interface{ Short() *string }

// Defaulted is a value of a mapping with free names that is not zero when its keys are
// left out.
type Defaulted interface{ SetDefaults() }

// Struct fills the struct that into points to, by the yaml tags of its fields, and goes
// on after a mistake. The tag want of a text goes on after "must be " where it is none. It does not repeat values: one may be a secret in the wrong place.
func (r *Reader) Struct(n ast.Node, into any, units map[reflect.Type]Unit) {
	d := &decoder{r, units}
	d.value(n, "", reflect.ValueOf(into).Elem())
}

type decoder struct {
	*Reader
	units map[reflect.Type]Unit
}

// value decodes one node.
func (d *decoder) value(n ast.Node, key string, into reflect.Value) {
	if isNothing(n) {
		return
	}
	if s, isShort := into.Addr().Interface().(Short); isShort && Kind(n) != "a mapping" {
		d.scalar(n, key, reflect.ValueOf(s.Short()).Elem())
		return
	}
	unit, isUnit := d.units[into.Type()]
	switch {
	case isUnit:
		d.unit(n, key, unit, into)
	case into.Kind() == reflect.Struct:
		d.Mapping(n, key, d.fields(into))
	case into.Kind() == reflect.Map:
		into.Set(reflect.MakeMap(into.Type()))
		d.Each(n, key, func(name, path string, _ int, value ast.Node) { d.entry(name, path, value, into) })
	case into.Kind() == reflect.Slice:
		d.list(n, key, into)
	default:
		d.scalar(n, key, into)
	}
}

// fields reads a struct's, by their keys.
func (d *decoder) fields(into reflect.Value) map[string]Read {
	known := map[string]Read{}
	for field, value := range into.Fields() {
		if name := KeyOf(field); name != "" {
			want := field.Tag.Get("want")
			known[name] = func(n ast.Node, key string) {
				if want != "" && Kind(n) != "text" {
					d.wrong(n, key, want)
					return
				}
				d.value(n, key, value)
			}
		}
	}
	return known
}

func (d *decoder) entry(name, path string, n ast.Node, into reflect.Value) {
	element := reflect.New(into.Type().Elem())
	if e, ok := element.Interface().(Defaulted); ok {
		e.SetDefaults()
	}
	d.value(n, path, element.Elem())
	into.SetMapIndex(reflect.ValueOf(name), element.Elem())
}

func (d *decoder) list(n ast.Node, key string, into reflect.Value) {
	items := reflect.MakeSlice(into.Type(), 0, 0)
	d.Items(n, key, d.Limits.Items, func(item ast.Node, path string) {
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(item, path, element)
		items = reflect.Append(items, element)
	})
	into.Set(items)
}

func (d *decoder) scalar(n ast.Node, key string, into reflect.Value) {
	switch into.Kind() {
	case reflect.String:
		text, isText := Text(n)
		if !isText {
			d.wrong(n, key, "text; put quotes around it")
			return
		}
		into.SetString(text)
	case reflect.Bool:
		b, isBool := n.(*ast.BoolNode)
		if !isBool {
			d.wrong(n, key, "true or false")
			return
		}
		into.SetBool(b.Value)
	default:
		var number int64
		if n.Type() != ast.IntegerType || yaml.NodeToValue(n, &number) != nil || into.OverflowInt(number) {
			d.wrong(n, key, "a whole number")
			return
		}
		into.SetInt(number)
	}
}

func (d *decoder) unit(n ast.Node, key string, unit Unit, into reflect.Value) {
	text, _ := Text(n)
	number, err := unit.Parse(text)
	if err != nil {
		d.wrong(n, key, unit.Want)
	}
	into.SetInt(number)
}

func (d *decoder) wrong(n ast.Node, key, want string) {
	d.Note(Line(n), key, "must be %s", want)
}

// KeyOf is the key of a struct's field; "" is a field that no key fills.
func KeyOf(f reflect.StructField) string {
	if name := f.Tag.Get("yaml"); name != "-" {
		return name
	}
	return ""
}

// KeysOf lists the keys of a struct.
func KeysOf(t reflect.Type) (keys []string) {
	for f := range t.Fields() {
		if name := KeyOf(f); name != "" {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}
