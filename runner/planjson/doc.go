// Package planjson makes of a plan file the JSON that "terraform show -json" prints of
// it, without another process and without starting a provider.
//
// Its place in the flow: the runner has taken a plan file out of the reach of what ran
// while planning, and needs its JSON for package summary. What the plan file does not
// hold is the shape of values, which providers define; that comes from what "terraform
// providers schema -json" said of the same packages earlier (Pack).
//
// A plan file is an attacker's. What is shown must be what an apply does, so whatever is
// not written exactly as Terraform writes it is an error: a field that is not known, one
// that is there twice, a value that would be encoded in another way. After an error
// terraform show tells. Nothing here is a decision of trust: whether the JSON may be used
// in the place of terraform's, the runner decides (docs/adr/0041).
//
// It must not know jobs, processes or files, and nothing here reads the configuration
// except for the variables of its root module: of the configuration the JSON has only
// which of those are sensitive.
package planjson
