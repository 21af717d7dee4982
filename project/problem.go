package project

import "github.com/lockkeeper/lockkeeper/yamlfile"

// Problem is one mistake in a file of the repository, of lockkeeper.yml or another.
type Problem = yamlfile.Problem

// Problems is every mistake found at once. It may quote text of the repository: escape it
// before it goes into Markdown or HTML.
type Problems = yamlfile.Problems
