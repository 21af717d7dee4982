// Package view is what is so: how far a pull request is at one commit, project by
// project, for whoever shows it to people.
//
// Build makes a Model from runs, locks and the summaries of plans. What report says
// in Markdown is read off it, and so is what any other page says. All of it is pure.
//
// The package must not know how anything is written or where it is shown: no
// Markdown, no GitHub, no sentences.
package view
