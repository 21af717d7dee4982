// Package rego judges a plan's JSON by rules that people write in Rego, with
// Open Policy Agent as the library.
//
// Its place in the flow: package prepare archives the rules of the base branch
// or of the server; inside a job, after "terraform show -json", the runner
// starts lockkeeper-evaluator, which is Main. It is a process of its own because
// the plan holds secrets, rules may loop, and the library is large
// (docs/adr/0012). Nothing else may import this package.
//
// It must not know GitHub, terraform or where rules come from. Rules reach
// nothing but the plan and the data files beside them: no network, no files, no
// environment. Whatever goes wrong is an error, never a plan that passes.
package rego
