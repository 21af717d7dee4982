// Package github is a faithful double of GitHub as a GitHub App sees it: the REST API under /api/v3, git over smart
// HTTP on real bare repositories, and signed webhooks with stored deliveries. One process, one port, no network.
//
// It stands at the very edge of the sandbox: the server talks to it as to GitHub, the pull request page and the
// end-to-end tests act as people through [Person] and read through [Double.Pull]. It must not know anything of
// Lockkeeper itself: no commands, no projects, no plans.
//
// Git is the only truth for commits, files and comparisons; everything else is state in memory behind one mutex that is
// never held while a git process or a webhook runs. Facts about immutable objects are cached by SHA.
//
// The behaviour follows GitHub's REST description (https://docs.github.com/rest), its webhook payload reference
// (https://docs.github.com/webhooks) and, where those are silent, what the real service was seen to answer.
package github
