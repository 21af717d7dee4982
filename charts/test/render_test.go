// Package test renders the chart and looks at what Kubernetes would get. It is a module
// of its own, because Helm's engine and the types of Kubernetes are many.
package test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const dir = "../lockkeeper"

// least are the values without which there is no release.
func least() map[string]any {
	return map[string]any{
		"image":  map[string]any{"repository": "registry.example.com/lockkeeper"},
		"github": map[string]any{"appId": 123456, "existingSecret": "lockkeeper-github"},
	}
}

// with is least, changed.
func with(change map[string]any) map[string]any { return merged(least(), change) }

func merged(into, from map[string]any) map[string]any {
	for k, v := range from {
		inner, isMap := v.(map[string]any)
		if there, ok := into[k].(map[string]any); ok && isMap {
			into[k] = merged(there, inner)
			continue
		}
		into[k] = v
	}
	return into
}

func load(t testing.TB) *chart.Chart {
	t.Helper()
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rendered are the files of a release with these values, by name; the schema has
// looked at the values first, as `helm install` does.
func rendered(t testing.TB, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := load(t)
	options := common.ReleaseOptions{Name: "lockkeeper", Namespace: "infra", IsInstall: true, Revision: 1}
	given, err := util.ToRenderValues(c, values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, given)
}

// documents are the objects of a release, as YAML.
func documents(t testing.TB, values map[string]any) (out []string) {
	t.Helper()
	files, err := rendered(t, values)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, doc := range strings.Split("\n"+text, "\n---\n") {
			if strings.TrimSpace(doc) != "" {
				out = append(out, strings.TrimPrefix(doc, "\n"))
			}
		}
	}
	return out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is not what is rendered: run the tests of charts/test with -update, and read the difference", name)
	}
}

func TestWhatIsRenderedByDefault(t *testing.T) {
	files, err := rendered(t, least())
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"configmap": "../testdata/configmap.yaml", "statefulset": "../testdata/statefulset.yaml"} {
		golden(t, file, strings.TrimSpace(files["lockkeeper/templates/"+name+".yaml"])+"\n")
	}
	golden(t, "../testdata/notes.txt", files["lockkeeper/templates/NOTES.txt"])
}

// Whoever copies the values of the docs and fills in what is theirs has a release.
func TestTheValuesOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n# values.yaml;")
	text, _, _ = strings.Cut(text, "```")
	text = strings.NewReplacer("<where you pushed it>", "registry.example.com/lockkeeper", "<digest>", strings.Repeat("a", 64)).Replace("#" + text)
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil || len(values) < 4 {
		t.Fatalf("%v in\n%s", err, text)
	}
	if _, err := rendered(t, values); err != nil {
		t.Error(err)
	}
}

// Helm's own opinion of the chart.
func TestHelmFindsNothingWrong(t *testing.T) {
	for _, m := range lint.RunAll(dir, least(), "infra").Messages {
		if m.Severity > support.InfoSev {
			t.Errorf("%s: %v", m.Path, m.Err)
		}
	}
}

// What cannot work is one sentence.
func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]any
		says   string
	}{
		"two servers":              {with(map[string]any{"replicas": 2}), "replicas: SQLite has one writer"},
		"another store":            {with(map[string]any{"store": map[string]any{"kind": "postgresql"}}), "store.kind: the server has no postgresql yet"},
		"no App":                   {with(map[string]any{"github": map[string]any{"appId": 0}}), "github.appId is missing"},
		"no secret":                {with(map[string]any{"github": map[string]any{"existingSecret": ""}}), "github.existingSecret is missing"},
		"no image":                 {with(map[string]any{"image": map[string]any{"repository": ""}}), "image.repository is missing"},
		"an address of its own":    {with(map[string]any{"config": map[string]any{"listen": ":1"}}), "config.listen is set by the chart"},
		"an App in two places":     {with(map[string]any{"config": map[string]any{"github": map[string]any{"app_id": 1}}}), "config.github.app_id is set by the chart"},
		"an Ingress without host":  {with(map[string]any{"ingress": map[string]any{"enabled": true}}), "ingress.host is missing"},
		"a route without gateway":  {with(map[string]any{"httpRoute": map[string]any{"enabled": true}}), "httpRoute.parentRefs is missing"},
		"a key that is not there":  {with(map[string]any{"replica": 1}), "replica"},
		"a size without unit":      {with(map[string]any{"persistence": map[string]any{"size": "20"}}), "/persistence/size"},
		"a digest of another kind": {with(map[string]any{"image": map[string]any{"digest": "v1"}}), "/image/digest"},
		"a time without unit":      {with(map[string]any{"drain": "30"}), "/drain"},
		"an id in quotes":          {with(map[string]any{"github": map[string]any{"appId": "123"}}), "/github/appId"},
		"a path without slash":     {with(map[string]any{"ingress": map[string]any{"extraPaths": []any{"x"}}}), "/ingress/extraPaths/0"},
	} {
		if _, err := rendered(t, c.values); err == nil || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
}
