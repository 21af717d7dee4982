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

	"filippo.io/age"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	goodSecret = "0123456789abcdef0123456789abcdef"
	schemaFile = "../docs/server-config.schema.json"
	docsFile   = "../docs/server-config.md"
	minimal    = "data_dir: data\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: secret}\n"
)

var newKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
})

var newEncryptionKey = sync.OnceValue(func() string {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	return "# public key: " + key.Recipient().String() + "\n" + key.String() + "\n"
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
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"data/age-key": newEncryptionKey(), "server.yml": text, "key.pem": string(newKey()), "secret": goodSecret + "\n", "short": goodSecret[1:], "empty": "", "old": strings.Repeat("o", 40), "age-key": newEncryptionKey()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(dir, "server.yml"), Sources{Env: func(name string) string { return env[name] }, AWS: secretsManager})
}

// secretsManager has what a few names say, and tells of anything else that it
// is not there.
func secretsManager(region, name string) (string, error) {
	value, ok := map[string]string{
		"key": string(newKey()), "secret": goodSecret + "\n", "old": strings.Repeat("o", 32), "short": goodSecret[1:], "empty": "\n",
		"region": strings.Repeat(region, 4), "lockkeeper/server/private-key": string(newKey()), "lockkeeper/server/webhook-secret": goodSecret,
		"age-key": newEncryptionKey(), "age-recipient": strings.TrimPrefix(strings.Split(newEncryptionKey(), "\n")[0], "# public key: "),
	}[name]
	if !ok {
		return "", fmt.Errorf("%q is not there", name)
	}
	return value, nil
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
	cfg.DataDir, cfg.GitHub = "", GitHub{URL: cfg.GitHub.URL, APIURL: cfg.GitHub.APIURL, WritesPerMinute: cfg.GitHub.WritesPerMinute, WritesPerHour: cfg.GitHub.WritesPerHour}
	if want := defaults(); !reflect.DeepEqual(want, cfg) {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
	if cfg.Listen != "127.0.0.1:8080" || cfg.Limits.TerraformProcesses != runtime.NumCPU()+2 || cfg.Limits.JobTimeout != 30*time.Minute ||
		cfg.Limits.PlanFileBytes != 50<<20 || cfg.Limits.WebhookBodyBytes != 25<<20 || cfg.Isolation != IsolationRequired || cfg.Limits.JobProcesses != 1024 || cfg.Limits.JobOpenFiles != 8192 || cfg.Limits.JobDisk != 5<<30 || !cfg.Autoplan.Enabled || cfg.Autoplan.Drafts || cfg.Log.ZerologLevel() != zerolog.InfoLevel {
		t.Errorf("the documented defaults have changed: %+v", cfg)
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	cfg, err := load(t, strings.ReplaceAll(example(t), "/usr/local/bin/", ""), map[string]string{"LOCKKEEPER_PRIVATE_KEY": string(newKey()), "LOCKKEEPER_SECRET": goodSecret, "LOCKKEEPER_ENCRYPTION_KEY": newEncryptionKey(), "DEV_TOKEN": "t"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Limits.JobTimeout != 45*time.Minute || cfg.Limits.PlanFileBytes != 20<<20 || cfg.Autoplan.Enabled || !slices.Contains(cfg.RepositoryNames(), "example/*") {
		t.Errorf("%+v", cfg)
	}
	if b := cfg.Terraform.Binaries; len(b) != 2 || !filepath.IsAbs(b[0]) || filepath.Base(b[0]) != "terraform-1.11.4" || filepath.Base(b[1]) != "tofu-1.10.1" {
		t.Errorf("the binaries are %q, want two, beside the config file and in its order", b)
	}
	if cfg.Log.ZerologLevel() != zerolog.DebugLevel || cfg.Environments["dev"].BackendConfig["key"] == "" {
		t.Errorf("%+v", cfg)
	}
	if cfg.Isolation != IsolationRequired || cfg.Limits.JobMemory != 2<<30 || cfg.Limits.JobProcesses != 512 || cfg.Limits.JobOpenFiles != 4096 || cfg.Limits.JobDisk != 10<<30 {
		t.Errorf("%q %+v", cfg.Isolation, cfg.Limits)
	}
	if diff := cmp.Diff([]string{"/srv"}, cfg.Environments["dev"].Directories.Read); diff != "" {
		t.Error(diff)
	}
	prod := Policy{
		ApprovalOf: "plan", NewProjects: "none",
		Approvals: 2, CodeOwners: true, ApprovedBy: []string{"example/platform"}, Plan: []string{"example/engineers"}, Apply: []string{"example/platform", "ana"},
		Unlock: []string{"example/platform"}, Override: []string{"example/security"}, Current: "strict", RequiredChecks: []string{"build"},
		ProtectedResourceTypes: []string{"aws_db_*", "aws_s3_bucket"}, ProtectedApprovals: 3, MaxPlanAge: Period(24 * time.Hour), AllowApply: true, Buttons: true,
	}
	dev := Policy{ApprovalOf: "plan", NewProjects: "none", Current: "off", MaxPlanAge: Period(168 * time.Hour), AllowDraft: true, AllowApply: true, Buttons: true}
	for name, want := range map[string]Policy{"prod": prod, "dev": dev} {
		if diff := cmp.Diff(want, cfg.Environments[name].Policy); diff != "" {
			t.Errorf("policy of %s (-want +got):\n%s", name, diff)
		}
	}
	if want := (Locks{At: "plan", ExpireAfter: Period(720 * time.Hour), WarnBefore: 48 * time.Hour}); cfg.Locks != want {
		t.Errorf("locks are %+v", cfg.Locks)
	}
	if cfg.Automerge != (Automerge{Enabled: true, Method: "squash"}) || cfg.PlanPolicy != (PlanPolicy{Dir: "policy"}) {
		t.Errorf("%+v %+v", cfg.Automerge, cfg.PlanPolicy)
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

func TestSecretsComeFromAWS(t *testing.T) {
	const text = "data_dir: data\ngithub: {app_id: 1, private_key_aws: key, webhook_secret_aws: secret, previous_webhook_secret_aws: old}\n"
	cfg, err := load(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{goodSecret, strings.Repeat("o", 32)}, cfg.GitHub.WebhookSecrets()); diff != "" {
		t.Error(diff)
	}
	if string(newKey()) != cfg.GitHub.PrivateKey.Reveal()+"\n" {
		t.Error("the private key is not the stored one")
	}
	cfg, err = load(t, strings.Replace(minimal, "file: secret}", "aws: region}", 1)+onAWS(""), nil)
	if err != nil || cfg.GitHub.WebhookSecret.Reveal() != strings.Repeat("eu-west-1", 4) {
		t.Errorf("it was not asked for in the region of the stack: %v", err)
	}
	_, err = load(t, strings.Replace(minimal, "file: secret}", "aws: gone}", 1)+strings.Replace(onAWS(""), "region: eu-west-1", "region: here", 1), nil)
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), "aws.region: must be") {
		t.Errorf("a region that is wrong is told as %v", err)
	}
}

// The key lies outside of what it protects, through whatever links.
func TestTheKeyOfArtifactsIsNotAmongThem(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("key.pem", string(newKey()))
	write("secret", goodSecret)
	key := newEncryptionKey()
	write("keys/age-key", key)
	link(write("real/deep/age-key", key), "linked-key")
	link(filepath.Join(dir, "real"), "linked-dir")
	for _, tt := range []struct {
		name, dataDir, key string
		want               bool
	}{
		{"elsewhere", "real", "keys/age-key", true},
		{"elsewhere, a data directory to come", "new/data", "keys/age-key", true},
		{"beside a directory of nearly that name", "real2", "real/deep/age-key", true},
		{"below it", "real", "real/deep/age-key", false},
		{"a link from outside", "real", "linked-key", false},
		{"the data directory is a link", "linked-dir", "real/deep/age-key", false},
		{"a part of its path that is not there yet", "real/deep/new/../..", "real/deep/age-key", false},
	} {
		file := write("server.yml", strings.Replace(minimal, "data_dir: data", "data_dir: "+tt.dataDir, 1)+"encryption_key_file: "+tt.key)
		cfg, err := Load(file, Sources{Env: os.Getenv, AWS: secretsManager})
		switch {
		case tt.want && (err != nil || cfg.EncryptionKey.Reveal() == ""):
			t.Errorf("%s: refused: %v", tt.name, err)
		case !tt.want && (err == nil || !strings.Contains(err.Error(), "in data_dir")):
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
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

// A file that grants power reads as it is written.
func TestLoadRefusesAnchors(t *testing.T) {
	_, err := load(t, minimal+"branches: &b [main]", nil)
	if err == nil || !strings.Contains(err.Error(), "anchors, aliases and merge keys are not supported; write the value out") {
		t.Errorf("got %v", err)
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
		t.Errorf("(go test ./config -update rewrites it)\n%s", diff)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "gone.yml"), Sources{Env: os.Getenv})
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
	for kind, want := range map[string]map[string]string{"plan": plan, "apply": apply, "deploy": apply, "ephemeral": apply, "destroy": apply} {
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
