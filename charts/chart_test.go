// Package charts checks of the Helm chart what needs no Helm: test/ renders it.
package charts

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/lockkeeper/lockkeeper/config"
)

var update = flag.Bool("update", false, "rewrite the chart's README")

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What the chart makes the server's config is one that the server takes. The secrets
// are mounted where it names them.
func TestTheServerTakesTheConfigOfTheChart(t *testing.T) {
	var rendered struct {
		Data map[string]string `yaml:"data"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "testdata/configmap.yaml")), &rendered); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := rendered.Data["server.yml"]
	text = strings.NewReplacer("/var/lib/lockkeeper/data", filepath.Join(dir, "data"), "/etc/lockkeeper/github", dir).Replace(text)
	file := filepath.Join(dir, "server.yml")
	err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Mkdir(filepath.Join(dir, "data"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, config.Sources{Env: os.Getenv})
	var wrong config.Problems
	if errors.As(err, &wrong) {
		for _, p := range wrong {
			if p.Key != "github.private_key_file" && p.Key != "github.webhook_secret_file" { // which are no secrets here
				t.Errorf("%s: %s", p.Key, p.Message)
			}
		}
	}
	if len(wrong) != 2 {
		t.Errorf("%v, %+v", err, cfg)
	}
}

// entry is a key of values.yaml, with what the lines above it say.
type entry struct{ key, about, value string }

// entries are the keys of values.yaml that have an explanation, in its order.
func entries(t *testing.T) (out []entry) {
	t.Helper()
	file, err := parser.ParseBytes([]byte(read(t, "lockkeeper/values.yaml")), parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, n ast.Node)
	walk = func(prefix string, n ast.Node) {
		m, ok := n.(*ast.MappingNode)
		if !ok {
			return
		}
		for _, v := range m.Values {
			key := prefix + v.Key.String()
			about := ""
			if c := v.GetComment(); c != nil {
				_, about, _ = strings.Cut(c.String(), "# -- ")
			}
			if about != "" {
				var value any
				if err := yaml.NodeToValue(v.Value, &value); err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, entry{key, about, string(text)})
				if strings.Contains(string(text), "{") && !strings.HasPrefix(key, "customCA") && !strings.HasPrefix(key, "proxy") {
					continue
				}
			}
			walk(key+".", v.Value)
		}
	}
	walk("", file.Docs[0].Body)
	return out
}

// The chart's README is the values and what they mean.
func TestTheReadmeHasTheValues(t *testing.T) {
	const begins = "| value | default | meaning |\n|---|---|---|\n"
	page := read(t, "lockkeeper/README.md")
	before, _, found := strings.Cut(page, begins)
	if !found {
		t.Fatal("README.md has no table of values")
	}
	var b strings.Builder
	for _, e := range entries(t) {
		value := e.value
		if len(value) > 60 {
			value = "see values.yaml"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", e.key, strings.ReplaceAll(value, "|", `\|`), strings.ReplaceAll(e.about, "|", `\|`))
	}
	if want := before + begins + b.String(); want != page {
		if !*update {
			t.Fatal("lockkeeper/README.md is not what values.yaml says: run `make update`")
		}
		if err := os.WriteFile("lockkeeper/README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A value that the schema does not know is refused, and one that is not in values.yaml
// is explained nowhere.
func TestValuesAndSchemaHaveTheSameKeys(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "lockkeeper/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, "lockkeeper/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var compare func(at string, values map[string]any, schema map[string]any)
	compare = func(at string, values, schema map[string]any) {
		properties, closed := schema["properties"].(map[string]any)
		if !closed {
			return // as Kubernetes has it
		}
		known := slices.DeleteFunc(slices.Sorted(maps.Keys(properties)), func(key string) bool { return at+key == "global" })
		if has := slices.Sorted(maps.Keys(values)); !slices.Equal(has, known) {
			t.Errorf("%s: values.yaml has %v, the schema %v", at, has, known)
		}
		for key, value := range values {
			inner, isMap := value.(map[string]any)
			property, _ := properties[key].(map[string]any)
			if isMap && property != nil {
				compare(at+key+".", inner, property)
			}
		}
	}
	compare("", values, schema)
}

// Alerts and dashboard ask for metrics that there are.
func TestAlertsAskForMetricsThatThereAre(t *testing.T) {
	page := read(t, "../docs/operations.md")
	asked := 0
	for _, file := range []string{"lockkeeper/files/alerts.yaml", "lockkeeper/files/dashboard.json"} {
		for _, name := range regexp.MustCompile(`lockkeeper_[a-z_]+`).FindAllString(read(t, file), -1) {
			asked++
			if !strings.Contains(page, "`"+strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s asks for %s, which docs/operations.md does not know", file, name)
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d names were looked at", asked)
	}
	var dashboard struct{ Panels []struct{ Title string } }
	if err := json.Unmarshal([]byte(read(t, "lockkeeper/files/dashboard.json")), &dashboard); err != nil || len(dashboard.Panels) < 8 {
		t.Errorf("the dashboard has %d panels, %v", len(dashboard.Panels), err)
	}
}
