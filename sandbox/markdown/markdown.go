// Package markdown turns the Markdown of a GitHub comment into the HTML that
// GitHub would show for it, for the sandbox's pull request page.
//
// It works in GitHub's own order: Markdown to HTML, then one allow-list over
// all of it, then the decorations GitHub adds (alerts, mentions, commit names,
// coloured code) on the clean tree. Comments are untrusted, so whatever the
// input, the result runs nothing, loads nothing and cannot close an element of
// the page around it. The package knows no pull request, user or repository.
package markdown

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Renderer renders comments. It is safe for concurrent use.
type Renderer struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// New returns a Renderer for GitHub comments: GitHub Flavored Markdown, where
// each line break of the source is a line break of the page.
func New() *Renderer {
	return &Renderer{
		markdown: goldmark.New(
			goldmark.WithExtensions(extension.GFM),
			goldmark.WithRendererOptions(
				gmhtml.WithHardWraps(),
				gmhtml.WithUnsafe(), // raw HTML passes here; the policy judges it
			),
		),
		policy: newPolicy(),
	}
}

// HTML renders one comment. The result is well-formed, holds only elements and
// attributes of the allow-list plus this package's own classes, and loads
// nothing from anywhere. A source that cannot be rendered (for example one
// nested deeper than an HTML parser accepts) is shown as plain text.
func (r *Renderer) HTML(source string) template.HTML {
	rendered, err := r.render(source)
	if err != nil {
		return template.HTML("<pre>" + html.EscapeString(source) + "</pre>")
	}
	return template.HTML(rendered)
}

func (r *Renderer) render(source string) (string, error) {
	var raw bytes.Buffer
	if err := r.markdown.Convert([]byte(source), &raw); err != nil {
		return "", fmt.Errorf("rendering markdown: %w", err)
	}
	body, err := parse(r.policy.SanitizeBytes(raw.Bytes()))
	if err != nil {
		return "", err
	}
	decorate(body)
	var out strings.Builder
	for node := range body.ChildNodes() {
		if err := html.Render(&out, node); err != nil {
			return "", fmt.Errorf("writing html: %w", err)
		}
	}
	return out.String(), nil
}

// parse builds the tree of an HTML fragment. It also balances it: bluemonday
// filters tags one by one, so a lone </div> would otherwise end the comment's
// own box.
func parse(fragment []byte) (*html.Node, error) {
	body := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(bytes.NewReader(fragment), body)
	if err != nil {
		return nil, fmt.Errorf("parsing rendered html: %w", err)
	}
	for _, node := range nodes {
		body.AppendChild(node)
	}
	return body, nil
}
