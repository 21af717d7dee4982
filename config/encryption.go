package config

import (
	"strings"

	"filippo.io/age"
)

// maxEncryptionKeys is how many keys may be given at once.
const maxEncryptionKeys = 16

// encryption reads the keys of artifacts. They lie outside of what they protect.
func (v *validator) encryption(c *Config) {
	p := place{"encryption_key", c.EncryptionKeyFile, c.EncryptionKeyEnv, c.EncryptionKeyAWS}
	if len(p.given()) == 0 {
		return
	}
	if c.Artifacts == "s3" {
		v.check(false, p.source(), "is for artifacts: directory; in S3 the bucket encrypts (docs/aws.md)")
		return
	}
	if p.file != "" && len(p.given()) == 1 {
		v.check(c.DataDir == "" || !inside(resolved(p.file), resolved(c.DataDir)), p.source(), "names a file in data_dir: whoever copies that directory has the key with it; put it elsewhere")
	}
	c.EncryptionKey = v.secret(p, c.AWS.Region)
	if text := c.EncryptionKey.Reveal(); text != "" {
		v.check(areEncryptionKeys(text), p.source(), "does not hold 1 to %d keys as age-keygen writes them (AGE-SECRET-KEY-1…), one a line", maxEncryptionKeys)
	}
}

func areEncryptionKeys(text string) bool {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := age.ParseX25519Identity(line); err != nil {
			return false
		}
		n++
	}
	return n > 0 && n <= maxEncryptionKeys
}
