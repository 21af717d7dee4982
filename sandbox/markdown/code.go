package markdown

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// decorateCode colours a fenced block: each line becomes a span whose class
// says what the line is, and HCL lines get spans for their words.
func decorateCode(code *html.Node) {
	language := strings.TrimPrefix(attribute(code, "class"), "language-")
	code.Attr = nil
	if code.Parent == nil || code.Parent.DataAtom != atom.Pre {
		return
	}
	only := code.FirstChild
	if only == nil || only.Type != html.TextNode || only.NextSibling != nil {
		return // raw HTML inside: leave as it is
	}
	var line func(string) *html.Node
	switch strings.ToLower(language) {
	case "diff", "patch":
		line = diffLine
	case "terraform", "hcl", "tf":
		line = hclLine
	default:
		return
	}
	code.RemoveChild(only)
	for text := range strings.Lines(only.Data) {
		code.AppendChild(line(text))
	}
}

// diffLine judges a line by its first character, as GitHub's diff grammar does.
func diffLine(text string) *html.Node {
	return element(atom.Span, "line"+diffClass(text), text)
}

func diffClass(text string) string {
	switch {
	case strings.HasPrefix(text, "@@"):
		return " hunk"
	case strings.HasPrefix(text, "+"):
		return " added"
	case strings.HasPrefix(text, "-"):
		return " removed"
	case strings.HasPrefix(text, "!"):
		return " changed"
	case strings.HasPrefix(text, "#"):
		return " comment"
	}
	return ""
}

// planMarker is the sign that terraform puts before what it will do.
var planMarker = regexp.MustCompile(`^\s*(-/\+|\+/-|[-+~]|<=) `)

// hclToken finds, in this order: a comment, a string, a number or constant, and
// the word that opens a block or names an argument.
var hclToken = regexp.MustCompile(`((?:#|//).*)|("(?:[^"\\\n]|\\.)*")|(\b(?:true|false|null|\d+(?:\.\d+)?)\b)|(\b[A-Za-z_][\w-]*\b)`)

// hclKeywords are the block types and control words of Terraform's language.
const hclKeywords = " resource data module variable output locals provider terraform backend moved import removed check lifecycle precondition postcondition dynamic for in if else for_each count "

func hclLine(text string) *html.Node {
	line := element(atom.Span, "line"+planClass(text), "")
	rest := 0
	for _, match := range hclToken.FindAllStringSubmatchIndex(text, -1) {
		from, to := match[0], match[1]
		class := tokenClass(match, text[from:to])
		if class == "" {
			continue
		}
		appendText(line, text[rest:from])
		line.AppendChild(element(atom.Span, class, text[from:to]))
		rest = to
	}
	appendText(line, text[rest:])
	return line
}

func planClass(text string) string {
	marker := planMarker.FindStringSubmatch(text)
	if marker == nil {
		return ""
	}
	switch marker[1] {
	case "+":
		return " added"
	case "-":
		return " removed"
	case "~":
		return " changed"
	case "<=":
		return " read"
	}
	return " replaced"
}

func tokenClass(match []int, word string) string {
	switch {
	case match[2] >= 0:
		return "hcl-comment"
	case match[4] >= 0:
		return "hcl-string"
	case match[6] >= 0:
		return "hcl-constant"
	case strings.Contains(hclKeywords, " "+word+" "):
		return "hcl-keyword"
	}
	return ""
}

func appendText(parent *html.Node, text string) {
	if text != "" {
		parent.AppendChild(&html.Node{Type: html.TextNode, Data: text})
	}
}
