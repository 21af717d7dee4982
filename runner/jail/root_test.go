package jail

import (
	"slices"
	"strings"
	"testing"
)

// Distributions keep the private keys of the machine beside its certificates, for
// groups in which the server's user may be: jobs of a server that is not root have
// these groups, too.
func TestKeysOfTheMachineAreNotAmongItsCertificates(t *testing.T) {
	for _, key := range []string{
		"/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/ssl/server.key",
		"/etc/pki/tls/private/localhost.key", "/etc/pki/CA/private/cakey.pem", "/etc/pki/consumer/key.pem", "/etc/pki/entitlement/1-key.pem",
	} {
		if slices.ContainsFunc(SystemPaths(), func(seen string) bool { return strings.HasPrefix(key, seen+"/") }) {
			t.Errorf("every job sees %s", key)
		}
	}
}
