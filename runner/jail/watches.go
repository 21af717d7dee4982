package jail

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Of epoll(7) a user may watch only so many files on a machine
// (/proc/sys/fs/epoll/max_user_watches), and no limit bounds what one process takes
// of that. Who has none left starts no program in Go and takes no connection. A job
// of the caller's user that takes all of them is ended.

const (
	manyEpolls   = 200 // of a job with the blame: terraform and its providers have one each
	fullPatience = 10  // looks until a job is ended of which nobody can see whether it has the blame
)

// watches looks after what a jail takes of them.
type watches struct{ full int } // looks in a row that found none left

// taken reports whether what a process started has to end, so that others have some
// again. One that runs to its end in any case (last) is ended only when it is seen
// to have the blame: files that are on their way through a socket are not seen.
func (w *watches) taken(pid int, last bool) bool {
	if !noWatchLeft() {
		w.full = 0
		return false
	}
	w.full++
	return epollsBelow(pid) >= manyEpolls || w.full > fullPatience && !last
}

// noWatchLeft tries to take one.
func noWatchLeft() bool {
	var fds [2]int
	for i := range fds {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return false
		}
		defer func() { _ = unix.Close(fd) }()
		fds[i] = fd
	}
	return errors.Is(unix.EpollCtl(fds[0], unix.EPOLL_CTL_ADD, fds[1], &unix.EpollEvent{Events: unix.EPOLLIN}), unix.ENOSPC)
}

// epollsBelow counts the open files with watches of everything that a process
// started. Who lets nobody look has many.
func epollsBelow(pid int) int {
	n := 0
	pids := childrenOf(pid)
	for i := 0; i < len(pids) && n < manyEpolls; i++ {
		dir := "/proc/" + strconv.Itoa(pids[i]) + "/fd/"
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) {
			return manyEpolls
		}
		for _, e := range entries {
			if to, err := os.Readlink(dir + e.Name()); err == nil && to == "anon_inode:[eventpoll]" {
				n++
			}
		}
		pids = append(pids, childrenOf(pids[i])...)
	}
	return n
}
