package awstest

import (
	"context"
	"embed"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region and Account of everything in an emulator.
const (
	Region  = "eu-west-1"
	Account = "123456789012"
)

//go:embed emulator/*.py
var program embed.FS

// Image is the local command that stands for a container image.
type Image struct {
	Entrypoint []string          `json:"entrypoint"`
	Env        map[string]string `json:"env,omitempty"`
}

// Options of an emulator.
type Options struct {
	Images    map[string]Image // by repository URI, with or without a tag
	MaxJobs   int              // Batch jobs of one stack that run at once; 0 is many
	StopGrace time.Duration    // between SIGTERM and SIGKILL of a Batch container; 0 is Fargate's 30 s
}

// Emulator is a running AWS.
type Emulator struct {
	Endpoint string
	log      string // file of what it printed
}

// Start starts an emulator that ends with the test. Where Python or moto is
// missing and cannot be installed the test fails with one sentence, or is
// skipped when LOCKKEEPER_SKIP_AWS=1 says so.
func Start(t testing.TB, o Options) *Emulator {
	t.Helper()
	if os.Getenv("LOCKKEEPER_SKIP_AWS") == "1" {
		t.Skip("LOCKKEEPER_SKIP_AWS=1")
	}
	f, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Config is how a principal reaches the emulator. The principal is recorded
// with each of its calls.
func (e *Emulator) Config(principal string) aws.Config {
	cfg, err := config.LoadDefaultConfig(context.Background(),
		config.WithRegion(Region), config.WithBaseEndpoint(e.Endpoint),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(principal, "emulator", "")))
	if err != nil {
		panic(err) // no file and no network is involved
	}
	return cfg
}

// Log is the end of what the emulator printed so far; empty when that cannot
// be read.
func (e *Emulator) Log() string {
	text, _ := os.ReadFile(e.log) // it only helps to understand a failure
	return string(text[max(0, len(text)-4000):])
}
