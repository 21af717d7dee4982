package yamlfile

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type house struct {
	Name  string           `yaml:"name"`
	Rooms int32            `yaml:"rooms"`
	Open  bool             `yaml:"open"`
	Since time.Duration    `yaml:"since"`
	Doors []door           `yaml:"doors"`
	Floor map[string]floor `yaml:"floors"`
	Never string           `yaml:"-"`
}

type door struct {
	To string `yaml:"to"`
}

func (d *door) Short() *string { return &d.To }

type floor struct {
	High bool `yaml:"high"`
	Wide bool `yaml:"wide"`
}

func (f *floor) SetDefaults() { f.Wide = true }

var (
	small = Limits{Bytes: 1000, Items: 3, LineBytes: 100, Depth: 3, Keys: 10}
	times = map[reflect.Type]Unit{reflect.TypeFor[time.Duration](): {Want: "a time such as 3h", Parse: func(text string) (int64, error) {
		d, err := time.ParseDuration(text)
		return int64(d), err
	}}}
)

func read(text string) (h house, r *Reader) {
	r = New("f.yml", small)
	r.Defaults = true
	if body := r.Root([]byte(text)); body != nil {
		r.Struct(body, &h, times)
	}
	return h, r
}

func TestStructFillsWhatIsGiven(t *testing.T) {
	got, r := read("name: \"7\"\nrooms: 3\nopen: true\nsince: 2h\ndoors: [garden, {to: street}]\nfloors: {a: {high: true}, b: }\n")
	if len(r.Problems) > 0 {
		t.Fatal(r.Problems)
	}
	want := house{
		Name: "7", Rooms: 3, Open: true, Since: 2 * time.Hour, Doors: []door{{"garden"}, {"street"}},
		Floor: map[string]floor{"a": {High: true, Wide: true}, "b": {Wide: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStructNamesEveryMistakeAtOnce(t *testing.T) {
	_, r := read("nmae: x\nrooms: many\nopen: 'yes'\nsince: 3\ndoors: street\nfloors: {a: {hgih: true}}\nrooms: 2\nNever: x\n")
	want := `f.yml:1: nmae: is not a key; the keys here are doors, floors, name, open, rooms, since
f.yml:2: rooms: must be a whole number
f.yml:3: open: must be true or false
f.yml:4: since: must be a time such as 3h
f.yml:5: doors: must be a list, not text
f.yml:6: floors.a.hgih: is not a key; the keys here are high, wide
f.yml:7: rooms: is given twice, first on line 2
f.yml:8: Never: is not a key; the keys here are doors, floors, name, open, rooms, since`
	if diff := cmp.Diff(want, r.Problems.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, p := range r.Problems {
		if !r.Noted(p.Key) {
			t.Errorf("%s is not noted", p.Key)
		}
	}
}

// TestRootRefuses has what never becomes a tree.
func TestRootRefuses(t *testing.T) {
	for says, text := range map[string]string{
		"is not valid YAML":                  "a: [",
		"more than one YAML document":        "a: 1\n---\nb: 2\n",
		"anchors, aliases and merge keys":    "a: &x 1\nb: *x\n",
		"YAML tags such as !!binary":         "a: !!binary x\n",
		"keys that begin with ?":             "? a\n: b\n",
		"brackets are nested too deep":       "a: [[[[1]]]]\n",
		"a mapping has more than 10 keys":    strings.Repeat("a: 1\n", 11),
		"a line of more than 100 bytes":      "a: " + strings.Repeat("x", 100) + "\n",
		"bytes that are not UTF-8":           "a: \xff\n",
		"is 1001 bytes long; at most 1000":   strings.Repeat("#\n", 500) + "#",
		"has 4 items; at most 3 are read":    "doors: [a, b, c, d]\n",
		"must be a mapping of keys":          "- a\n",
		"must be text; put quotes around it": "name: 7\n",
	} {
		_, r := read(text)
		if len(r.Problems) != 1 || !strings.Contains(r.Problems.Error(), says) {
			t.Errorf("%q: got %q, want %q", text, r.Problems, says)
		}
	}
}

func TestAKeyWithoutAValueIsAMistakeWhereItHasNoDefault(t *testing.T) {
	r := New("f.yml", small)
	r.Struct(r.Root([]byte("name:\n")), &house{}, times)
	if got := r.Problems.Error(); got != "f.yml:1: name: has no value; give one or remove the key" {
		t.Error(got)
	}
}

func TestOnlyANumberOfProblemsIsRead(t *testing.T) {
	ps := Problems{{File: "f", Line: 3, Message: "c"}, {File: "f", Line: 1, Message: "a"}, {File: "e", Line: 9, Message: "b"}}
	ps.Sort()
	if got := ps.First(1).Error(); got != "e:9: b\nf:1: and 2 more mistakes from here on" {
		t.Error(got)
	}
}

// FuzzStruct looks for a file that reading does not survive.
func FuzzStruct(f *testing.F) {
	f.Add("name: x\ndoors: [a, {to: b}]\nfloors: {a: {high: true}}\n")
	f.Add("a: [{b: c}]\n? x\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, r := read(text)
		for _, p := range r.Problems {
			if p.Message == "" || p.File != "f.yml" {
				t.Errorf("%+v", p)
			}
		}
	})
}
