package doctor

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
)

// The table in docs/aws.md of what the emulator cannot show names lines of
// doctor, and every line of doctor is in it.
func TestTheDocsNameTheLinesOfDoctor(t *testing.T) {
	page, err := os.ReadFile("../../../docs/aws.md")
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
	for c := range Checks(ctx, engine.Options{Config: aws.Config{Region: "eu-west-1"}, Environments: map[string]engine.Environment{"dev": {PlanQueue: "p", ApplyQueue: "a"}}}) {
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

// Each row of the table names its line of doctor, or the one thing to do by hand.
func TestEachRowOfTheDocsSaysHowToCheckIt(t *testing.T) {
	page, err := os.ReadFile("../../../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "check it in your account |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if rows := strings.Split(table, "\n"); !found || len(rows) < 15 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if how := cells[len(cells)-1]; len(cells) != 3 || !strings.HasPrefix(how, "`lockkeeper doctor aws`, line") && !strings.HasPrefix(how, "by hand") {
			t.Errorf("this row names neither a line of doctor nor what to do by hand: %s", row)
		}
	}
}
