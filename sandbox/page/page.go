// Package page shows the sandbox's GitHub to people: its pull requests, with
// conversation, commits, checks and changed files, and forms to act on them as
// the author, a reviewer or an outsider. A newcomer should understand
// Lockkeeper from it within a minute.
//
// It stands in front of the GitHub double as a browser stands in front of
// GitHub: it reads snapshots and acts through people. It knows nothing of the
// server, and commands are only text to it. What it shows is untrusted, so all
// text goes through html/template or package markdown, and the pages may load
// nothing but their own style and script.
package page

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/markdown"
)

//go:embed assets
var assets embed.FS

//go:embed templates
var templates embed.FS

// Person is somebody a visitor may act as.
type Person struct {
	Login string
	About string // what this person may do, in a few words
}

// Suggestion is a comment worth trying.
type Suggestion struct {
	Text  string // the comment
	About string // what it does, in a few words
}

// Options configures the page. Its zero value is for package demo's repository
// and people.
type Options struct {
	Repositories []string     // what the list shows, as owner/name; nil: the demo repository
	People       []Person     // the first is who a new visitor is; nil: the demo's people
	Suggestions  []Suggestion // nil: commands that work on the demo repository
	Hosts        []string     // names this server is reached by besides loopback ones
	Now          func() time.Time
}

type site struct {
	double       *github.Double
	reader       *reader
	markdown     *markdown.Renderer
	repositories []string
	people       []Person
	suggestions  []Suggestion
	now          func() time.Time
	views        func() map[string]*template.Template // by page name; parsed when the first page is asked for
}

// New returns the pages. They live at the root: "/", "/{owner}/{repo}/pull/…"
// and "/-/…". A page that listens for changes keeps its request open until the
// client goes or the server's base context ends.
func New(double *github.Double, o Options) http.Handler {
	o = o.withDefaults()
	s := &site{
		double: double, reader: &reader{double: double, clients: map[string]*gh.Client{}}, markdown: markdown.New(),
		repositories: o.Repositories, people: o.People, suggestions: o.Suggestions, now: o.Now,
	}
	s.views = sync.OnceValue(s.parseViews)
	return guard(o.Hosts, s.routes())
}

func (o Options) withDefaults() Options {
	if o.Repositories == nil {
		o.Repositories = []string{demo.Owner + "/" + demo.Repository}
	}
	if len(o.People) == 0 {
		o.People = []Person{
			{demo.Author, "Opened the pull request and may write to the repository"},
			{demo.Reviewer, "Code owner of production; may approve and merge"},
			{demo.Outsider, "May read and comment; the rest is refused"},
		}
	}
	if o.Suggestions == nil {
		o.Suggestions = []Suggestion{
			{"/plan", "Plan every project this pull request changes"},
			{"/apply", "Apply what was planned, once it is allowed"},
			{"/why", "Show what stands for and against applying"},
			{"/status", "Show what runs and what waits"},
			{"/help", "List the commands"},
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.Handle("GET /-/assets/{file}", http.StripPrefix("/-/", http.FileServerFS(assets)))
	mux.HandleFunc("GET "+eventsURL, s.events)
	mux.HandleFunc("POST /-/person", s.switchPerson)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", s.tab("conversation"))
	for _, tab := range []string{"commits", "checks", "files", "edit"} {
		mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/"+tab, s.tab(tab))
	}
	mux.HandleFunc("GET /{owner}/{repo}/runs/{id}", s.run)
	for path, action := range s.actions() {
		mux.HandleFunc("POST /{owner}/{repo}/pull/{number}/"+path, s.act(action))
	}
	mux.HandleFunc("GET /", s.notFound)
	return mux
}

func (s *site) parseViews() map[string]*template.Template {
	functions := template.FuncMap{
		"ago": s.ago, "icon": icon, "avatar": s.avatar, "short": short, "firstLine": firstLine,
	}
	parse := func(names ...string) *template.Template {
		for i := range names {
			names[i] = "templates/" + names[i] + ".html"
		}
		return template.Must(template.New("").Funcs(functions).ParseFS(templates, names...))
	}
	views := map[string]*template.Template{
		"list":  parse("layout", "list"),
		"error": parse("layout", "error"),
	}
	for _, tab := range []string{"conversation", "commits", "checks", "files", "edit"} {
		views[tab] = parse("layout", "pull", tab)
	}
	return views
}

// frame is what the layout needs on every page.
type frame struct {
	Title  string
	Repo   string // shown in the bar; empty on the list
	You    Person
	People []Person
	Here   string // where switching the person comes back to
	Events string // where changes are announced; empty: nowhere
	Flash  string // what went wrong, if something did
}

func (s *site) frame(r *http.Request, title string) frame {
	return frame{Title: title, You: s.you(r), People: s.people, Here: r.URL.Path}
}

// render writes a whole page or, if its template is at fault, none of it.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, view string, data any) {
	var page bytes.Buffer
	if err := s.views()[view].ExecuteTemplate(&page, "layout", data); err != nil {
		zerolog.Ctx(r.Context()).Error().Err(err).Str("view", view).Msg("page not rendered")
		http.Error(w, "The sandbox could not show this page; its log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the reader went away; nobody to tell
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &github.Error{Status: http.StatusNotFound})
}

// fail shows an error in place of a page.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, message := explain(r, err)
	data := s.frame(r, "Lockkeeper sandbox")
	data.Flash = message
	s.render(w, r, status, "error", data)
}

// explain turns an error into what a visitor can use: GitHub's refusals are
// meant for people, anything else goes to the log.
func explain(r *http.Request, err error) (status int, message string) {
	var refusal *github.Error
	if !errors.As(err, &refusal) {
		zerolog.Ctx(r.Context()).Error().Err(err).Str("path", r.URL.Path).Msg("page not served")
		return http.StatusInternalServerError, "The sandbox could not do this; its log says why. Reload the page to go on."
	}
	if refusal.Status == http.StatusNotFound {
		return refusal.Status, "There is nothing here. The pull request or check may be gone."
	}
	return refusal.Status, "GitHub refuses: " + refusal.Error()
}
