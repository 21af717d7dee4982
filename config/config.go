// Package config reads the server's one YAML file.
//
// Its place in the flow: main loads it once at start and hands its parts to
// the packages that need them. It must not know what any part does with a
// value; it only makes sure that every value has the right shape, that every
// secret comes from an environment variable, a file or AWS Secrets Manager, and
// that a person who got something wrong learns all of it at once.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rs/zerolog"
)

// maxFileBytes bounds the config file and each secret file.
const maxFileBytes = 1 << 20

// Config is the whole file, complete with defaults and valid.
type Config struct {
	Listen             string                 `yaml:"listen" want:"an address such as 127.0.0.1:8080"`
	MetricsListen      string                 `yaml:"metrics_listen" want:"an address such as 127.0.0.1:9090"` // of /metrics alone; empty: on Listen
	Drain              time.Duration          `yaml:"drain"`                                                   // how long the end of the server waits for applies; 0: jobs outlive it
	DataDir            string                 `yaml:"data_dir"`
	GitHub             GitHub                 `yaml:"github"`
	Repositories       []Repository           `yaml:"repositories"`
	Branches           []string               `yaml:"branches"`        // that may be a base; empty: the default branch alone
	ToolAddresses      []string               `yaml:"tool_addresses"`  // of commits, that are no person's: an address, or *@domain
	TrustedPushers     []string               `yaml:"trusted_pushers"` // accounts of Apps that push by themselves alone
	Store              string                 `yaml:"store"`
	Artifacts          string                 `yaml:"artifacts"`
	EncryptionKeyFile  string                 `yaml:"encryption_key_file"`
	EncryptionKeyEnv   string                 `yaml:"encryption_key_env"`
	EncryptionKeyAWS   string                 `yaml:"encryption_key_aws"`
	Engine             string                 `yaml:"engine"`
	Isolation          string                 `yaml:"isolation"`
	AWS                AWS                    `yaml:"aws"`
	Terraform          Terraform              `yaml:"terraform"`
	Limits             Limits                 `yaml:"limits"`
	Autoplan           Autoplan               `yaml:"autoplan"`
	Automerge          Automerge              `yaml:"automerge"`
	Locks              Locks                  `yaml:"locks"`
	PlanPolicy         PlanPolicy             `yaml:"plan_policy"`
	DefaultEnvironment string                 `yaml:"default_environment"`
	Environments       map[string]Environment `yaml:"environments"`
	Log                Log                    `yaml:"log"`

	// EncryptionKey is the keys that encrypt artifacts, as age-keygen writes them,
	// the one that encrypts first; empty stores in clear.
	EncryptionKey Secret `yaml:"-"`
}

// GitHub says which App this server is. The secrets are read at load from the
// keys that name a file, an environment variable, or a secret of AWS Secrets
// Manager (name or ARN, then #key for one key of a JSON object).
type GitHub struct {
	URL    string `yaml:"url"`
	APIURL string `yaml:"api_url"`
	AppID  int64  `yaml:"app_id"`

	WritesPerMinute int `yaml:"writes_per_minute"` // of one installation
	WritesPerHour   int `yaml:"writes_per_hour"`

	PrivateKeyFile            string `yaml:"private_key_file"`
	PrivateKeyEnv             string `yaml:"private_key_env"`
	PrivateKeyAWS             string `yaml:"private_key_aws"`
	WebhookSecretFile         string `yaml:"webhook_secret_file"`
	WebhookSecretEnv          string `yaml:"webhook_secret_env"`
	WebhookSecretAWS          string `yaml:"webhook_secret_aws"`
	PreviousWebhookSecretFile string `yaml:"previous_webhook_secret_file"`
	PreviousWebhookSecretEnv  string `yaml:"previous_webhook_secret_env"`
	PreviousWebhookSecretAWS  string `yaml:"previous_webhook_secret_aws"`

	PrivateKey            Secret `yaml:"-"`
	WebhookSecret         Secret `yaml:"-"`
	PreviousWebhookSecret Secret `yaml:"-"`
}

// WebhookSecrets are the secrets that sign deliveries, the current one first.
// There are two while one is being rotated.
func (g GitHub) WebhookSecrets() []string {
	out := []string{g.WebhookSecret.Reveal()}
	if previous := g.PreviousWebhookSecret.Reveal(); previous != "" {
		out = append(out, previous)
	}
	return out
}

// Terraform says which binaries may run.
type Terraform struct {
	// Binaries are paths of terraform and tofu programs; the first one is for
	// projects that ask for no version. Empty means those on the PATH.
	Binaries []string `yaml:"binaries"`
}

