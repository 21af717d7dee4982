package report

import (
	"github.com/lockkeeper/lockkeeper/report/view"
)

// olderLine says that what is shown is not of the head.
func olderLine(m view.Model) string {
	if m.Newer == "" {
		return ""
	}
	line := "\n**Of an older commit**: " + short(m.Newer) + " is the head now."
	if !m.Over() {
		line += " Comment `/plan` to plan that; nothing here can be applied any more."
	}
	return line + "\n"
}

// unlessOlder is what is said of an apply, which is of the head alone.
func unlessOlder(m view.Model, text string) string {
	if m.Newer != "" {
		return ""
	}
	return text
}
