package jail

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// setLimits sets what the system limits for each process, and how many the user
// of the commands may have.
func (s *supervisor) setLimits() error {
	l := s.Box.Limits
	limits := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: uint64(l.Files),
		unix.RLIMIT_FSIZE:  uint64(l.FileSize),
	}
	if s.Tasks >= 0 {
		limits[unix.RLIMIT_NPROC] = uint64(supervisorThreads + l.Processes)
	}
	if s.Tasks > 0 { // other jobs have this user, too, and must not fail because of this one
		limits[unix.RLIMIT_NPROC] = uint64(s.Tasks + supervisorThreads + sharedUser*l.Processes)
	}
	for which, limit := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("reading limit %d: %w", which, err)
		}
		limit = min(limit, now.Max)
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("setting limit %d to %d: %w", which, limit, err)
		}
	}
	return nil
}

// limitMemory bounds the memory of a command that was just started, and of each
// process that it starts, until the next look at them: half more than they may
// have. The system counts what a process requested, used or not, and runtimes ask
// for tens of megabytes at a time, so a bound at the limit itself would end
// programs that are not near it, and nothing that can be measured would say why.
// The supervisor itself may need more than a small limit. The filter of the thread
// that starts commands refuses it.
func (s *supervisor) limitMemory(pid int) {
	limit := uint64(s.Box.Limits.Memory) / 2 * 3
	_ = s.elsewhere(func() error { // an error means that it has ended
		return unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	})
}

// supervisorThreads is more than a supervisor has. Its user may be that of the
// commands.
const supervisorThreads = 32

// sharedUser is how many times its own limit the processes of a job and of others
// of the same user may be, where nothing tells them apart. The next look at them
// ends the one that is to blame.
const sharedUser = 8

// lookEvery is how often the processes of a jail are counted and measured.
const lookEvery = 100 * time.Millisecond

// use is what the processes of a jail take together.
type use struct {
	memory    int64 // bytes that are not of files; what several share counts for each
	tasks     int   // processes and their threads
	requested int64 // bytes that one of them requested and may not have used, at most
	files     int   // for which one of them has had room, at most: no fewer than it has open
}

// add is this and what another process takes.
func (u use) add(o use) use {
	return use{u.memory + o.memory, u.tasks + o.tasks, max(u.requested, o.requested), max(u.files, o.files)}
}

// most is the larger one of each.
func (u use) most(o use) use {
	return use{max(u.memory, o.memory), max(u.tasks, o.tasks), max(u.requested, o.requested), max(u.files, o.files)}
}

// useBelow measures everything that a process started, from outside.
func useBelow(pid int) use {
	var total use
	pids := childrenOf(pid)
	for i := 0; i < len(pids); i++ {
		total = total.add(useOf(pids[i]))
		pids = append(pids, childrenOf(pids[i])...)
	}
	return total
}

// useOf measures one process, zero when it has ended.
func useOf(pid int) use {
	base := "/proc/" + strconv.Itoa(pid)
	var u use
	if content, err := os.ReadFile(base + "/status"); err == nil {
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			if len(fields) < 2 {
				continue
			}
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			switch fields[0] {
			case "RssAnon:", "RssShmem:":
				u.memory += n << 10
			case "VmData:":
				u.requested = n << 10
			case "FDSize:":
				u.files = int(n)
			}
		}
	}
	if threads, err := os.ReadDir(base + "/task"); err == nil {
		u.tasks = len(threads)
	}
	return u
}

// broken is the limit that is reached, empty for none. The system refuses more
// processes only a little later, for those who are faster than the next look.
func (l Limits) broken(u use) Limit {
	switch {
	case u.memory > l.Memory:
		return LimitMemory
	case u.tasks >= l.Processes:
		return LimitProcesses
	}
	return ""
}

// tasksOf counts the processes and threads of a user.
func tasksOf(uid int) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		if unix.Stat("/proc/"+e.Name()+"/task", &stat) == nil && int(stat.Uid) == uid {
			n += useOf(pid).tasks
		}
	}
	return n
}
