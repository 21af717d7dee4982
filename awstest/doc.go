// Package awstest starts an AWS on this machine for tests: moto, patched in its
// own process so that state machines, Batch jobs, container Lambdas and
// schedules really run (awstest/emulator). docs/aws.md says what it cannot show.
//
// Place in the flow: tests of backend/aws, artifact and the whole program use
// it; nothing else does. It must not know Lockkeeper: templates, images and
// requests come from the tests.
package awstest
