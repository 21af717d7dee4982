// Package artifact stores what jobs read and leave behind: source archives,
// plan files, summaries, output. Here it is a directory of this machine.
//
// Its place in the flow: the server stores the source archive of a commit
// (made by package pull) and hands a Ref to the job; the runner opens the Ref,
// unpacks it with Unpack, and stores its results. Nothing here knows GitHub,
// git, terraform or what the bytes mean.
//
// A Ref carries a SHA-256. Opening it gives exactly those bytes or an
// error, so a file that was changed on disk is never used unnoticed.
package artifact
