//go:build linux

// Package hostile is a corpus of hostile configurations: what a pull request can
// hold to read, change or stop what is not its own. Each entry says in one line
// what it tries and what must hold.
//
// Its place in the flow: tests plan and apply its configurations in a world with
// secrets in every place, and look at that world afterwards. Expressions are
// attacks by Terraform's language alone; those of package attack are carried out by
// terraform-provider-hostile, a provider that Terraform downloads from Registry and
// runs at plan time. It must not know Lockkeeper.
package hostile
