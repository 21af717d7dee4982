package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/policy"
)

type explainCmd struct {
	Project []string `arg:"" optional:"" help:"Names or patterns; left out: what the pull request changes."`
	PR      string   `required:"" name:"pr" placeholder:"OWNER/REPO#N" help:"The pull request."`
	As      string   `placeholder:"LOGIN" help:"As whom; left out: as somebody whose right to apply is not in question."`
	Config  string   `required:"" placeholder:"FILE" help:"The server's config file."`
}

var pullReference = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*)/([A-Za-z0-9._-]+)#([1-9][0-9]{0,8})$`)

// Help says what scripts want to know.
func (c *explainCmd) Help() string {
	return "Exits 0 when it can be applied, 3 when it cannot, and 1 when that could not be found out."
}

// Run prints what /why would answer. It reads GitHub and what the server stored,
// also beside a running server, and changes nothing.
func (c *explainCmd) Run(ctx context.Context, p Program) error {
	match := pullReference.FindStringSubmatch(c.PR)
	if match == nil {
		return fmt.Errorf("--pr is %q: write it like acme/infrastructure#12", c.PR)
	}
	number, err := strconv.Atoi(match[3])
	if err != nil {
		return fmt.Errorf("reading --pr: %w", err)
	}
	cfg, err := LoadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	v, err := app.Explain(ctx, cfg, p.options(), app.Question{Owner: match[1], Name: match[2], Number: number, As: c.As, Projects: c.Project})
	if err != nil {
		return err
	}
	fmt.Print(explained(v, c.As))
	if !v.Allowed {
		return errNotAllowed
	}
	return nil
}

// errNotAllowed ends explain, so that scripts can ask.
var errNotAllowed = errors.New("not allowed")

// explained is a verdict about applying for a terminal: without Markdown.
func explained(v policy.Verdict, who string) string {
	if who == "" {
		who = "people whose right to apply is not in question"
	}
	verdict := "not allowed for " + who + " yet"
	if v.Allowed {
		verdict = "allowed for " + who + " now"
	}
	return strings.NewReplacer("`", "", "**", "").Replace("/apply is " + verdict + ":\n\n" + v.Why())
}
