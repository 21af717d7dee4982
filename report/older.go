package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// newerHead is the commit that was pushed after the one that is shown and that nobody
// planned; empty when there is none.
func newerHead(plans []run.Run, shown string) string {
	i := slices.IndexFunc(plans, func(r run.Run) bool { return r.HeadSHA == shown && shown != "" })
	if i < 0 {
		return ""
	}
	return plans[i].NewerHead
}

// olderLine says that what is shown is not of the head.
func (v View) olderLine(p picked) string {
	if p.newer == "" {
		return ""
	}
	line := "\n**Of an older commit**: " + short(p.newer) + " is the head now."
	if !v.over(p) {
		line += " Comment `/plan` to plan that; nothing here can be applied any more."
	}
	return line + "\n"
}

// unlessOlder is what is said of an apply, which is of the head alone.
func (p picked) unlessOlder(text string) string {
	if p.newer != "" {
		return ""
	}
	return text
}
