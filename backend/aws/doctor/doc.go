// Package doctor looks at an installation of the AWS engine, for "lockkeeper doctor aws".
//
// Place in the flow: none. It reads how the stack's parts are set up, and starts jobs
// that can do nothing through the engine, each the whole way of a job of its kind. It
// says what is wrong and what to do about it.
//
// The package must not know GitHub, projects or the server's store.
package doctor
