package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/backend/aws/doctor"
)

var all = wanted{Permissions: map[string]string{"checks": "write", "contents": "read"}, Events: []string{"push", "issue_comment"}}

func TestDoctorOfTheApp(t *testing.T) {
	accepted := func(change func(*granted)) granted {
		g := granted{Slug: "lockkeeper", HTMLURL: "https://github.com/settings/installations/1", Permissions: map[string]string{"checks": "write", "contents": "write"},
			Events: []string{"issue_comment", "push"}}
		g.Account.Login = "acme"
		change(&g)
		return g
	}
	hook := func(change func(*github.HookConfig)) doctor.Check {
		h := &github.HookConfig{URL: github.String("https://lockkeeper.example.com/api/github/hook"), Secret: github.String("********"),
			ContentType: github.String("json"), InsecureSSL: github.String("0")}
		change(h)
		return ofHook(h)
	}
	newest := func(code int, status string) doctor.Check {
		return ofDeliveries([]*github.HookDelivery{{Event: github.String("ping"), StatusCode: github.Int(code), Status: github.String(status),
			DeliveredAt: &github.Timestamp{Time: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}}})
	}
	for name, tt := range map[string]struct {
		got  doctor.Check
		want string // of the error; empty: it is right
		do   string
		warn bool
	}{
		"a write grants a read":  {ofApp(accepted(func(*granted) {}), all), "", "", false},
		"a permission too low":   {ofApp(accepted(func(g *granted) { g.Permissions["checks"] = "read" }), all), "lockkeeper lacks checks: write", "Permissions & events", false},
		"no event":               {ofApp(accepted(func(g *granted) { g.Events = g.Events[:1] }), all), "lockkeeper lacks the event push", "Permissions & events", false},
		"accepted":               {ofInstallation(accepted(func(*granted) {}), all), "", "", false},
		"not accepted":           {ofInstallation(accepted(func(g *granted) { delete(g.Permissions, "checks") }), all), "of acme has not accepted checks: write", "at https://github.com/settings/installations/1.", false},
		"suspended":              {ofInstallation(accepted(func(g *granted) { g.SuspendedAt = &time.Time{} }), all), "is suspended", "An owner", false},
		"a level nobody knows":   {ofApp(accepted(func(g *granted) { g.Permissions["checks"] = "everything" }), all), "lacks checks: write", "", false},
		"the webhook":            {hook(func(*github.HookConfig) {}), "", "", false},
		"another path":           {hook(func(h *github.HookConfig) { h.URL = github.String("https://lockkeeper.example.com/") }), "no Lockkeeper answers", "/api/github/hook", false},
		"no secret":              {hook(func(h *github.HookConfig) { h.Secret = nil }), "no secret", "settings", false},
		"a form":                 {hook(func(h *github.HookConfig) { h.ContentType = github.String("form") }), `sent as "form"`, "application/json", false},
		"without TLS":            {hook(func(h *github.HookConfig) { h.URL = github.String("http://192.0.2.1/api/github/hook") }), "without TLS", "certificate", true},
		"without TLS, for a try": {hook(func(h *github.HookConfig) { h.URL = github.String("http://127.0.0.1:8080/api/github/hook") }), "", "", false},
		"any certificate":        {hook(func(h *github.HookConfig) { h.InsecureSSL = github.String("1") }), "certificate", "Enable SSL", true},
		"answered":               {newest(200, "OK"), "", "", false},
		"another secret":         {newest(401, "Invalid HTTP Response: 401"), "not signed with the secret", "webhook's secret", false},
		"nobody there":           {newest(0, "failed to connect to host"), "reached nobody (failed to connect to host)", "the server runs", false},
		"a proxy's answer":       {newest(502, "Invalid HTTP Response: 502"), "was answered 502", "proxy", false},
		"nothing sent":           {ofDeliveries(nil), "nothing yet", "redeliver the ping", true},
	} {
		t.Run(name, func(t *testing.T) {
			switch got := tt.got; {
			case tt.want == "":
				if got.Err != nil || got.Found == "" {
					t.Errorf("%+v", got)
				}
			case got.Err == nil || !strings.Contains(got.Err.Error(), tt.want) || !strings.Contains(got.Do, tt.do) || got.Warn != tt.warn:
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAServerThatMergesWritesToContents(t *testing.T) {
	const manifest = "default_permissions: {contents: read, checks: write}\ndefault_events: [push]\n"
	for merges, want := range map[bool]string{false: "read", true: "write"} {
		if w, err := wants([]byte(manifest), merges); err != nil || w.Permissions["contents"] != want || w.Permissions["checks"] != "write" || len(w.Events) != 1 {
			t.Errorf("%t: %+v, %v", merges, w, err)
		}
	}
}