// Limits bound what one server, run or job can cost.
type Limits struct {
	TerraformProcesses int           `yaml:"terraform_processes"` // at once, on this machine
	JobTimeout         time.Duration `yaml:"job_timeout"`
	PlanFileBytes      Size          `yaml:"plan_file_bytes"`
	ProjectsPerRun     int           `yaml:"projects_per_run"`
	WebhookBodyBytes   Size          `yaml:"webhook_body_bytes"`

	// Of one job, with all its processes; engine local only.
	JobMemory    Size `yaml:"job_memory"`
	JobProcesses int  `yaml:"job_processes"`  // and their threads
	JobOpenFiles int  `yaml:"job_open_files"` // of one process
	JobDisk      Size `yaml:"job_disk"`
}

// Autoplan says when a plan starts without a comment.
type Autoplan struct {
	Enabled bool `yaml:"enabled"`
	Drafts  bool `yaml:"drafts"`
}

// Log says what the server logs, and how.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// ZerologLevel is the level as the logger wants it.
func (l Log) ZerologLevel() zerolog.Level {
	level, err := zerolog.ParseLevel(l.Level)
	if err != nil { // Load has refused it
		return zerolog.InfoLevel
	}
	return level
}

// defaults is where a key that is left out gets its value; those of an
// environment get it from SetDefaults.
func defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		GitHub: GitHub{
			URL: "https://github.com", APIURL: "https://api.github.com/",
			// GitHub allows 80 and 500 (GitHub documentation, "Rate limits for the REST
			// API", "About secondary rate limits"); a tenth is left to what is not counted.
			WritesPerMinute: 72, WritesPerHour: 450,
		},
		Store:     "sqlite",
		Artifacts: "directory",
		Engine:    "local",
		Isolation: IsolationRequired,
		Limits: Limits{
			TerraformProcesses: runtime.NumCPU() + 2, // each waits now and then, for the disk or the network
			JobTimeout:         30 * time.Minute,
			PlanFileBytes:      50 << 20,
			ProjectsPerRun:     200,
			WebhookBodyBytes:   25 << 20, // GitHub caps payloads there (GitHub documentation, "Webhook events and payloads")
			JobMemory:          jobMemory(machineMemory()),
			JobProcesses:       1024,
			JobOpenFiles:       8192,
			JobDisk:            5 << 30,
		},
		Autoplan:  Autoplan{Enabled: true},
		Automerge: Automerge{Method: "merge"},
		Locks:     Locks{At: "plan", WarnBefore: 24 * time.Hour},
		Log:       Log{Level: "info", Format: "json"},
	}
}

// Sources are where values come from that do not stand in the file.
type Sources struct {
	Env func(name string) string // as os.Getenv
	// AWS reads from AWS Secrets Manager what a key whose name ends in _aws
	// names. The region is that of aws.region, which may be empty. The error goes
	// on after "cannot be used: ", says what to do, and holds no secret.
	AWS func(region, secret string) (string, error)
}

// Load reads the file, fills in defaults and reads the secrets it names, each
// once. Relative paths in the file are meant from the file's directory. The
// error is a [Problems] when the content is wrong, and names every mistake. No
// message holds a secret.
func Load(path string, from Sources) (Config, error) {
	text, err := readFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the server config: %w", err)
	}
	cfg := defaults()
	r := read(path, text, &cfg)
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("finding the directory of the server config: %w", err)
	}
	cfg.resolvePaths(dir)
	v := &validator{Reader: r, from: from}
	v.config(&cfg)
	if len(r.Problems) > 0 {
		return Config{}, sorted(r.Problems)
	}
	return cfg, nil
}

// resolvePaths makes the paths of the file independent of where the server was
// started.
func (c *Config) resolvePaths(dir string) {
	paths := []*string{&c.DataDir, &c.EncryptionKeyFile, &c.GitHub.PrivateKeyFile, &c.GitHub.WebhookSecretFile, &c.GitHub.PreviousWebhookSecretFile, &c.PlanPolicy.ServerDir}
	for _, p := range paths {
		*p = absolute(dir, *p)
	}
	for i, binary := range c.Terraform.Binaries {
		c.Terraform.Binaries[i] = absolute(dir, binary)
	}
	for _, e := range c.Environments {
		for name, variable := range e.Variables {
			variable.File = absolute(dir, variable.File)
			e.Variables[name] = variable
		}
	}
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return os.ReadFile(path)
}
