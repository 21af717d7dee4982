package page

import (
	"net/http"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// listPage is every repository with its pull requests.
type listPage struct {
	frame
	Repositories []repositoryRow
}

type repositoryRow struct {
	Name  string // owner/name
	Pulls []pullRow
}

type pullRow struct {
	Number        int
	Title, Author string
	URL           string
	State         stateBadge
	Created       time.Time
	Comments      int
}

func (s *site) list(w http.ResponseWriter, r *http.Request) {
	page := listPage{frame: s.frame(r, "Pull requests · Lockkeeper sandbox")}
	page.Events = eventsURL
	for _, name := range s.repositories {
		row, err := s.repositoryRow(name)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		page.Repositories = append(page.Repositories, row)
	}
	s.render(w, r, http.StatusOK, "list", page)
}

func (s *site) repositoryRow(name string) (repositoryRow, error) {
	row := repositoryRow{Name: name}
	numbers, err := s.double.PullNumbers(name)
	if err != nil {
		return row, err
	}
	for _, number := range slices.Backward(numbers) { // newest first
		pull, err := s.double.Pull(name, number)
		if err != nil {
			return row, err
		}
		row.Pulls = append(row.Pulls, pullRow{
			Number: number, Title: pull.Title, Author: pull.Author, URL: pullURL(name, number, "conversation"),
			State: badge(pull), Created: pull.Created, Comments: countComments(pull),
		})
	}
	return row, nil
}

func countComments(pull github.PullView) int {
	count := 0
	for _, moment := range pull.Timeline {
		if moment.Kind == "commented" {
			count++
		}
	}
	return count
}
