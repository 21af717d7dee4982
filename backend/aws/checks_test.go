package aws

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The table in docs/aws.md of what the emulator cannot show names lines of
// doctor, and every line of doctor is in it.
func TestTheDocsNameTheLinesOfDoctor(t *testing.T) {
	page, err := os.ReadFile("../../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, row := range regexp.MustCompile("`lockkeeper doctor aws`, lines? [^|\n]*").FindAllString(string(page), -1) {
		for _, m := range regexp.MustCompile(`\*([^*]+)\*`).FindAllStringSubmatch(row, -1) {
			said = append(said, m[1])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no check is made
	var has []string
	for c := range New(Options{Config: aws.Config{Region: "eu-west-1"}, PlanQueue: "p", ApplyQueue: "a"}).Checks(ctx) {
		if has = append(has, c.Name); !slices.Contains(said, c.Name) {
			t.Errorf("no row names the line %q", c.Name)
		}
	}
	for _, name := range said {
		if !slices.Contains(has, name) {
			t.Errorf("doctor has no line %q", name)
		}
	}
}
