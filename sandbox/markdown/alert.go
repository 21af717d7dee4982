package markdown

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// alertMarker is the first line of an alert: the marker alone, in any case
// (docs.github.com, "Basic writing and formatting syntax", Alerts).
var alertMarker = regexp.MustCompile(`(?i)^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*$`)

// decorateAlert turns a quote that starts with a marker such as [!CAUTION] into
// an alert with a title. As on GitHub only a top-level quote can be one, and a
// marker without any text after it stays a quote.
func decorateAlert(quote *html.Node) {
	if inside(quote, atom.Blockquote, atom.Li) {
		return
	}
	paragraph := firstElement(quote)
	if paragraph == nil || paragraph.DataAtom != atom.P {
		return
	}
	text := paragraph.FirstChild
	if text == nil || text.Type != html.TextNode {
		return
	}
	marker := alertMarker.FindStringSubmatch(text.Data)
	if marker == nil {
		return
	}
	if !removeMarker(quote, paragraph) {
		return
	}
	kind := strings.ToLower(marker[1])
	quote.Data, quote.DataAtom = "div", atom.Div
	quote.Attr = []html.Attribute{{Key: "class", Val: "alert alert-" + kind}}
	quote.InsertBefore(element(atom.P, "alert-title", strings.ToUpper(kind[:1])+kind[1:]), quote.FirstChild)
}

// removeMarker takes the marker's line out and reports whether anything is left.
func removeMarker(quote, paragraph *html.Node) bool {
	marker := paragraph.FirstChild
	lineBreak := marker.NextSibling
	if lineBreak == nil {
		if nextElement(paragraph) == nil {
			return false
		}
		quote.RemoveChild(paragraph)
		return true
	}
	if lineBreak.DataAtom != atom.Br {
		return false
	}
	paragraph.RemoveChild(marker)
	paragraph.RemoveChild(lineBreak)
	if text := paragraph.FirstChild; text != nil && text.Type == html.TextNode {
		text.Data = strings.TrimLeft(text.Data, "\n")
	}
	return paragraph.FirstChild != nil || nextElement(paragraph) != nil
}

func firstElement(parent *html.Node) *html.Node {
	for child := range parent.ChildNodes() {
		if child.Type == html.ElementNode {
			return child
		}
	}
	return nil
}

func nextElement(node *html.Node) *html.Node {
	for next := node.NextSibling; next != nil; next = next.NextSibling {
		if next.Type == html.ElementNode {
			return next
		}
	}
	return nil
}
