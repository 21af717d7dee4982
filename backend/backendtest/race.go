//go:build race

package backendtest

// raced is whether the tests look for races; then the runner does, too.
const raced = true
