//go:build linux

package hostile

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

const version = "1.0.0"

// programPackage is the provider of the attacker.
const programPackage = "github.com/lockkeeper/lockkeeper/hostile/terraform-provider-hostile"

// Build makes the provider's program in dir, with Go's build cache.
func Build(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "terraform-provider-hostile_v"+version)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, programPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // it runs where there may be no libraries
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the hostile provider: %w\n%s", err, out)
	}
	return program, nil
}

// Registry is a provider registry of the attacker's: Terraform finds, verifies
// and downloads the program in it as it does with those of everybody else.
type Registry struct {
	server    *httptest.Server
	archive   []byte
	sums      []byte
	signature []byte
	key       string // armored
	keyID     string
}

// NewRegistry serves a program until Close.
func NewRegistry(program string) (*Registry, error) {
	r := &Registry{}
	if err := r.pack(program); err != nil {
		return nil, err
	}
	if err := r.sign(); err != nil {
		return nil, fmt.Errorf("signing the provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/terraform.json", answer(map[string]any{"providers.v1": "/v1/providers/"}))
	mux.HandleFunc("/v1/providers/acme/hostile/versions", answer(map[string]any{"versions": []any{map[string]any{
		"version": version, "protocols": []string{"6.0"}, "platforms": []any{map[string]any{"os": runtime.GOOS, "arch": runtime.GOARCH}},
	}}}))
	mux.HandleFunc("/v1/providers/acme/hostile/"+version+"/download/"+runtime.GOOS+"/"+runtime.GOARCH, answer(map[string]any{
		"protocols": []string{"6.0"}, "os": runtime.GOOS, "arch": runtime.GOARCH, "filename": r.name(), "download_url": "/" + r.name(),
		"shasums_url": "/sums", "shasums_signature_url": "/sums.sig", "shasum": fmt.Sprintf("%x", sha256.Sum256(r.archive)),
		"signing_keys": map[string]any{"gpg_public_keys": []any{map[string]any{"key_id": r.keyID, "ascii_armor": r.key}}},
	}))
	for path, content := range map[string][]byte{"/" + r.name(): r.archive, "/sums": r.sums, "/sums.sig": r.signature} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	}
	r.server = httptest.NewTLSServer(mux)
	return r, nil
}

// Close ends it.
func (r *Registry) Close() { r.server.Close() }

// Source is what a configuration names to get the provider.
func (r *Registry) Source() string {
	return strings.TrimPrefix(r.server.URL, "https://") + "/acme/hostile"
}

// Certificate is what terraform must trust to speak with the registry, as PEM.
func (r *Registry) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw})
}

func (r *Registry) name() string {
	return fmt.Sprintf("terraform-provider-hostile_%s_%s_%s.zip", version, runtime.GOOS, runtime.GOARCH)
}

func (r *Registry) pack(program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "terraform-provider-hostile_v" + version, Method: zip.Store}
	header.SetMode(0o755)
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	r.archive = nil
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	r.archive = b.Bytes()
	return nil
}

func (r *Registry) sign() error {
	entity, err := openpgp.NewEntity("hostile", "", "hostile@example.org", nil)
	if err != nil {
		return err
	}
	r.keyID = entity.PrimaryKey.KeyIdString()
	r.sums = fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(r.archive), r.name())
	var signature, key bytes.Buffer
	if err := openpgp.DetachSign(&signature, entity, bytes.NewReader(r.sums), nil); err != nil {
		return err
	}
	r.signature = signature.Bytes()
	w, err := armor.Encode(&key, openpgp.PublicKeyType, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(entity.Serialize(w), w.Close()); err != nil {
		return err
	}
	r.key = key.String()
	return nil
}

func answer(value any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
}
