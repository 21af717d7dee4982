package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Found in use: with another App's id or key the server said "serving" and did nothing.
func TestAnAppThatGitHubDoesNotKnowIsOneSentenceAtTheStart(t *testing.T) {
	for name, wrong := range map[string]func(*stage){
		"another id": func(s *stage) {
			text, err := os.ReadFile(s.config)
			s.check(err)
			s.check(os.WriteFile(s.config, []byte(strings.Replace(string(text), "app_id: ", "app_id: 9", 1)), 0o600))
		},
		"another key": func(s *stage) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			s.check(err)
			file := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
			s.check(os.WriteFile(filepath.Join(s.dir, "private-key.pem"), file, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			wrong(s)
			said, exit := s.command("serve", "--config", s.config)
			if exit != 1 || strings.Count(said, "lockkeeper: ") != 1 {
				t.Fatalf("exit code %d: %s", exit, said)
			}
			for _, want := range []string{"the private key are not those of one App", "GitHub says: ", "Settings, Developer settings, GitHub Apps"} {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in %q", want, said)
				}
			}
		})
	}
}
