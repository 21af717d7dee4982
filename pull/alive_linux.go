package pull

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// work sums up what the processes of a group did so far: another answer means
// that something happened. Bytes count for all of them: what comes from the
// network, git-remote-https passes on. Time counts for all but that one, which
// spends some on waiting: git looks through what came without reading or
// writing a file. known is false when nothing can be said.
func work(group int) (done string, known bool) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, file := range stats {
		name, fields := stat(file)
		if len(fields) < 13 || fields[2] != strconv.Itoa(group) {
			continue
		}
		known = true
		io, err := os.ReadFile(filepath.Join(filepath.Dir(file), "io"))
		if err != nil {
			return "", false
		}
		chars, _, _ := strings.Cut(string(io), "syscr") // rchar and wchar come first
		fmt.Fprintf(&b, "%s %s", file, chars)
		if !strings.HasPrefix(name, "git-remote-") {
			fmt.Fprintf(&b, "%s %s", fields[11], fields[12]) // utime, stime
		}
	}
	return b.String(), known
}

// stat reads proc_pid_stat(5): the name, and the fields behind it, from state.
func stat(file string) (name string, fields []string) {
	content, err := os.ReadFile(file)
	open, end := strings.IndexByte(string(content), '('), strings.LastIndexByte(string(content), ')')
	if err != nil || open < 0 || end < open {
		return "", nil // it ended
	}
	return string(content[open+1 : end]), strings.Fields(string(content[end+1:]))
}
