package config

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

var (
	isEnvironment = atMost(64, `^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// atMost reports texts of up to that many bytes that a pattern describes. Bounds
// inside of patterns would make each hundred times as large.
func atMost(bytes int, pattern string) func(string) bool {
	re := regexp.MustCompile(pattern)
	return func(s string) bool { return len(s) <= bytes && re.MatchString(s) }
}

// validator checks values that have the right type. It shares the reader's
// list of problems and skips keys that are on it already.
type validator struct {
	*yamlfile.Reader
	from Sources
}

// check notes a problem about a key unless it is fine or has been noted.
func (v *validator) check(ok bool, key, format string, args ...any) {
	if !ok && !v.Noted(key) {
		v.Note(v.Lines[key], key, format, args...)
	}
}

func (v *validator) config(c *Config) {
	if v.Noted("") { // nothing could be read
		return
	}
	v.check(isAddress(c.Listen), "listen", "must be an address such as 127.0.0.1:8080")
	v.check(c.MetricsListen == "" || isAddress(c.MetricsListen) && c.MetricsListen != c.Listen, "metrics_listen", "must be another address than listen, such as 127.0.0.1:9090")
	v.check(c.Drain == 0 || c.Engine != "aws", "drain", "is for engine: local; remove it, as jobs in AWS outlive the server")
	if c.Drain != 0 {
		v.between("drain", int64(c.Drain), int64(time.Minute), int64(24*time.Hour), "1m", "24h")
	}
	v.check(c.DataDir != "", "data_dir", "is missing; name a directory that the server may write to")
	v.check(c.Store == "sqlite", "store", "must be sqlite")
	v.engine(c)
	v.repositories(c)
	level, err := zerolog.ParseLevel(c.Log.Level)
	v.check(err == nil && level != zerolog.NoLevel && level != zerolog.Disabled, "log.level", "must be trace, debug, info, warn or error")
	v.check(c.Log.Format == "json" || c.Log.Format == "console", "log.format", "must be json or console")
	v.github(&c.GitHub, c.AWS.Region)
	v.encryption(c)
	v.terraform(c.Terraform)
	v.limits(c.Limits)
	v.locks(c.Locks)
	v.planPolicy(c.PlanPolicy)
	v.check(c.Automerge.Method == "merge" || c.Automerge.Method == "squash" || c.Automerge.Method == "rebase", "automerge.method", "must be merge, squash or rebase")
	v.environments(c)
	v.isolation(c)
}

func (v *validator) github(g *GitHub, region string) {
	v.check(isURL(g.URL), "github.url", "must be a URL such as https://github.com")
	v.check(isURL(g.APIURL), "github.api_url", "must be a URL such as https://api.github.com/")
	v.check(g.AppID > 0, "github.app_id", "is missing; the App's page on GitHub shows it")

	v.between("github.writes_per_minute", int64(g.WritesPerMinute), 20, 1_000_000, "20", "1000000")
	v.between("github.writes_per_hour", int64(g.WritesPerHour), 100, 1_000_000, "100", "1000000")

	key := place{"github.private_key", g.PrivateKeyFile, g.PrivateKeyEnv, g.PrivateKeyAWS}
	secret := place{"github.webhook_secret", g.WebhookSecretFile, g.WebhookSecretEnv, g.WebhookSecretAWS}
	previous := place{"github.previous_webhook_secret", g.PreviousWebhookSecretFile, g.PreviousWebhookSecretEnv, g.PreviousWebhookSecretAWS}
	for _, p := range []place{key, secret} {
		v.present(p)
	}
	g.PrivateKey = v.secret(key, region)
	if text := g.PrivateKey.Reveal(); text != "" {
		v.check(isPrivateKey(text), key.source(), "does not hold the PEM file with an RSA private key that GitHub made for the App")
	}
	g.WebhookSecret = v.longEnough(secret, v.secret(secret, region))
	g.PreviousWebhookSecret = v.longEnough(previous, v.secret(previous, region))
}

func (v *validator) terraform(t Terraform) {
	for i, binary := range t.Binaries {
		info, err := os.Stat(binary)
		v.check(err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0, indexed("terraform.binaries", i), "must be the path of a program")
	}
}

func (v *validator) limits(l Limits) {
	v.between("limits.terraform_processes", int64(l.TerraformProcesses), 1, 1024, "1", "1024")
	v.between("limits.job_timeout", int64(l.JobTimeout), int64(time.Minute), int64(24*time.Hour), "1m", "24h")
	v.between("limits.plan_file_bytes", int64(l.PlanFileBytes), 1<<20, 1<<30, "1MiB", "1GiB")
	v.between("limits.projects_per_run", int64(l.ProjectsPerRun), 1, 10_000, "1", "10000")
	v.between("limits.webhook_body_bytes", int64(l.WebhookBodyBytes), 1<<20, 25<<20, "1MiB", "25MiB")
}

func (v *validator) between(key string, n, least, most int64, leastText, mostText string) {
	v.check(least <= n && n <= most, key, "must be from %s to %s", leastText, mostText)
}

func (v *validator) environments(c *Config) {
	if c.DefaultEnvironment != "" {
		_, known := c.Environments[c.DefaultEnvironment]
		v.check(known, "default_environment", "is not one of environments")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		key := "environments." + name
		v.check(isEnvironment(name), key, "must be a name of letters, digits, dots, dashes and underscores")
		v.environment(key, c.Environments[name])
	}
}

func (v *validator) environment(key string, e Environment) {
	_, given := v.Lines[key+".repositories"]
	v.check(!given || len(e.Repositories) > 0, key+".repositories", "names no repository; name one, or remove it")
	for i, name := range e.Repositories {
		v.check(isRepository(name), indexed(key+".repositories", i), "must be owner/name or owner/*")
	}
	v.policy(key+".policy", e.Policy)
	for name, variable := range e.Variables {
		v.variable(key+".variables."+name, name, variable)
	}
	for name, value := range e.BackendConfig {
		at := key + ".backend_config." + name
		v.check(isInput(name), at, "must be the name of a backend argument")
		for _, found := range placeholder.FindAllString(value, -1) {
			v.check(slices.Contains(placeholders, found), at, "holds a placeholder that is none of %s", strings.Join(placeholders, " "))
		}
	}
	for name := range e.TerraformVariables {
		at := key + ".terraform_variables." + name
		v.check(isInput(name), at, "must be the name of a terraform variable")
		_, twice := e.Variables["TF_VAR_"+name]
		v.check(!twice, at, "is also TF_VAR_%s of variables; keep one of them", name)
	}
}

func (v *validator) variable(key, name string, x Variable) {
	v.check(isVariable(name), key, "must be the name of an environment variable")
	v.check(!isReserved(name), key, "is set by the server for each job; remove it")
	v.check(x.For == "" || x.For == "plan" || x.For == "apply" || x.For == "both", key+".for", "must be plan, apply or both")
	given := 0
	for _, source := range []string{"env", "file", "secret", "value"} {
		if _, is := v.Lines[key+"."+source]; is {
			given++
		}
	}
	v.check(given == 1, key, "needs exactly one of env, file, secret and value")
	if given != 1 || x.Secret != "" || slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.HasPrefix(p.Key, key+".") }) {
		return
	}
	_, err := x.read(v.from.Env)
	v.check(err == nil, key, "cannot be used: %v", err)
}

func indexed(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && (n > 0 || port == "0")
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isURL accepts an absolute http or https URL that carries no credentials.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		u.RawQuery == "" && u.Fragment == "" && (u.Path == "" || path.IsAbs(u.Path))
}

// isPrivateKey accepts what GitHub hands out, PKCS #1, and PKCS #8.
func isPrivateKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return true
	}
	_, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	return err == nil
}
