package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	goodSecret = "0123456789abcdef0123456789abcdef"
	schemaFile = "../../docs/server-config.schema.json"
	docsFile   = "../../docs/server-config.md"
	minimal    = "data_dir: data\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: secret}\n"
)

var newKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
})

// load writes a config with its secrets beside it and loads it.
func load(t *testing.T, text string, env map[string]string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"terraform-1.11.4", "tofu-1.10.1"} {
		if err := os.WriteFile(filepath.Join(dir, program), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"server.yml": text, "key.pem": string(newKey()), "secret": goodSecret + "\n", "short": goodSecret[1:], "empty": "", "old": strings.Repeat("o", 40)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(dir, "server.yml"), func(name string) string { return env[name] })
}

func TestLoadFillsInDefaults(t *testing.T) {
	cfg, err := load(t, minimal, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(cfg.DataDir) || filepath.Base(cfg.DataDir) != "data" {
		t.Errorf("data_dir is %q", cfg.DataDir)
	}
	if string(newKey()) != cfg.GitHub.PrivateKey.Reveal()+"\n" {
		t.Error("the private key is not the file's")
	}
	if diff := cmp.Diff([]string{goodSecret}, cfg.GitHub.WebhookSecrets()); diff != "" {
		t.Error(diff)
	}
	cfg.DataDir, cfg.GitHub = "", GitHub{URL: cfg.GitHub.URL, APIURL: cfg.GitHub.APIURL}
	if want := defaults(); !reflect.DeepEqual(want, cfg) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
	if cfg.Listen != "127.0.0.1:8080" || cfg.Limits.TerraformProcesses != runtime.NumCPU()+2 || cfg.Limits.JobTimeout != 30*time.Minute ||
		cfg.Limits.PlanFileBytes != 50<<20 || cfg.Limits.WebhookBodyBytes != 25<<20 || !cfg.Autoplan.Enabled || cfg.Autoplan.Drafts || cfg.Log.ZerologLevel() != zerolog.InfoLevel {
		t.Errorf("the documented defaults have changed: %+v", cfg)
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	cfg, err := load(t, strings.ReplaceAll(example(t), "/usr/local/bin/", ""), map[string]string{"LOCKKEEPER_PRIVATE_KEY": string(newKey()), "LOCKKEEPER_SECRET": goodSecret, "DEV_TOKEN": "t"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Limits.JobTimeout != 45*time.Minute || cfg.Limits.PlanFileBytes != 20<<20 || cfg.Autoplan.Enabled || !slices.Contains(cfg.Repositories, "example/*") {
		t.Errorf("%+v", cfg)
	}
	if b := cfg.Terraform.Binaries; len(b) != 2 || !filepath.IsAbs(b[0]) || filepath.Base(b[0]) != "terraform-1.11.4" || filepath.Base(b[1]) != "tofu-1.10.1" {
		t.Errorf("the binaries are %q, want two, beside the config file and in its order", b)
	}
	if cfg.Log.ZerologLevel() != zerolog.DebugLevel || cfg.Environments["dev"].BackendConfig["key"] == "" {
		t.Errorf("%+v", cfg)
	}
}

func TestRotationAcceptsTwoSecrets(t *testing.T) {
	cfg, err := load(t, strings.Replace(minimal, "secret}", "secret, previous_webhook_secret_env: OLD}", 1), map[string]string{"OLD": strings.Repeat("o", 32)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{goodSecret, strings.Repeat("o", 32)}, cfg.GitHub.WebhookSecrets()); diff != "" {
		t.Error(diff)
	}
}

// mistakes are files with one mistake each, and what must be said.
var mistakes = []struct{ name, text, says string }{
	{"empty file", "", "data_dir: is missing"},
	{"not YAML", "a: [", "is not valid YAML"},
	{"a list", "- a", "must be keys with values"},
	{"two documents", minimal + "---\nlisten: a", "more than one YAML document"},
	{"unknown key", minimal + "listn: a", "listn: is not a key here; known are artifacts"},
	{"unknown nested key", minimal + "log: {colour: red}", "log.colour: is not a key here; known are format, level"},
	{"key twice", minimal + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "listen: is given twice"},
	{"secret in the file", strings.Replace(minimal, "secret}", "secret, webhook_secret: x}", 1), "github.webhook_secret: is not a key here"},
	{"number as text", minimal + "listen: 8080", "listen: must be text"},
	{"text as number", "data_dir: d\ngithub: {app_id: one, private_key_file: key.pem, webhook_secret_file: secret}", "github.app_id: must be a whole number"},
	{"text as switch", minimal + "autoplan: {enabled: 'yes'}", "autoplan.enabled: must be true or false"},
	{"text as list", minimal + "repositories: a/b", "repositories: must be a list"},
	{"text as mapping", minimal + "limits: none", "limits: must be keys with values"},
	{"time without unit", minimal + "limits: {job_timeout: 30}", "limits.job_timeout: must be a time such as 30m"},
	{"time too short", minimal + "limits: {job_timeout: 1s}", "limits.job_timeout: must be from 1m to 24h"},
	{"size without unit", minimal + "limits: {plan_file_bytes: 50}", "limits.plan_file_bytes: must be a size"},
	{"size of another kind", minimal + "limits: {plan_file_bytes: 50MB}", "limits.plan_file_bytes: must be a size"},
	{"size overflow", minimal + "limits: {plan_file_bytes: 999999999999GiB}", "limits.plan_file_bytes: must be a size"},
	{"body over GitHub's", minimal + "limits: {webhook_body_bytes: 26MiB}", "must be from 1MiB to 25MiB"},
	{"no processes", minimal + "limits: {terraform_processes: 0}", "limits.terraform_processes: must be from 1"},
	{"no projects", minimal + "limits: {projects_per_run: 0}", "limits.projects_per_run: must be from 1"},
	{"address", minimal + "listen: localhost", "listen: must be an address"},
	{"port", minimal + "listen: localhost:99999", "listen: must be an address"},
	{"URL with credentials", "data_dir: d\ngithub: {app_id: 1, api_url: 'https://u:p@a/', private_key_file: key.pem, webhook_secret_file: secret}", "github.api_url: must be a URL"},
	{"store", minimal + "store: mysql", "store: must be sqlite"},
	{"artifacts", minimal + "artifacts: ftp", "artifacts: must be directory"},
	{"engine", minimal + "engine: cloud", "engine: must be local"},
	{"repository", minimal + "repositories: [a/b, 'a/*', '*/b']", "repositories[2]: must be owner/name"},
	{"no App", "data_dir: d\ngithub: {private_key_file: key.pem, webhook_secret_file: secret}", "github.app_id: is missing"},
	{"no private key", "data_dir: d\ngithub: {app_id: 1, webhook_secret_file: secret}", "github.private_key_file: is missing"},
	{"private key of junk", "data_dir: d\ngithub: {app_id: 1, private_key_file: secret, webhook_secret_file: secret}", "does not hold the PEM file"},
	{"no secret", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem}", "github.webhook_secret_file: is missing"},
	{"secret of 31 bytes", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: short}", "holds a secret of 31 bytes"},
	{"empty secret", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: empty}", "names an empty file"},
	{"secret file that is not there", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: gone}", "github.webhook_secret_file: cannot be used"},
	{"secret variable that is not set", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_env: GONE}", `"GONE", which is not set`},
	{"secret twice", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: secret, webhook_secret_env: X}", "stands beside github.webhook_secret_file"},
	{"previous secret too short", strings.Replace(minimal, "secret}", "secret, previous_webhook_secret_file: short}", 1), "github.previous_webhook_secret_file: holds a secret of 31 bytes"},
	{"terraform binary that is no program", minimal + "terraform: {binaries: [terraform-1.11.4, secret]}", "terraform.binaries[1]: must be the path of a program"},
	{"terraform binary that is not there", minimal + "terraform: {binaries: [gone]}", "terraform.binaries[0]: must be the path of a program"},
	{"terraform binary without a name", minimal + "terraform: {binaries: ['']}", "terraform.binaries[0]: must be the path of a program"},
	{"level", minimal + "log: {level: loud}", "log.level: must be"},
	{"format", minimal + "log: {format: xml}", "log.format: must be json or console"},
	{"default environment", minimal + "default_environment: dev", "default_environment: is not one of environments"},
	{"environment name", minimal + "environments: {'a b': {}}", "environments.a b: must be a name"},
	{"variable name", minimal + "environments: {d: {variables: {a-b: {value: x}}}}", "must be the name of an environment variable"},
	{"variable of the job", minimal + "environments: {d: {variables: {TF_CLI_ARGS: {value: x}}}}", "is set by the server for each job"},
	{"variable without source", minimal + "environments: {d: {variables: {A: {for: plan}}}}", "needs exactly one of env, file and value"},
	{"variable with two sources", minimal + "environments: {d: {variables: {A: {env: B, value: x}}}}", "needs exactly one of env, file and value"},
	{"variable for nobody", minimal + "environments: {d: {variables: {A: {value: x, for: me}}}}", "environments.d.variables.A.for: must be plan, apply or both"},
	{"variable that is not set", minimal + "environments: {d: {variables: {A: {env: GONE}}}}", "environment variable GONE of the server is not set"},
	{"placeholder", minimal + "environments: {d: {backend_config: {key: '{branch}/x'}}}", "holds a placeholder that is none of"},
	{"terraform variable twice", minimal + "environments: {d: {variables: {TF_VAR_a: {value: x}}, terraform_variables: {a: y}}}", "is also TF_VAR_a of variables"},
}

func TestLoadNamesTheMistake(t *testing.T) {
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.text, nil)
			var problems Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %q", err, tt.says)
			}
			if tt.text != "" && len(problems) != 1 {
				t.Errorf("one mistake is told as %d:\n%v", len(problems), err)
			}
			if strings.Contains(err.Error(), goodSecret[1:]) {
				t.Errorf("the message holds a secret: %v", err)
			}
		})
	}
}

