package pull

import (
	"errors"
	"fmt"

	"github.com/google/go-github/v60/github"
)

// pageSize is the most that GitHub gives at once ("Using pagination in the REST
// API"). Whatever it gives, the next page is the one that it names.
const pageSize = 100

// maxPages ends a list that never ends.
const maxPages = 500

// pages reads a whole list. An answer without a list, which the client takes
// for an empty one, is an error: it must not stand for "nobody objects".
func pages[T any](what string, page func(github.ListOptions) ([]T, *github.Response, error)) ([]T, error) {
	all := []T{}
	for at := 1; ; {
		got, response, err := page(github.ListOptions{Page: at, PerPage: pageSize})
		if err != nil {
			return nil, readError(what, err)
		}
		if got == nil {
			return nil, readError(what, errNoList)
		}
		all = append(all, got...)
		next := response.NextPage
		switch {
		case next == 0:
			return all, nil
		case next <= at || next > maxPages:
			return nil, readError(what, fmt.Errorf("GitHub names page %d after page %d", next, at))
		}
		at = next
	}
}

var errNoList = errors.New("GitHub's answer holds no list")
