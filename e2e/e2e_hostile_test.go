package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/markdown"
)

// What a hostile author writes wherever text can be written. Every part of it
// has a word that must not be seen outside of code.
const (
	hostileLine = "`@acme/platform <img src=//evil.example/a> ![i](//evil.example/b) [l](http://evil.example) www.evil.example **999 to add** #12 | x |"
	hostileText = "```\n@acme/platform\n<img src=\"http://evil.example/a.png\">\n![i](http://evil.example/b.png)\n[l](http://evil.example/c)\n" +
		"</details>\n<details open><summary>999 to add</summary>\n\n### Plan for deadbee\n\n**999 to add**\n\nPlan: 999 to add, 0 to change, 0 to destroy.\n" +
		"~~~\n````\n@acme/platform\n> [!NOTE]\n> 999 to add\n\x1b[31m\u202e@acme"
	hostileName = "`@acme <img src=x> ![i](www.evil.example) 999 to add | x"
	hostileRef  = "`@acme/platform</details><img>!999-to-add|www.evil.example"
)

// forged are the words of the above that would do something.
var forged = regexp.MustCompile(`@\w|evil\.example|999|deadbee|#12`)

func TestT42HostileTextStaysText(t *testing.T) {
	s := terraformStory(t)
	quoted := strconv.Quote(hostileText)
	quoted = strings.ReplaceAll(quoted, `\x1b`, `\u001b`)
	for _, tt := range []struct {
		name  string
		files github.Files
		want  string // in the comment, so that the text was there at all
	}{
		{"values, keys and outputs", github.Files{"live/dev/network/hostile.tf": fmt.Sprintf(`
resource "terraform_data" "hostile" {
  for_each = toset([%[1]s, "plain"])
  input    = { (each.key) = each.key, line = %[2]q }
}
output "hostile" { value = %[1]s }
`, quoted, hostileLine)}, "2 to add"},
		{"what a validation says", github.Files{"live/dev/network/hostile.tf": fmt.Sprintf(`
variable "hostile" {
  default = "no"
  validation {
    condition     = var.hostile == "yes"
    error_message = %s
  }
}
`, quoted)}, "ailed"},
		{"a precondition of a resource", github.Files{"live/dev/network/hostile.tf": fmt.Sprintf(`
resource "terraform_data" "hostile" {
  input = 1
  lifecycle {
    precondition {
      condition     = 1 == 2
      error_message = %s
    }
  }
}
`, quoted)}, "ailed"},
		{"a file that terraform complains about", github.Files{"live/dev/network/" + hostileName + ".tf": "resource \"terraform_data\" \"x\" {\n  input = no_such.thing\n}\n"}, "ailed"},
		{"a file that nobody can read", github.Files{"live/dev/network/" + hostileName + ".tf": "resource \"" + hostileName + "\" {\n"}, "network-dev"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &story{s.of(t)}
			n := s.openHostile(hostileRef+strings.ReplaceAll(tt.name, " ", "-"), tt.files)
			s.says(rui, n, "/status")
			s.wants(s.said(n)[0].Body, tt.want)
			s.harmless(n)
		})
	}
	t.Run("addresses of what is destroyed", func(t *testing.T) {
		s := &story{s.of(t)}
		s.addToState("network-dev", hostileLine, hostileText, hostileName)
		n := s.openHostile(hostileRef+"state", github.Files{"live/dev/network/notes.tf": "# none\n"})
		s.wants(s.said(n)[0].Body, "3 to destroy", "[!CAUTION]")
		s.harmless(n)
	})
	t.Run("names of projects and replies", func(t *testing.T) {
		s := &story{s.of(t)}
		_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "Discover", github.Files{"lockkeeper.yml": github.Deleted})
		s.check(err)
		n := s.openHostile(hostileRef+"project", github.Files{"live/" + hostileName + "/main.tf": "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"x\" {}\n"})
		s.wants(s.said(n)[0].Body, "1 to add")
		for _, command := range []string{"/plan " + hostileName, "/plan `@acme", "/plan x@acme", "/help @acme", "/pla @acme", "/plan -- -var=a=@acme", "/plan -- " + hostileLine, "/plan @acme=1", "/status " + hostileLine} {
			s.says(rui, n, command)
		}
		s.harmless(n)
	})
	t.Run("mistakes of a config", func(t *testing.T) {
		s := &story{s.of(t)}
		_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "Config", github.Files{
			"lockkeeper.yml": fmt.Sprintf("version: 1\n%[1]q: 1\nprojects:\n  - {name: %[1]q, dir: %[1]q, environment: %[1]q, %[1]q: 1}\n", hostileLine)})
		s.check(err)
		n := s.openHostile(hostileRef+"config", aChange("x"))
		s.wants(s.said(n)[0].Body, "lockkeeper.yml:2")
		s.harmless(n)
	})
}

// of is the same stage for a subtest.
func (s *stage) of(t *testing.T) *stage {
	return &stage{TB: t, world: s.world, dir: s.dir, config: s.config, store: s.store, github: s.github}
}

