package page

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	gh "github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
)

// TestInABrowser plays a visit in a real Chromium: nothing reloads, nothing
// typed or opened is lost, nothing is loaded from elsewhere, the console stays
// silent.
func TestInABrowser(t *testing.T) {
	w := newWorld(t)
	ctx, complaints := browser(t, w.url)
	v := visit{world: w, ctx: ctx, bot: w.app()}
	v.comments()
	v.keepsWhatIsTypedAndOpened()
	v.keepsPanelsClosed()
	v.merges()
	for _, complaint := range complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}

// visit is one person in front of a browser, and the App behind the page.
type visit struct {
	*world
	ctx context.Context
	bot *gh.Client
}

func (v visit) step(name string, actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, actions...); err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
}

func (v visit) comments() {
	v.step("opening the page", chromedp.Navigate(v.url+pullAt), chromedp.WaitVisible(chromedp.CSS("#comment textarea")),
		chromedp.Evaluate[chromedp.Void](`window.sameDocument = true`))
	v.step("a suggestion fills the box", click(`.lesson a[data-comment="/plan"]`),
		waitFor(`document.querySelector("#comment textarea").value === "/plan"`))
	v.step("the comment appears in place", click("#comment button.primary"),
		waitFor(`document.querySelector("#timeline").lastElementChild.textContent.includes("/plan")`),
		waitFor(`document.querySelector("#comment textarea").value === "" && window.sameDocument`))
	if moment := last(v.pull()); moment.Comment == nil || moment.Comment.Body != "/plan" || moment.Actor != demo.Author {
		v.t.Errorf("GitHub has %+v, want /plan by %s", moment, demo.Author)
	}
}

func (v visit) keepsWhatIsTypedAndOpened() {
	plan := func(status, diff string) *gh.IssueComment {
		return &gh.IssueComment{Body: gh.String("### Plan " + status + "\n\n<details><summary>network: 1 to add</summary>\n\n" + diff + "\n\n</details>")}
	}
	comment, _, err := v.bot.Issues.CreateComment(v.t.Context(), demo.Owner, demo.Repository, 1, plan("running", "old text"))
	must(v.t, err)
	v.step("typing and opening", chromedp.WaitVisible(chromedp.CSS(".markdown summary")),
		chromedp.SendKeys(chromedp.CSS("#comment textarea"), "half a thou"),
		click(".markdown summary"), waitFor(`document.querySelector(".markdown details").open`))
	_, _, err = v.bot.Issues.EditComment(v.t.Context(), demo.Owner, demo.Repository, comment.GetID(), plan("done", "new text"))
	must(v.t, err)
	_, err = v.As(demo.Reviewer).Review(repo, 1, "APPROVE", "")
	must(v.t, err)
	v.step("others' changes arrive by themselves",
		waitFor(`document.querySelector(".markdown details").textContent.includes("new text")`),
		waitFor(`document.querySelector("#merge").textContent.includes("Changes approved")`))
	v.step("what was typed and opened is still there", chromedp.SendKeys(chromedp.CSS("#comment textarea"), "ght"),
		waitFor(`document.querySelector("#comment textarea").value === "half a thought"`),
		waitFor(`document.querySelector(".markdown details").open && window.sameDocument`))
}

func (v visit) keepsPanelsClosed() {
	check := v.check(gh.CreateCheckRunOptions{Name: "lockkeeper/plan", Status: gh.String("in_progress")})
	panel := fmt.Sprintf(`document.getElementById("check-%d")`, check)
	v.step("closing a check's panel", chromedp.Navigate(v.url+pullAt+"/checks"), waitFor(panel+`.textContent.includes("in progress")`),
		click(".panel summary"), waitFor(`!`+panel+`.open`))
	_, _, err := v.bot.Checks.UpdateCheckRun(v.t.Context(), demo.Owner, demo.Repository, check, gh.UpdateCheckRunOptions{
		Name: "lockkeeper/plan", Status: gh.String("completed"), Conclusion: gh.String("success")})
	must(v.t, err)
	v.step("it stays closed when the check is done", waitFor(panel+`.textContent.includes("success")`), waitFor(`!`+panel+`.open`))
}

func (v visit) merges() {
	v.step("becoming the reviewer", chromedp.Navigate(v.url+pullAt), click("#person summary"),
		click(`.menu button[value="`+demo.Reviewer+`"]`),
		waitFor(`document.querySelector("#write")?.textContent.includes("as `+demo.Reviewer+`")`))
	v.step("merging in place", chromedp.Evaluate[chromedp.Void](`window.sameDocument = true`), click("#merge button.primary"),
		waitFor(`document.querySelector("#title").textContent.includes("Merged") && window.sameDocument`))
	if !v.pull().Merged {
		v.t.Error("the pull request is not merged")
	}
}

// click presses the element that a selector names. The page replaces elements
// when something changes on GitHub, so the one that was found may be gone before
// the mouse is there; then it is looked for again.
func click(selector string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (done chromedp.Void, err error) {
		for {
			_, err = chromedp.Click(chromedp.CSS(selector))(ctx, target)
			var gone *cdproto.Error
			if !errors.As(err, &gone) || ctx.Err() != nil {
				return done, err
			}
		}
	}
}

// waitFor waits until a JavaScript expression is true, across navigations.
func waitFor(expression string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if holds, err := chromedp.Evaluate[bool](expression)(ctx, target); err == nil && holds {
				return chromedp.Void{}, nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return chromedp.Void{}, fmt.Errorf("waiting for %s: %w", expression, ctx.Err())
			}
		}
	}
}

// browser starts a Chromium with an empty profile. The second result lists what
// a developer's console would show in red, and every address outside the page.
func browser(t *testing.T, site string) (context.Context, func() []string) {
	t.Helper()
	if os.Getenv("LOCKKEEPER_SKIP_BROWSER") == "1" {
		t.Skip("LOCKKEEPER_SKIP_BROWSER=1")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 1600),
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	var mu sync.Mutex // guards complaints
	var complaints []string
	err := chromedp.Listen(ctx, func(event any) {
		if complaint := complaint(event, site); complaint != "" {
			mu.Lock()
			defer mu.Unlock()
			complaints = append(complaints, complaint)
		}
	})
	if err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return complaints
	}
}

// complaint says what is wrong with an event; empty: nothing.
func complaint(event any, site string) string {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		return "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		return "console." + string(e.Type)
	case *log.EventEntryAdded:
		return e.Entry.Text
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, site+"/") {
			return "a request to " + e.Request.URL
		}
	}
	return ""
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	t.Fatal("this test needs Chromium on the PATH; install it (Debian: apt-get install chromium) or set LOCKKEEPER_SKIP_BROWSER=1")
	return ""
}
