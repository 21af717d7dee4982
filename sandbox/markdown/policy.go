package markdown

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

// newPolicy is the allow-list, in the spirit of GitHub's
// (github.com/gjtorikian/html-pipeline, SanitizationFilter): text structure
// passes; scripts, styles, forms, frames, media, ids and classes do not.
// The one class that passes is the language of a code block, which decorate
// reads. Images pass here only so that decorate can turn them into links.
func newPolicy() *bluemonday.Policy {
	policy := bluemonday.NewPolicy()
	policy.AllowElements(
		"h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "blockquote",
		"ul", "ol", "li", "dl", "dt", "dd", "pre", "code", "samp", "kbd", "var", "tt",
		"b", "i", "strong", "em", "del", "s", "strike", "ins", "mark", "small", "sub", "sup", "q", "cite", "abbr",
		"details", "summary", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption",
		"ruby", "rt", "rp", "input",
	)
	policy.AllowAttrs("open").Matching(regexp.MustCompile(`^(open)?$`)).OnElements("details")
	policy.AllowAttrs("title").OnElements("a", "abbr")
	policy.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td", "p", "div", "h1", "h2", "h3")
	// goldmark aligns table cells with a style; this one declaration and nothing else.
	policy.AllowStyles("text-align").MatchingEnum("left", "center", "right").OnElements("th", "td")
	policy.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	policy.AllowAttrs("colspan", "rowspan").Matching(bluemonday.Integer).OnElements("th", "td")
	policy.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	policy.AllowAttrs("checked").Matching(regexp.MustCompile(`^(checked)?$`)).OnElements("input")
	policy.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[a-zA-Z0-9_+-]{1,32}$`)).OnElements("code")

	policy.AllowURLSchemes("http", "https", "mailto")
	policy.AllowRelativeURLs(true)
	policy.RequireParseableURLs(true)
	policy.AllowAttrs("href").OnElements("a")
	policy.AllowAttrs("src", "alt").OnElements("img")
	policy.RequireNoFollowOnLinks(true)
	policy.RequireNoReferrerOnLinks(true)
	return policy
}
