package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// canaries are secrets by what they are.
type canaries map[string]string

// found names each secret that text holds, as it is or in an encoding.
func (c canaries) found(text []byte) (names []string) {
	for name, secret := range c {
		raw := []byte(secret)
		forms := map[string]string{"as it is": secret, "in hex": hex.EncodeToString(raw), "in a URL": url.QueryEscape(secret)}
		for before := range 3 { // bytes that share a group of four characters with it
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), raw...))
			forms[fmt.Sprintf("in base64 after %d bytes", before)] = encoded[4 : len(encoded)-4]
		}
		for form, encoded := range forms {
			if bytes.Contains(text, []byte(encoded)) {
				names = append(names, name+" "+form)
			}
		}
	}
	slices.Sort(names)
	return names
}

// tokens keeps the credentials that the server sends, which are the installation
// tokens that GitHub gave it, and the command lines of all processes meanwhile.
type tokens struct {
	mu           sync.Mutex
	seen         map[string]bool // guarded by mu
	commandLines bytes.Buffer    // guarded by mu
}

func (k *tokens) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		if _, password, ok := r.BasicAuth(); ok {
			k.seen[password] = true
		} else if fields := strings.Fields(r.Header.Get("Authorization")); len(fields) == 2 {
			k.seen[fields[1]] = true
		}
		k.commandLines.Write(commandLines())
		k.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func commandLines() (out []byte) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	for _, f := range files {
		line, _ := os.ReadFile(f) // the process may have ended
		out = append(out, line...)
	}
	return out
}

// watching is a terraform that notes the command lines of all processes and its
// own environment's names of variables.
const watching = `
cat /proc/[0-9]*/cmdline >> "$dir/commandlines" 2> /dev/null
env | sed 's/=.*//' >> "$dir/environment"
exec "$terraform" "$@"
`

// leaky tries to show each secret that it is given.
const leaky = `
variable "password" {
  type      = string
  sensitive = true
}
variable "token" { type = string }
resource "terraform_data" "leaky" {
  input = { user = "app", password = var.password, token = var.token, encoded = base64encode(var.token) }
}
output "password" {
  value     = var.password
  sensitive = true
}
output "environ" { value = filebase64("/proc/self/environ") } # T02
output "token" { value = "token is ${var.token}, quoted ${jsonencode(var.token)}" }
check "leak" {
  assert {
    condition     = var.token == ""
    error_message = "the token is ${var.token}"
  }
}
`

// TestT40SecretsAreNowhereAfterwards looks for T02, T39 and T41, too.
func TestT40SecretsAreNowhereAfterwards(t *testing.T) {
	secrets := canaries{
		"a variable from a file":            "canary/file+4f1c9a?&=",
		"a variable from the environment":   "canary-env-77b02e1d",
		"a variable for Terraform":          "canary-password-90ce",
		"a variable that nobody marked so":  "canary-token-3b5d8",
		"a variable of another environment": "canary-prod-61aa3f",
	}
	t.Setenv("CANARY_OF_THE_SERVER", secrets["a variable from the environment"])
	s := &story{newStage(t, aScript, func(c map[string]any) {
		dir := filepath.Dir(c["data_dir"].(string))
		file := filepath.Join(dir, "canary")
		if err := os.WriteFile(file, []byte(secrets["a variable from a file"]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		with := func(variables map[string]any) map[string]any {
			env := maps.Clone(c["environments"].(map[string]any)["dev"].(map[string]any))
			env["variables"] = variables
			return env
		}
		c["log"] = map[string]any{"level": "debug"}
		c["environments"] = map[string]any{
			"dev": with(map[string]any{
				"CANARY_FILE":     map[string]any{"file": file},
				"CANARY_ENV":      map[string]any{"env": "CANARY_OF_THE_SERVER"},
				"TF_VAR_password": map[string]any{"value": secrets["a variable for Terraform"]},
				"TF_VAR_token":    map[string]any{"value": secrets["a variable that nobody marked so"]},
			}),
			"prod": with(map[string]any{"CANARY_PROD": map[string]any{"value": secrets["a variable of another environment"]}}),
		}
	})}
	s.script(watching)
	credentials := &tokens{seen: map[string]bool{}}
	s.github.Config.Handler = credentials.watch(s.github.Config.Handler)
	s.launch()
	defer s.kill()

	numbers := []int{
		s.open("leaky", github.Files{"live/dev/network/leaky.tf": leaky}),
		s.open("failing", github.Files{"live/dev/network/leaky.tf": leaky + "resource \"terraform_data\" \"x\" {\n  lifecycle {\n    precondition {\n      condition = var.token == \"\"\n      error_message = \"no: ${var.token} ${base64encode(var.token)}\"\n    }\n  }\n}\n"}),
	}
	s.quiet()
	for _, command := range []string{"/plan", "/status", "/plan nope", "/help"} {
		s.says(rui, numbers[0], command)
	}
	s.wants(s.said(numbers[0])[0].Body, "1 to add", "(sensitive value)")
	s.wants(s.said(numbers[1])[0].Body, "failed")
	s.terminate(20 * time.Second)

	secrets["the webhook secret"] = s.world.WebhookSecret
	secrets["the private key"] = strings.Split(string(s.world.PrivateKey), "\n")[3]
	credentials.mu.Lock()
	for token := range credentials.seen {
		secrets[fmt.Sprintf("credential %d", len(secrets))] = token
	}
	lines := bytes.Clone(credentials.commandLines.Bytes())
	credentials.mu.Unlock()
	if len(secrets) < 9 {
		t.Fatalf("only %d secrets to look for: no credential was seen", len(secrets))
	}
	s.nowhere(secrets, numbers, map[string][]byte{"a command line during a request": lines, "the log": []byte(s.log())})
}

// nowhere looks for secrets in everything that people or files got to see.
func (s *story) nowhere(secrets canaries, numbers []int, texts map[string][]byte) {
	s.Helper()
	if len(texts["the log"]) == 0 {
		s.Error("the log is empty")
	}
	for _, name := range []string{"commandlines", "environment"} {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		s.check(err)
		texts[name+" of terraform"] = content
	}
	for _, name := range []string{"CANARY_PROD", "CANARY_OF_THE_SERVER"} {
		if bytes.Contains(texts["environment of terraform"], []byte(name+"\n")) {
			s.Errorf("terraform of dev was given %s", name)
		}
	}
	if !bytes.Contains(texts["environment of terraform"], []byte("CANARY_ENV\n")) {
		s.Error("terraform was not given its variables")
	}
	for _, n := range numbers {
		texts[fmt.Sprintf("the conversation of %d", n)] = []byte(s.conversation(n))
		for _, c := range s.pull(n).Checks {
			texts[fmt.Sprintf("check %s of %d", c.Name, n)] = fmt.Append(nil, c.Title, c.Summary, c.Text, c.Annotations)
		}
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "server"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == run.ArtifactPlan && strings.Contains(path, "/artifacts/") {
			return err
		}
		files++
		texts[path], err = os.ReadFile(path)
		return err
	})
	s.check(err)
	if files < 20 {
		s.Errorf("only %d files of the server to look at", files)
	}
	for where, text := range texts {
		if names := secrets.found(text); len(names) > 0 {
			s.Errorf("%s holds %s", where, strings.Join(names, ", "))
		}
	}
}
