package github

// manifest is an App that waits to be created from its manifest.
type manifest struct{}
