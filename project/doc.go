// Package project answers two questions about a repository: which Terraform
// root modules (projects) does it hold, and which of them does a pull request
// touch?
//
// Place in the flow: package pull hands it two commits as a [Tree] each and the
// list of changed paths; it hands back [Match] values, from which package run
// makes jobs. It reads lockkeeper.yml from the base commit ([Load], [Parse]),
// or finds root modules itself; it follows local module calls and file
// references through the HCL ([Index], [Graph]); it maps changed paths
// to projects ([Affected]) and what a person typed to projects ([Select]).
//
// It must not know GitHub, git, the engines, or what an environment is made
// of: environments are names here, resolved by the server.
package project
