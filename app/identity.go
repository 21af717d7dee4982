package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config"
)

// identityTimeout is how long the start waits for GitHub to say who the App is.
const identityTimeout = 10 * time.Second

// Identify makes sure that GitHub knows the App by its id and key: a server that it does
// not know would take webhooks and answer none. A GitHub that does not answer keeps
// nobody from starting.
func Identify(ctx context.Context, cfg config.GitHub, clients githubapp.ClientCreator) error {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	client, err := clients.NewAppClient()
	if err != nil {
		return fmt.Errorf("getting the App's client: %w", err)
	}
	App, _, err := client.Apps.Get(ctx, "")
	var answer *github.ErrorResponse
	switch {
	case err == nil:
		zerolog.Ctx(ctx).Info().Int64("app_id", cfg.AppID).Str("app", App.GetSlug()).Msg("GitHub knows this App")
	case errors.As(err, &answer) && answer.Response != nil && (answer.Response.StatusCode == http.StatusUnauthorized || answer.Response.StatusCode == http.StatusNotFound):
		return fmt.Errorf("github.app_id %d and the private key are not those of one App at %s (GitHub says: %s): "+
			"take both from the App's page at GitHub, Settings, Developer settings, GitHub Apps, and see that this machine's clock is right",
			cfg.AppID, cfg.APIURL, answer.Message)
	default:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("GitHub did not say at the start who this App is")
	}
	return nil
}
