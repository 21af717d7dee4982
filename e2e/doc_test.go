// Package e2e has the tests of the whole: stories that people play on a pull request,
// crashes, faults and attacks. A stage is a GitHub with real git (package sandbox) and a
// server, in this process or in one of its own; the tests' binary is that program, too.
package e2e
