package planjson

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctymsgpack "github.com/zclconf/go-cty/cty/msgpack"
	"google.golang.org/protobuf/encoding/protowire"
)

const keptVersion = "1.11.4"

// kept is a part of the plan file in testdata (go test -run TestWhatIsRead -update).
func kept(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func keptSchemas(t testing.TB) *Schemas {
	t.Helper()
	content := kept(t, "schemas.zip")
	s, err := OpenSchemas(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// archive is a plan file of these parts.
func archive(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i, name := range []string{"tfplan", "tfstate", "tfconfig/m-/main.tf", "tfplan"}[:len(parts)] {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(parts[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readArchive(t testing.TB, content []byte) (Plan, error) {
	t.Helper()
	return Read(bytes.NewReader(content), int64(len(content)), keptVersion, keptSchemas(t))
}

// field is one field of a message.
func field(number protowire.Number, value any) []byte {
	switch v := value.(type) {
	case int:
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), uint64(v))
	case []byte:
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), v)
	}
	panic("no field of this")
}

// withOutput is the plan with another output of this encoded value.
func withOutput(t testing.TB, value []byte) []byte {
	t.Helper()
	change := slices.Concat(field(1, 1), field(2, field(1, value)))
	return slices.Concat(kept(t, "tfplan"), field(4, slices.Concat(field(1, []byte("another")), field(2, change))))
}

func encoded(t testing.TB, v cty.Value) []byte {
	t.Helper()
	out, err := ctymsgpack.Marshal(v, cty.DynamicPseudoType)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What other programs might take otherwise, or takes more than there is, is an error.
func TestWhatIsNotWrittenAsTerraformWritesItIsAnError(t *testing.T) {
	plan, state, config := kept(t, "tfplan"), kept(t, "tfstate"), kept(t, "main.tf")
	if _, err := readArchive(t, archive(t, withOutput(t, encoded(t, cty.StringVal("fine"))), state, config)); err != nil {
		t.Fatal(err)
	}
	dynamic := func(typ string, value ...byte) []byte {
		return slices.Concat([]byte{0x92, 0xc4, byte(len(typ))}, []byte(typ), value)
	}
	announced := binary.BigEndian.AppendUint32([]byte{0xdd}, 1<<31)
	deep := cty.NullVal(cty.String)
	for range maxNesting {
		deep = cty.TupleVal([]cty.Value{deep})
	}
	tuple := slices.Concat(dynamic(`["tuple",["dynamic"]]`), []byte{0x91})
	deepest := slices.Concat(bytes.Repeat(tuple, 100_000), dynamic(`"bool"`, 0xc3))
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"no archive":                   {[]byte("PK"), "zip"},
		"the plan twice":               {archive(t, plan, state, config, plan), "twice"},
		"a zip bomb":                   {archive(t, bytes.Repeat([]byte{0}, maxPlan+1)), "too large"},
		"a state that is too large":    {archive(t, plan, bytes.Repeat([]byte{' '}, maxState+1)), "too large"},
		"an unknown field":             {archive(t, slices.Concat(plan, field(99, 1)), state, config), "99"},
		"deferred changes":             {archive(t, slices.Concat(plan, field(27, []byte{})), state, config), "27"},
		"values of the apply":          {archive(t, slices.Concat(plan, field(28, []byte("e"))), state, config), "28"},
		"the version twice":            {archive(t, slices.Concat(plan, field(1, 3)), state, config), errFormat.Error()},
		"a group":                      {archive(t, slices.Concat(plan, protowire.AppendTag(nil, 3, protowire.StartGroupType)), state, config), errFormat.Error()},
		"a long varint":                {archive(t, slices.Concat(field(1, 3)[:1], []byte{0x83, 0x00}), state, config), errFormat.Error()},
		"cut":                          {archive(t, plan[:len(plan)-1], state, config), errFormat.Error()},
		"an object twice":              {archive(t, slices.Concat(plan, firstChange(t, plan)), state, config), "changes twice"},
		"an output twice":              {archive(t, slices.Concat(withOutput(t, encoded(t, cty.True)), withOutput(t, encoded(t, cty.False))[len(plan):]), state, config), "changes twice"},
		"a value that goes on":         {archive(t, withOutput(t, append(encoded(t, cty.True), 0xc0)), state, config), ""},
		"a value in another encoding":  {archive(t, withOutput(t, dynamic(`"string"`, 0xd9, 1, 'x')), state, config), errFormat.Error()},
		"text that is not normal":      {archive(t, withOutput(t, dynamic(`"string"`, append([]byte{0xa3}, "e\u0301"...)...)), state, config), errFormat.Error()},
		"a list of 2^31 elements":      {archive(t, withOutput(t, dynamic(`["list","string"]`, announced...)), state, config), ""},
		"a number of a billion digits": {archive(t, withOutput(t, dynamic(`"number"`, append([]byte{0xac}, "1e1000000000"...)...)), state, config), ""},
		"a number of many digits":      {archive(t, withOutput(t, dynamic(`"number"`, append([]byte{0xa6}, "1e9999"...)...)), state, config), errNumber.Error()},
		"deep":                         {archive(t, withOutput(t, encoded(t, deep)), state, config), errNested.Error()},
		"deep, of any type":            {archive(t, withOutput(t, deepest), state, config), errNested.Error()},
		"a deep state":                 {archive(t, plan, []byte(strings.Replace(string(state), `"attributes": {`, `"attributes": {"any": `+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`, `, 1)), config), errNested.Error()},
		"a state with a new key":       {archive(t, plan, []byte(strings.Replace(string(state), `"version"`, `"new": 1, "version"`, 1)), config), "unknown field"},
		"a broken configuration":       {archive(t, plan, state, []byte("variable {")), "main.tf"},
		"sensitive, but who knows":     {archive(t, plan, state, []byte("variable \"x\" {\n  sensitive = local.y\n}")), "variable"},
	} {
		_, err := readArchive(t, c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	content := archive(t, plan, state, config)
	if _, err := Read(bytes.NewReader(content), int64(len(content)), "1.11.5", keptSchemas(t)); err == nil {
		t.Error("a plan of another version is read")
	}
}

// firstChange is the first change of a plan, as a field.
func firstChange(t testing.TB, plan []byte) []byte {
	t.Helper()
	m, err := planFields.parse(plan)
	if err != nil {
		t.Fatal(err)
	}
	return field(3, m.contents[3][0])
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{
		"a_b.c", "data.a_b.c[0]", `module.m["x.y[0]"].module.n[3].a.b["k\"\\\n${"]`, "module.m.data.a.b", "a.b[01]", "a.b[1.5]", "a.b[-1]", ` a.b`, `a.b["${x}"]`, `a.b["\u0041"]`,
		"a", "a.b.c", "module.m", "a[0].b", "data.a[0].b", `a.b[0][1]`, "a.b[*]", "module.a.b", "ephemeral.a.b", "", "a.b[9999999999999999999999]",
	} {
		a, err := parseAddress(text)
		valid := slices.Contains([]string{"a_b.c", "data.a_b.c[0]", "module.m.data.a.b"}, text)
		if (err == nil) != valid || err == nil && a.text != text {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
	odd := "a.b" + keyText("k \"\\\n\t${%{ $ % é\u200b\U000E0001")
	if a, err := parseAddress(odd); err != nil || a.key != "k \"\\\n\t${%{ $ % é\u200b\U000E0001" {
		t.Errorf("%s: %+v, %v", odd, a, err)
	}
}

func TestProviders(t *testing.T) {
	const aws = "registry.terraform.io/hashicorp/aws"
	for text, want := range map[string]string{
		`provider["` + aws + `"]`: aws, `provider["` + aws + `"].west`: aws, `module.a.module.b.provider["` + aws + `"]`: aws,
		`provider["terraform.io/builtin/terraform"]`: "terraform.io/builtin/terraform", `provider["host:8443/a/b"]`: "host:8443/a/b",
		"provider.aws": "", "": "", `provider["aws"]`: "", `provider["a/b/c/d"]`: "", `provider["a/b/c"`: "", `provider["a/b/c"].x.y`: "", `provider["a/b/c"]x`: "",
		`module.a[0].provider["a/b/c"]`: "", `module.provider["a/b/c"]`: "", `provider["a/b/c\""]`: "", `provider["//"]`: "",
	} {
		if got, err := providerOf(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// A difference is seen, wherever it is.
func TestDiffer(t *testing.T) {
	p, err := readArchive(t, archive(t, kept(t, "tfplan"), kept(t, "tfstate"), kept(t, "main.tf")))
	if err != nil {
		t.Fatal(err)
	}
	all := decoded(t, p.JSON)
	for name, v := range all {
		if part, err := Differ(p.JSON, raw(all)); part != "" || err != nil {
			t.Fatalf("the same differs in %s, %v", part, err)
		}
		delete(all, name)
		if part, err := Differ(p.JSON, raw(all)); part != name || err != nil {
			t.Errorf("without %s: %q, %v", name, part, err)
		}
		all[name] = v
	}
	for _, c := range [][3]string{
		{`"actions":["update"]`, `"actions":["delete"]`, "resource_changes"},
		{`"after_sensitive":{`, `"after_sensitive":{"name":true,`, "resource_changes"},
		{`"sensitive":true}`, `"sensitive":false}`, "configuration"},
		{`0.000000001`, `0.000000002`, "planned_values"},
		{`"complete":true`, `"complete":false`, "complete"},
	} {
		changed := bytes.ReplaceAll(p.JSON, []byte(c[0]), []byte(c[1]))
		part, err := Differ(p.JSON, changed)
		if part == "" || err != nil || bytes.Equal(changed, p.JSON) {
			t.Errorf("%s: %q, %v, want %s", c[1], part, err, c[2])
		}
	}
}

// FuzzDamagedPlans finds out that nothing ends the runner, and that what comes out is JSON.
func FuzzDamagedPlans(f *testing.F) {
	f.Add(kept(f, "tfplan"), kept(f, "tfstate"), kept(f, "main.tf"))
	f.Fuzz(func(t *testing.T, plan, state, config []byte) {
		if p, err := readArchive(t, archive(t, plan, state, config)); err == nil && !json.Valid(p.JSON) {
			t.Errorf("%q", p.JSON)
		}
	})
}

// FuzzDamagedPlanFiles does the same with the archive.
func FuzzDamagedPlanFiles(f *testing.F) {
	f.Add(archive(f, kept(f, "tfplan"), kept(f, "tfstate"), kept(f, "main.tf")))
	f.Fuzz(func(t *testing.T, file []byte) { _, _ = readArchive(t, file) })
}