func TestLoadNamesAllMistakesAtOnce(t *testing.T) {
	const text = `listen: 8080
listn: a
github:
  app_id: one
  private_key_env: KEY
  webhook_secret_file: short
limits:
  job_timeout: 30
  plan_file_bytes: 50MB
  projects_per_run: 0
repositories: [a, b/c, 7]
default_environment: prod
environments:
  dev:
    variables: {TOKEN: {env: DEV_TOKEN, for: me}, PATH: {value: /bin}}
    backend_config: {key: "{branch}"}
log: {level: loud}
`
	_, err := load(t, text, nil)
	if err == nil {
		t.Fatal("want an error")
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for i := range problems {
		problems[i].File = "server.yml"
	}
	got := problems.Error() + "\n"
	const file = "testdata/mistakes.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(go test ./server/config -update rewrites it)\n%s", diff)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "gone.yml"), os.Getenv)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestResolveGivesVariablesToWhoNeedsThem(t *testing.T) {
	e := Environment{
		Variables: map[string]Variable{
			"ALL": {Value: "a"}, "BOTH": {Value: "b", For: "both"}, "PLAN": {Env: "READ", For: "plan"}, "APPLY": {Env: "WRITE", For: "apply"},
		},
		TerraformVariables: map[string]string{"region": "r"},
	}
	env := map[string]string{"READ": "read", "WRITE": "write"}
	getenv := func(name string) string { return env[name] }
	plan := map[string]string{"ALL": "a", "BOTH": "b", "PLAN": "read", "TF_VAR_region": "r"}
	apply := map[string]string{"ALL": "a", "BOTH": "b", "APPLY": "write", "TF_VAR_region": "r"}
	for kind, want := range map[string]map[string]string{"plan": plan, "exec": plan, "apply": apply, "deploy": apply, "ephemeral": apply, "destroy": apply} {
		got, err := e.Resolve(kind, getenv)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	if got, err := e.Resolve("frobnicate", getenv); err == nil || got != nil {
		t.Errorf("an unknown kind gets %v", got)
	}
	delete(env, "READ")
	if _, err := e.Resolve("plan", getenv); err == nil || !strings.Contains(err.Error(), "READ") {
		t.Errorf("a variable that is gone gives %v", err)
	}
	if _, err := (Environment{}).Resolve("plan", getenv); err != nil {
		t.Errorf("an empty environment gives %v", err)
	}
}

// T27: a secret cannot get out by accident.
func TestT27SecretIsNeverShown(t *testing.T) {
	s := NewSecret(goodSecret)
	hidden := struct{ inner struct{ s Secret } }{struct{ s Secret }{s}}
	cfg := Config{GitHub: GitHub{WebhookSecret: s}}
	var out strings.Builder
	if text, err := yaml.Marshal(map[string]Secret{"s": s}); err != nil || !strings.Contains(string(text), redacted) {
		t.Errorf("YAML shows %q, %v", text, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, s); got != redacted {
			t.Errorf("%s shows %q", verb, got)
		}
		for _, value := range []any{s, &s, hidden, cfg, []Secret{s}, map[string]Secret{"a": s}} {
			fmt.Fprintf(&out, verb, value)
		}
	}
	for _, value := range []any{s, cfg, []Secret{s}} {
		j, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		y, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
		out.Write(y)
	}
	log := zerolog.New(&out)
	log.Info().Interface("s", s).Any("cfg", cfg).Stringer("t", s).Msg("")
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "cfg", cfg)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "cfg", cfg)
	for _, bad := range []string{goodSecret, fmt.Sprintf("%x", goodSecret), fmt.Sprintf("%X", goodSecret), strings.Trim(fmt.Sprint([]byte(goodSecret)), "[]")} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("a secret got out:\n%s", out.String())
		}
	}
	if reflect.TypeFor[Secret]().Comparable() {
		t.Error("secrets can be compared with ==")
	}
	if s.Reveal() != goodSecret || (Secret{}).Reveal() != "" {
		t.Error("Reveal does not give the value")
	}
}
