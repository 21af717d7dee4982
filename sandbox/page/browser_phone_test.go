package page

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	gh "github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
)

// The menu closes as menus do, a comment that is sent twice before the answer is one
// comment, and a press of a check's button is confirmed where it was made.
func TestWhatAPersonExpectsOfAPage(t *testing.T) {
	w := newWorld(t)
	ctx, complaints := browser(t, w.url)
	v := visit{world: w, ctx: ctx, bot: w.app()}
	open := `document.querySelector("#person").open`
	v.step("opening the menu", chromedp.Navigate(v.url+pullAt), click("#person summary"), waitFor(open))
	v.step("Escape closes it", chromedp.Evaluate[chromedp.Void](`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}))`),
		waitFor("!"+open+` && document.activeElement === document.querySelector("#person summary")`))
	v.step("so does a click elsewhere", click("#person summary"), waitFor(open), click("#title h1"), waitFor("!"+open))

	v.step("Ctrl and Enter twice", chromedp.SendKeys(chromedp.CSS("#comment textarea"), "only once"),
		chromedp.Evaluate[chromedp.Void](`(() => { const form = document.querySelector("#comment"); form.requestSubmit(); form.requestSubmit(); })()`),
		waitFor(`document.querySelector("#comment textarea").value === ""`))
	sent := 0
	for _, moment := range v.pull().Timeline {
		if moment.Comment != nil && moment.Comment.Body == "only once" {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("the comment is there %d times", sent)
	}

	v.check(gh.CreateCheckRunOptions{Name: "lockkeeper/plan", Status: gh.String("completed"), Conclusion: gh.String("success"),
		Actions: []*gh.CheckRunAction{{Label: "Plan again", Description: "Plan", Identifier: "plan"}}})
	v.step("pressing a button", chromedp.Navigate(v.url+pullAt+"/checks"), click(`.buttons button[value="plan"]`),
		waitFor(`document.querySelector("#toast").textContent.startsWith("Plan again is sent.")`))
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}

// On a phone nothing that matters is out of sight or too small for a finger, and what
// a plan destroys is not off the edge.
func TestOnAPhone(t *testing.T) {
	w := newWorld(t)
	ctx, _ := browser(t, w.url)
	v := visit{world: w, ctx: ctx, bot: w.app()}
	_, _, err := v.bot.Issues.CreateComment(t.Context(), demo.Owner, demo.Repository, 1, &gh.IssueComment{Body: gh.String(
		"| project | destroy | replace | change | add | environment |\n|---|--:|--:|--:|--:|---|\n| database-prod | 1 | 1 | 2 | 3 | prod |\n")})
	must(t, err)
	v.check(gh.CreateCheckRunOptions{Name: "lockkeeper/plan", Status: gh.String("completed"), Conclusion: gh.String("success")})
	v.step("a phone", chromedp.EmulateViewport(390, 844))
	inSight := func(selector string) string {
		return fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%q)]; return all.length > 0 && all.every((e) => {
			const r = e.getBoundingClientRect(); return r.width > 0 && r.left >= 0 && r.right <= window.innerWidth; }); })()`, selector)
	}
	tall := func(selector string) string {
		return fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(%q)]; return all.length > 0 && all.every((e) => e.getBoundingClientRect().height >= 44); })()`, selector)
	}
	v.step("the conversation", chromedp.Navigate(v.url+pullAt), waitFor(inSight(".sidebar ol li")), waitFor(inSight(".tabs a")),
		waitFor(inSight(".markdown th:nth-child(2)")), waitFor(inSight(".markdown th:nth-child(3)")),
		waitFor(tall(".chip")), waitFor(tall(".checks a")), waitFor(tall("#merge button.primary")),
		waitFor(`document.querySelector("#merge button.primary").getBoundingClientRect().height < 60`)) // one line
	v.step("the checks", chromedp.Navigate(v.url+pullAt+"/checks"), waitFor(inSight(`.tabs a[aria-current]`)))
}
