package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuTime is the processor time of a process, and of its children that ended.
type cpuTime struct{ own, children time.Duration }

func (c cpuTime) plus(o cpuTime) cpuTime { return cpuTime{c.own + o.own, c.children + o.children} }

func (c cpuTime) per(n int) cpuTime {
	return cpuTime{c.own / time.Duration(n), c.children / time.Duration(n)}
}

// timed measures what a process and its children use while f works.
func timed(pid int, f func() (time.Duration, error)) (took time.Duration, used cpuTime, err error) {
	before, err := cpuOf(pid)
	if err != nil {
		return 0, cpuTime{}, err
	}
	if took, err = f(); err != nil {
		return 0, cpuTime{}, err
	}
	after, err := cpuOf(pid)
	return took, cpuTime{after.own - before.own, after.children - before.children}, err
}

// cpuOf reads /proc/<pid>/stat (proc_pid_stat(5)), in which times are hundredths
// of a second on every Linux that Go knows.
func cpuOf(pid int) (c cpuTime, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, err
	}
	// The second field is a name in parentheses and may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const utime, stime, cutime, cstime = 11, 12, 13, 14 // counted from the third field
	if len(fields) <= cstime {
		return c, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	for i, into := range map[int]*time.Duration{utime: &c.own, stime: &c.own, cutime: &c.children, cstime: &c.children} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return c, err
		}
		*into += time.Duration(ticks) * 10 * time.Millisecond
	}
	return c, nil
}
