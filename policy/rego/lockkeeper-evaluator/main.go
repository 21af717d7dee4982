// Command lockkeeper-evaluator judges a plan by rules written in Rego. The
// runner starts one for each plan that rules have to judge. It is a program of
// its own because no other part of Lockkeeper needs the library that it carries
// (docs/adr/0012). Server and validate look for it beside lockkeeper.
package main

import (
	"context"
	"os"

	"github.com/lockkeeper/lockkeeper/policy/rego"
)

func main() { os.Exit(rego.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
