package markdown

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hostile are inputs that have broken renderers before; T49 (script in pages)
// and T42 (images that report, broken structure) of the threat list.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`<svg onload=alert(1)><script href="data:,alert(1)"/></svg>`,
	`<svg><style><img src=x onerror=alert(1)></style></svg>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<a href="javascript:alert(1)">x</a> <a href=" &#106;avascript:alert(1)">y</a>`,
	"[x](data:text/html;base64,PHNjcmlwdD4=) [y](vbscript:x) [z](<java\nscript:alert(1)>)",
	`<iframe src="//evil.test"></iframe><object data=x></object><embed src=x>`,
	`<form action="/evil"><button formaction="/evil">go</button><input type=password name=x></form>`,
	`<style>@import url(//evil.test)</style><link rel=stylesheet href=//evil.test>`,
	`<td style="background:url(//evil.test);text-align:left">x</td>`,
	"| a |\n|:-:|\n| ![x](//evil.test/beacon.png) |",
	`<video src=//evil.test poster=//evil.test></video><audio src=//evil.test>`,
	`<meta http-equiv=refresh content="0;url=//evil.test"><base href=//evil.test>`,
	`</div></section></body></html><h1>outside`,
	`<details open ontoggle=alert(1)><summary>x`,
	"```diff\"onload=alert(1)\n<script>alert(1)</script>\n```",
	"```hcl\nresource \"<img src=x onerror=alert(1)>\" {\n```",
	"> [!NOTE]\n> <script>alert(1)</script>",
	`<picture><source srcset="//evil.test 1x"><img srcset="//evil.test 2x" src=a></picture>`,
	`<a href="https://ok.test" target=_blank ping=//evil.test>x</a>`,
	"@<b>x</b> 3f2c1ab<script>",
	"<!--[if gte IE 4]><script>alert(1)</script><![endif]--> <!-- > <script>alert(1)</script> -->",
	"<plaintext>\n<xmp><script>alert(1)</script></xmp><textarea></textarea>",
	`<p><li></p></li></ul></table><tr><td></blockquote>`,
}

func TestT49NothingHostileSurvives(t *testing.T) {
	renderer := New()
	for _, source := range hostile {
		checkSafe(t, string(renderer.HTML(source)))
	}
}

func FuzzHTML(f *testing.F) {
	for _, source := range hostile {
		f.Add(source)
	}
	f.Add("# a\n\n- [x] @mona 3f2c1ab\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n> [!TIP]\n> b\n\n<details><summary>s</summary>\n\n```hcl\na = \"b\" # c\n```\n\n</details>")
	renderer := New()
	f.Fuzz(func(t *testing.T, source string) {
		checkSafe(t, string(renderer.HTML(source)))
	})
}

// allowed lists, written by hand and apart from the policy, what may be seen by
// a browser.
var (
	allowedElements = strings.Fields("h1 h2 h3 h4 h5 h6 p br hr div span blockquote ul ol li dl dt dd pre code samp kbd var tt b i strong em del s strike ins mark small sub sup q cite abbr details summary table thead tbody tfoot tr th td caption ruby rt rp a")
	allowedClasses  = strings.Fields("mention commit image task done alert alert-note alert-tip alert-important alert-warning alert-caution alert-title line added removed changed replaced read hunk comment hcl-comment hcl-string hcl-constant hcl-keyword align-left align-center align-right")
	allowedSchemes  = []string{"", "http", "https", "mailto"}
)

func checkSafe(t *testing.T, rendered string) {
	t.Helper()
	// The browser sees the comment inside the page, so it is judged inside one.
	page, err := html.Parse(strings.NewReader(`<!doctype html><body><main id="frame">` + rendered + `</main><footer id="after"></footer>`))
	if err != nil {
		return // too deep for a parser: nothing of it is interpreted
	}
	var frame, after *html.Node
	for node := range page.Descendants() {
		switch attribute(node, "id") {
		case "frame":
			frame = node
		case "after":
			after = node
		}
	}
	if frame == nil || after == nil || after.Parent != frame.Parent || frame.NextSibling != after {
		t.Fatalf("the comment broke out of its box: %q", rendered)
	}
	for node := range frame.Descendants() {
		checkNode(t, node, rendered)
	}
}

func checkNode(t *testing.T, node *html.Node, rendered string) {
	t.Helper()
	switch node.Type {
	case html.TextNode:
		return
	case html.ElementNode:
		if node.Namespace != "" || !slices.Contains(allowedElements, node.Data) {
			t.Fatalf("element <%s> survived: %q", node.Data, rendered)
		}
	default:
		t.Fatalf("a comment or declaration survived: %q", rendered)
	}
	for _, a := range node.Attr {
		if !allowedAttribute(node.Data, a) {
			t.Fatalf("attribute %s=%q on <%s> survived: %q", a.Key, a.Val, node.Data, rendered)
		}
	}
}

func allowedAttribute(element string, a html.Attribute) bool {
	switch a.Key {
	case "class":
		for _, class := range strings.Fields(a.Val) {
			if !slices.Contains(allowedClasses, class) {
				return false
			}
		}
		return true
	case "href":
		link, err := url.Parse(a.Val)
		return element == "a" && err == nil && slices.Contains(allowedSchemes, strings.ToLower(link.Scheme))
	case "rel", "title", "open", "align", "start", "colspan", "rowspan":
		return true
	}
	return false
}
