// Package jail runs programs that nobody trusts: they see the files that they
// are given and the system's programs, nothing of other processes, signal nobody
// outside, and nothing of them is alive when a command is over.
//
// Its place in the flow: the runner of a job says what a Box holds and starts a
// Jail, which is one process, the supervisor: this same binary, started again.
// The supervisor is the first process of the job's namespaces, starts each
// command, and after its end kills and reaps whatever it left, before it answers.
//
// Several layers do that, and each is used wherever the system gives it: user,
// mount, PID and IPC namespaces, Landlock, a seccomp filter, and a user id of the
// job's own where the caller is root. They overlap, so that a hole in one opens
// nothing (docs/adr/0021 says what each stops alone). Probe tries what holds here.
//
// It must not know terraform, jobs or where secrets come from.
package jail
