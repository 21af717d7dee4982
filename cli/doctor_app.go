package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/backend/aws/doctor"
)

// wanted are the permissions and events that Lockkeeper needs.
type wanted struct {
	Permissions map[string]string `yaml:"default_permissions"`
	Events      []string          `yaml:"default_events"`
}

// wants are those of the App's manifest. A server that merges writes to contents.
func wants(manifest []byte, merges bool) (w wanted, err error) {
	if w, err = readManifest(manifest); err == nil && merges {
		w.Permissions["contents"] = "write"
	}
	return w, err
}

// levels of a permission, each with all before it (GitHub documentation, "Permissions
// required for GitHub Apps").
var levels = []string{"", "read", "write", "admin"}

// lacks lists the permissions and events that are not granted.
func (w wanted) lacks(permissions map[string]string, events []string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(w.Permissions)) {
		if slices.Index(levels, permissions[name]) < slices.Index(levels, w.Permissions[name]) {
			out = append(out, name+": "+w.Permissions[name])
		}
	}
	for _, event := range w.Events {
		if !slices.Contains(events, event) {
			out = append(out, "the event "+event)
		}
	}
	return out
}

// granted is what GitHub says of an App or of an installation of it. go-github v60 does
// not know every permission.
type granted struct {
	Slug    string `json:"slug"`
	HTMLURL string `json:"html_url"`
	Account struct {
		Login string `json:"login"`
	} `json:"account"`
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
	SuspendedAt *time.Time        `json:"suspended_at"`
}

// app looks at the App itself: what it may do and is told, on which accounts, and
// whether its webhooks arrive.
func (d githubDoctor) app(ctx context.Context) []doctor.Check {
	client, err := d.clients.NewAppClient()
	if err != nil {
		return []doctor.Check{{Name: "app", Err: fmt.Errorf("getting the App's client: %w", err), Do: "See that private_key_file is the App's key."}}
	}
	var app granted
	if _, err := get(ctx, client, "app", &app); err != nil {
		return []doctor.Check{{Name: "app", Err: fmt.Errorf("asking for the App: %w", err),
			Do: "See that app_id and the private key are those of one App, that the machine's clock is right, and that it reaches GitHub's API."}}
	}
	checks := []doctor.Check{ofApp(app, d.wanted)}
	installations, err := allPages(func(o *github.ListOptions) (list []granted, resp *github.Response, err error) {
		resp, err = get(ctx, client, fmt.Sprintf("app/installations?per_page=%d&page=%d", o.PerPage, o.Page), &list)
		return list, resp, err
	})
	switch {
	case err != nil:
		checks = append(checks, doctor.Check{Name: "installations", Err: fmt.Errorf("listing them: %w", err), Do: "Try again."})
	case len(installations) == 0:
		checks = append(checks, doctor.Check{Name: "installations", Err: errors.New("the App is installed nowhere"), Do: "Install it on the repositories that it should work for."})
	}
	for _, i := range installations {
		checks = append(checks, ofInstallation(i, d.wanted))
	}
	return append(checks, d.webhooks(ctx, client)...)
}

func get(ctx context.Context, client *github.Client, path string, into any) (*github.Response, error) {
	req, err := client.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(ctx, req, into)
}

func ofApp(app granted, w wanted) doctor.Check {
	c := doctor.Check{Name: "app", Found: app.Slug + " has the permissions and events that Lockkeeper needs"}
	if lacks := w.lacks(app.Permissions, app.Events); len(lacks) > 0 {
		c.Err = fmt.Errorf("%s lacks %s", app.Slug, strings.Join(lacks, ", "))
		c.Do = "Add that in the App's settings, under Permissions & events; then each account accepts it."
	}
	return c
}

func ofInstallation(i granted, w wanted) doctor.Check {
	c := doctor.Check{Name: "installation", Found: "of " + i.Account.Login + " grants all of it"}
	lacks := w.lacks(i.Permissions, i.Events)
	switch {
	case i.SuspendedAt != nil:
		c.Err = errors.New("of " + i.Account.Login + " is suspended, so that nothing is done there")
		c.Do = "An owner of it can end that at " + i.HTMLURL + "."
	case len(lacks) > 0:
		c.Err = fmt.Errorf("of %s has not accepted %s", i.Account.Login, strings.Join(lacks, ", "))
		c.Do = "An owner of it accepts that at " + i.HTMLURL + "."
	}
	return c
}

