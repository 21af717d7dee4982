// Package longtest says which tests are for "make test-long" alone: all seeds, every row
// of a long table, what takes many starts of Terraform.
//
// It must not know any test.
package longtest

import (
	"os"
	"testing"
)

// Variable is set, to anything, where tests are to go through everything.
const Variable = "LOCKKEEPER_TEST_LONG"

// On reports whether tests are to go through everything, and not a choice of it.
func On() bool { return os.Getenv(Variable) != "" }

// Only leaves a test or a row to make test-long.
func Only(t testing.TB) {
	t.Helper()
	if !On() {
		t.Skip("make test-long runs this")
	}
}
