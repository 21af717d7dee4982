package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config"
)

// identityTimeout is how long the start waits for GitHub to say who the App is.
const identityTimeout = 10 * time.Second

// appName is the name by which people mention the App, once GitHub has said it.
type appName struct{ atomic.Value }

func (n *appName) get() string {
	name, _ := n.Load().(string)
	return name
}

// Identify makes sure that GitHub knows the App by its id and key: a server that it does
// not know would take webhooks and answer none. A GitHub that does not answer keeps
// nobody from starting.
func (a *App) Identify(ctx context.Context, cfg config.GitHub) error {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	client, err := a.Clients.NewAppClient()
	if err != nil {
		return fmt.Errorf("getting the App's client: %w", err)
	}
	known, _, err := client.Apps.Get(ctx, "")
	var answer *github.ErrorResponse
	switch {
	case err == nil:
		a.name.Store(known.GetSlug())
		zerolog.Ctx(ctx).Info().Int64("app_id", cfg.AppID).Str("app", known.GetSlug()).Msg("GitHub knows this App")
	case errors.As(err, &answer) && answer.Response != nil && (answer.Response.StatusCode == http.StatusUnauthorized || answer.Response.StatusCode == http.StatusNotFound):
		return fmt.Errorf("github.app_id %d and the private key are not those of one App at %s (GitHub says: %s): "+
			"take both from the App's page at GitHub, Settings, Developer settings, GitHub Apps, and see that this machine's clock is right",
			cfg.AppID, cfg.APIURL, answer.Message)
	default:
		zerolog.Ctx(ctx).Warn().Err(err).Msg("GitHub did not say at the start who this App is")
	}
	return nil
}
