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
		unix.RLIMIT_DATA:   uint64(l.Memory),
	}
	if s.Tasks >= 0 {
		limits[unix.RLIMIT_NPROC] = uint64(s.Tasks + supervisorThreads + l.Processes)
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

// supervisorThreads is more than a supervisor has. Its user may be that of the
// commands.
const supervisorThreads = 32

// lookEvery is how often the processes of a jail are counted and measured.
const lookEvery = 100 * time.Millisecond

// use is what the processes of a jail take together.
type use struct {
	memory int64 // bytes that they do not share
	tasks  int   // processes and their threads
}

// useBelow measures everything that a process started, from outside.
func useBelow(pid int) use {
	var total use
	pids := childrenOf(pid)
	for i := 0; i < len(pids); i++ {
		u := useOf(pids[i])
		total.memory += u.memory
		total.tasks += u.tasks
		pids = append(pids, childrenOf(pids[i])...)
	}
	return total
}

// useOf measures one process, zero when it has ended.
func useOf(pid int) use {
	base := "/proc/" + strconv.Itoa(pid)
	var u use
	if content, err := os.ReadFile(base + "/statm"); err == nil {
		fields := append(strings.Fields(string(content)), "0", "0", "0")
		resident, _ := strconv.ParseInt(fields[1], 10, 64)
		shared, _ := strconv.ParseInt(fields[2], 10, 64)
		u.memory = (resident - shared) * int64(os.Getpagesize())
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