// addToState lets a project have resources with these keys, of which its code
// says nothing.
func (s *story) addToState(project string, keys ...string) {
	s.Helper()
	file := filepath.Join(s.dir, "states", project+".tfstate")
	content, err := os.ReadFile(file)
	s.check(err)
	var state map[string]any
	s.check(json.Unmarshal(content, &state))
	var instances []any
	for _, key := range keys {
		instances = append(instances, map[string]any{"index_key": key, "schema_version": 0, "attributes": map[string]any{"id": key}})
	}
	state["resources"] = append(state["resources"].([]any), map[string]any{
		"mode": "managed", "type": "terraform_data", "name": "gone", "instances": instances,
		"provider": `provider["terraform.io/builtin/terraform"]`,
	})
	content, err = json.Marshal(state)
	s.check(err)
	s.check(os.WriteFile(file, content, 0o600))
}

func (s *story) openHostile(branch string, files github.Files) int {
	s.Helper()
	author := s.world.GitHub.As(ana)
	_, err := author.Push(sandbox.Repository, branch, hostileText, files)
	s.check(err)
	n, err := author.OpenPull(sandbox.Repository, branch, demo.DefaultBranch, hostileLine, hostileText, false)
	s.check(err)
	s.quiet()
	if len(s.said(n)) == 0 {
		s.Fatal("Lockkeeper said nothing")
	}
	return n
}

// harmless checks everything that Lockkeeper wrote on a pull request.
func (s *story) harmless(number int) {
	s.Helper()
	for _, c := range s.said(number) {
		// Who asked is mentioned, at the very beginning and nowhere else.
		s.harmlessText("a comment", strings.TrimPrefix(c.Body, "@"+rui+" "))
	}
	for _, c := range s.pull(number).Checks {
		s.harmlessText("the summary of "+c.Name, c.Summary)
		s.harmlessText("the text of "+c.Name, c.Text)
		if strings.ContainsAny(c.Title, "\n<") {
			s.Errorf("the title of %s is %q", c.Name, c.Title)
		}
	}
}

// harmlessText reads Markdown twice: as goldmark's tree and as the page that the
// sandbox shows.
func (s *story) harmlessText(where, source string) {
	s.Helper()
	complaints := append(s.inTree(source), s.onPage(source)...)
	if len(complaints) > 0 {
		s.Errorf("%s holds %s:\n%s", where, strings.Join(complaints, ", "), source)
	}
}

var (
	ownTags   = regexp.MustCompile(`^(?:</?(?:details|summary|b|code)>|<!-- lockkeeper:[a-z0-9:]+ -->)$`)
	anyTag    = regexp.MustCompile(`(?s)<!--.*?-->|<[a-zA-Z/!?][^<>]*>?`)
	ourTarget = regexp.MustCompile(`^https://(?:www\.githubstatus\.com|docs\.github\.com)(?:/|$)`)
)

func (s *story) inTree(source string) (complaints []string) {
	data := []byte(source)
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	link := func(to string) {
		if !ourTarget.MatchString(to) && !strings.HasPrefix(to, s.world.URL+"/"+sandbox.Repository+"/") {
			complain("a link to %s", to)
		}
	}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(data))
	headings := 0
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			complain("an image")
		case *ast.Heading:
			headings++
		case *ast.Link:
			link(string(n.Destination))
		case *ast.AutoLink:
			link(string(n.URL(data)))
		case *ast.RawHTML:
			complain("HTML inside of a line")
		case *ast.HTMLBlock:
			block := string(n.Lines().Value(data))
			for _, tag := range anyTag.FindAllString(block, -1) {
				if !ownTags.MatchString(tag) {
					complain("the tag %s", tag)
				}
			}
		}
		return ast.WalkContinue, nil
	})
	s.check(err)
	if strings.HasPrefix(source, "### Plan") && headings != 1 {
		complain("%d headings", headings)
	}
	return complaints
}

var pages = markdown.New()

// onPage looks at what people see outside of code.
func (s *story) onPage(source string) (complaints []string) {
	page, err := html.Parse(strings.NewReader(string(pages.HTML(source))))
	s.check(err)
	var seen strings.Builder
	for n := range page.Descendants() {
		inCode := slices.ContainsFunc(slices.Collect(n.Ancestors()), func(a *html.Node) bool { return a.Data == "code" || a.Data == "pre" })
		for _, a := range n.Attr {
			if a.Key == "class" && (a.Val == "mention" || a.Val == "image") {
				complaints = append(complaints, "the decoration "+a.Val)
			}
		}
		if n.Type == html.TextNode && !inCode {
			seen.WriteString(n.Data)
		}
	}
	for _, word := range forged.FindAllString(seen.String(), -1) {
		complaints = append(complaints, fmt.Sprintf("%q outside of code", word))
	}
	// What comes last is still text: every fence and every fold ended.
	if strings.HasPrefix(source, "### Plan") && !strings.Contains(seen.String(), "Next") {
		complaints = append(complaints, "an end that is not text")
	}
	return complaints
}
