package app

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper/durable"
	"github.com/lockkeeper/lockkeeper/run"
)

// digestKeyFile is the file of the data directory with the secret that the keys of
// digests of plans are made of.
const digestKeyFile = "plan-digests.key"

// digestKeys makes the key that the jobs of one project digest what plans change
// with (run.JobDocument.DigestKey).
type digestKeys struct{ secret []byte }

// openDigestKeys reads the secret, or makes one. Without the one of before, plans
// are not known to be the ones that people approved: then approval is requested again.
func openDigestKeys(dir string) (digestKeys, error) {
	name := filepath.Join(dir, digestKeyFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeDigestKeys(name)
	}
	if err != nil {
		return digestKeys{}, fmt.Errorf("reading the key of plan digests: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != sha256.Size {
		return digestKeys{}, fmt.Errorf("%s is not as the server wrote it: remove it, and approvals that were given for plans of before have to be given again", name)
	}
	return digestKeys{secret}, nil
}

func makeDigestKeys(name string) (digestKeys, error) {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	// The server alone has the directory (lockDataDir).
	if err := durable.WriteFile(name, []byte(hex.EncodeToString(secret)+"\n")); err != nil {
		return digestKeys{}, fmt.Errorf("making the key of plan digests: %w", err)
	}
	return digestKeys{secret}, nil
}

// of is the key of one project.
func (k digestKeys) of(doc run.JobDocument) string {
	h := hmac.New(sha256.New, k.secret)
	fmt.Fprintf(h, "lockkeeper plan digests 1\n%d\n%s", doc.RepositoryID, doc.Project.Name)
	return hex.EncodeToString(h.Sum(nil))
}
