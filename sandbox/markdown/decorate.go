package markdown

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// decorate adds to a sanitized tree what GitHub adds after its own sanitizing.
// Everything it creates is built as nodes, so untrusted text stays text.
func decorate(body *html.Node) {
	for _, node := range slices.Collect(body.Descendants()) {
		switch {
		case node.Type == html.TextNode:
			decorateText(node)
		case node.DataAtom == atom.Img:
			replaceImage(node)
		case node.DataAtom == atom.Input:
			replaceCheckbox(node)
		case node.DataAtom == atom.Blockquote:
			decorateAlert(node)
		case node.DataAtom == atom.Code:
			decorateCode(node)
		case node.DataAtom == atom.Th, node.DataAtom == atom.Td:
			alignCell(node)
		}
	}
}

// reference finds a mention (a login or org/team, not inside a word or an
// e-mail address) or a commit name of 7 to 40 hexadecimal digits.
var reference = regexp.MustCompile(`(^|[^\w@/.+-])(?:(@[a-zA-Z0-9][a-zA-Z0-9-]{0,38}(?:/[a-zA-Z0-9][\w-]{0,99})?)|([0-9a-f]{7,40}))\b`)

// decorateText styles mentions and commit names, outside code and links.
func decorateText(text *html.Node) {
	if text.Parent == nil || inside(text, atom.Code, atom.Pre, atom.A, atom.Kbd, atom.Samp) {
		return
	}
	source, rest := text.Data, 0
	for _, match := range reference.FindAllStringSubmatchIndex(source, -1) {
		class, from, to := "mention", match[4], match[5]
		if from < 0 {
			class, from, to = "commit", match[6], match[7]
			if !looksLikeCommit(source[from:to]) {
				continue
			}
		}
		insertText(text, source[rest:from])
		text.Parent.InsertBefore(element(atom.Span, class, source[from:to]), text)
		rest = to
	}
	text.Data = source[rest:]
}

// looksLikeCommit tells 3f2c1ab from an ordinary number and from words such as
// "defaced". GitHub asks the repository; this package does not know one.
func looksLikeCommit(word string) bool {
	return strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, "abcdef")
}

func insertText(before *html.Node, text string) {
	if text != "" {
		before.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: text}, before)
	}
}

// replaceImage shows an image as a link to it: GitHub would load it through its
// proxy, a sandbox must not load anything.
func replaceImage(image *html.Node) {
	source, label := attribute(image, "src"), attribute(image, "alt")
	if label == "" {
		label = source
	}
	if label == "" {
		label = "image"
	}
	link := element(atom.Span, "image", label)
	if source != "" && !inside(image, atom.A) {
		link = element(atom.A, "image", label)
		link.Attr = append(link.Attr,
			html.Attribute{Key: "href", Val: source},
			html.Attribute{Key: "rel", Val: "nofollow noreferrer"})
	}
	replace(image, link)
}

// replaceCheckbox draws a task's box as text, so that no form control of a
// comment ever reaches the page.
func replaceCheckbox(input *html.Node) {
	box := element(atom.Span, "task", "☐")
	if hasAttribute(input, "checked") {
		box = element(atom.Span, "task done", "☑")
	}
	replace(input, box)
}

// alignCell turns goldmark's alignment style into a class: the page's
// Content-Security-Policy refuses inline styles.
func alignCell(cell *html.Node) {
	_, align, found := strings.Cut(attribute(cell, "style"), ":")
	if !found {
		align = attribute(cell, "align")
	}
	cell.Attr = slices.DeleteFunc(cell.Attr, func(a html.Attribute) bool { return a.Key == "style" || a.Key == "align" })
	if align = strings.Trim(align, " ;"); align != "" {
		cell.Attr = append(cell.Attr, html.Attribute{Key: "class", Val: "align-" + align})
	}
}

// element returns a new element with a class and a text.
func element(tag atom.Atom, class, text string) *html.Node {
	node := &html.Node{Type: html.ElementNode, Data: tag.String(), DataAtom: tag}
	node.Attr = []html.Attribute{{Key: "class", Val: class}}
	if text != "" {
		node.AppendChild(&html.Node{Type: html.TextNode, Data: text})
	}
	return node
}

func replace(old, new *html.Node) {
	old.Parent.InsertBefore(new, old)
	old.Parent.RemoveChild(old)
}

func inside(node *html.Node, tags ...atom.Atom) bool {
	for parent := range node.Ancestors() {
		if slices.Contains(tags, parent.DataAtom) {
			return true
		}
	}
	return false
}

func attribute(node *html.Node, key string) string {
	for _, a := range node.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(node *html.Node, key string) bool {
	return slices.ContainsFunc(node.Attr, func(a html.Attribute) bool { return a.Key == key })
}
