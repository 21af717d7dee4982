package deploy

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lockkeeper/lockkeeper/config"
)

// composeFile has the keys that the file uses, as the compose specification gives them
// (compose-spec, 05-services.md). Decoding refuses every other.
type composeFile struct {
	Name     string
	Services map[string]composeService
	Volumes  map[string]*struct{}
	Configs  map[string]struct{ File string }
	Secrets  map[string]struct{ File string }
}

type composeService struct {
	Image       string
	Command     []string
	User        string
	Init        bool
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Tmpfs       []string
	Volumes     []string
	Configs     []struct{ Source, Target string }
	Secrets     []string
	Ports       []string
	Healthcheck struct {
		Test                       []string
		Interval, Timeout, Retries string
		StartPeriod                string `yaml:"start_period"`
	}
	Restart   string
	StopGrace string `yaml:"stop_grace_period"`
}

func parseCompose(t *testing.T, text string) (composeFile, error) {
	t.Helper()
	var c composeFile
	err := yaml.NewDecoder(strings.NewReader(text), yaml.DisallowUnknownField()).Decode(&c)
	return c, err
}

func composed(t *testing.T) composeService {
	t.Helper()
	c, err := parseCompose(t, read(t, "deploy/compose/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 1 {
		t.Fatalf("there are %d services", len(c.Services))
	}
	s := c.Services["lockkeeper"]
	if _, ok := c.Volumes["data"]; !ok || !reflect.DeepEqual(s.Volumes, []string{"data:/var/lib/lockkeeper"}) {
		t.Errorf("volumes: %v of %v", s.Volumes, c.Volumes)
	}
	for _, name := range s.Secrets {
		if c.Secrets[name].File == "" {
			t.Errorf("there is no secret %s", name)
		}
	}
	for _, used := range s.Configs {
		if _, err := os.Stat(filepath.Join("compose", c.Configs[used.Source].File)); err != nil {
			t.Error(err)
		}
	}
	return s
}

func TestUnknownKeysOfComposeAreRefused(t *testing.T) {
	text := read(t, "deploy/compose/compose.yaml")
	for _, misspelt := range [][2]string{{"cap_drop:", "cap_drops:"}, {"healthcheck:", "health_check:"}, {"retries:", "retry:"}, {"services:", "service:"}} {
		if _, err := parseCompose(t, strings.Replace(text, misspelt[0], misspelt[1], 1)); err == nil {
			t.Errorf("%s is taken", misspelt[1])
		}
	}
}

func TestTheContainerMayDoNothingThatItNeedNot(t *testing.T) {
	s := composed(t)
	if !s.ReadOnly || !s.Init || !reflect.DeepEqual(s.CapDrop, []string{"ALL"}) || !reflect.DeepEqual(s.SecurityOpt, []string{"no-new-privileges:true"}) || !reflect.DeepEqual(s.Tmpfs, []string{"/tmp:exec"}) {
		t.Errorf("%+v", s)
	}
	if want := "USER " + s.User + "\n"; !strings.Contains(read(t, "Dockerfile"), want) {
		t.Errorf("the image's user is not %s", s.User)
	}
	if !strings.HasPrefix(s.Image, "${LOCKKEEPER_IMAGE:?") || !strings.Contains(s.Image, "@sha256:") {
		t.Errorf("image: %s", s.Image)
	}
	for _, port := range s.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") {
			t.Errorf("everybody reaches %s", port)
		}
	}
}

// What the config names is where the compose file puts it, and what drains has the time.
func TestTheConfigOfComposeIsTaken(t *testing.T) {
	s := composed(t)
	if !reflect.DeepEqual(s.Command, []string{"serve", "--config", s.Configs[0].Target}) {
		t.Errorf("command: %v, and the config is at %v", s.Command, s.Configs)
	}
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "deploy/compose/server.yml")
	for name, content := range map[string][]byte{
		"private-key":    pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"webhook-secret": bytes.Repeat([]byte("s"), 64),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.Count(text, "/run/secrets/"+name) != 1 {
			t.Errorf("the config does not read the secret %s", name)
		}
	}
	data := filepath.Join(dir, "data")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "/run/secrets/", dir+"/"), "data_dir: /var/lib/lockkeeper\n", "data_dir: "+data+"\n")
	file := filepath.Join(dir, "server.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, config.Sources{Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DataDir != data {
		t.Errorf("the data is in %s", cfg.DataDir)
	}
	for i, address := range []string{cfg.Listen, cfg.MetricsListen} {
		if _, port, _ := net.SplitHostPort(address); s.Ports[i] != "127.0.0.1:"+port+":"+port {
			t.Errorf("the server listens on %s, and the port is %s", address, s.Ports[i])
		}
	}
	grace, err := time.ParseDuration(s.StopGrace)
	if err != nil || grace < cfg.Drain+5*time.Minute || cfg.Drain < cfg.Limits.JobTimeout {
		t.Errorf("grace %s (%v), drain %s, a job %s", s.StopGrace, err, cfg.Drain, cfg.Limits.JobTimeout)
	}
}

// The check is run as it stands, against a server that says both.
func TestTheHealthcheckTellsReadyFromNot(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash, which the image has")
	}
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	test := composed(t).Healthcheck.Test
	if test[0] != "CMD" {
		t.Fatalf("healthcheck: %q", test)
	}
	check := func() error {
		script := strings.Replace(test[3], "/8080", "/"+port, 1)
		return exec.CommandContext(t.Context(), test[1], test[2], script).Run()
	}
	if err := check(); err != nil {
		t.Errorf("ready: %v", err)
	}
	status = http.StatusServiceUnavailable
	if check() == nil {
		t.Error("503 is healthy")
	}
	server.Close()
	if check() == nil {
		t.Error("nothing listens, and it is healthy")
	}
}
