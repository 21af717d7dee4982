package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// live shows what each job that runs printed last, and since when it says so. The
// time changes only with the lines: each change costs a call.
func (v CheckView) live(jobs []run.Job) []string {
	var out []string
	for _, j := range jobs {
		l := v.Live[j.ID]
		text := strings.Trim(markdown.Clean(l.Text), "\n")
		if j.State != run.JobRunning || text == "" {
			continue
		}
		out = append(out, fmt.Sprintf("What Terraform prints for **%s**, at %s UTC:\n\n%s", name(view.ProjectOf(j)), l.At.UTC().Format(time.TimeOnly),
			markdown.Fence("", text)))
	}
	return out
}