// webhooks looks where GitHub sends them, and how the newest one was answered. Only what
// is refused shows whether GitHub has the same secret: it never tells the one that it has.
func (d githubDoctor) webhooks(ctx context.Context, client *github.Client) []doctor.Check {
	hook, _, err := client.Apps.GetHookConfig(ctx)
	if err != nil {
		return []doctor.Check{{Name: "webhook", Err: fmt.Errorf("asking where webhooks go: %w", err), Do: "Look at the webhook's URL in the App's settings."}}
	}
	checks := []doctor.Check{ofHook(hook)}
	newest, _, err := client.Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 1})
	if err != nil {
		return append(checks, doctor.Check{Name: "deliveries", Err: fmt.Errorf("listing what GitHub sent: %w", err), Do: "Look at Advanced in the App's settings."})
	}
	return append(checks, ofDeliveries(newest))
}

func ofHook(hook *github.HookConfig) doctor.Check {
	c := doctor.Check{Name: "webhook", Found: "goes to " + hook.GetURL()}
	u, err := url.Parse(hook.GetURL())
	switch {
	case err != nil || u.Host == "" || u.Path != githubapp.DefaultWebhookRoute:
		c.Err = fmt.Errorf("goes to %q, where no Lockkeeper answers", hook.GetURL())
		c.Do = "Set the webhook's URL in the App's settings to https://HOST" + githubapp.DefaultWebhookRoute + "."
	case hook.GetSecret() == "":
		c.Err = errors.New("has no secret, so that every delivery is refused")
		c.Do = "Set the webhook's secret in the App's settings to that of the server's config."
	case hook.GetContentType() != "json":
		c.Err = fmt.Errorf("is sent as %q, which the server does not read", hook.GetContentType())
		c.Do = "Set its content type in the App's settings to application/json."
	case u.Scheme != "https" && !loopback(u.Hostname()):
		c.Warn, c.Err = true, fmt.Errorf("goes to %s without TLS, so that whoever is in between reads it", hook.GetURL())
		c.Do = "Put a proxy with a certificate in front of the server, and set the URL to https."
	case u.Scheme == "https" && hook.GetInsecureSSL() == "1":
		c.Warn, c.Err = true, errors.New("is sent without a look at the server's certificate")
		c.Do = "Enable SSL verification in the App's settings."
	}
	return c
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func ofDeliveries(newest []*github.HookDelivery) doctor.Check {
	c := doctor.Check{Name: "deliveries"}
	if len(newest) == 0 {
		c.Warn, c.Err = true, errors.New("GitHub has sent nothing yet")
		c.Do = "Start the server and redeliver the ping, under Advanced in the App's settings."
		return c
	}
	const again = " Then redeliver it, under Advanced in the App's settings, and ask again."
	last := newest[0]
	what := fmt.Sprintf("the newest, %s of %s,", last.GetEvent(), last.GetDeliveredAt().UTC().Format(time.RFC3339))
	switch code := last.GetStatusCode(); {
	case code >= 200 && code < 300:
		c.Found = fmt.Sprintf("%s was answered %d", what, code)
	case code == http.StatusUnauthorized:
		c.Err = fmt.Errorf("%s was refused: it is not signed with the secret of the server's config", what)
		c.Do = "Set the webhook's secret in the App's settings to that of the config." + again
	case code == 0:
		c.Err = fmt.Errorf("%s reached nobody (%s)", what, last.GetStatus())
		c.Do = "See that the server runs, and that GitHub reaches its address." + again
	default:
		c.Err = fmt.Errorf("%s was answered %d (%s)", what, code, last.GetStatus())
		c.Do = "See whether the server runs behind that address, and what its log and the proxy's say." + again
	}
	return c
}
