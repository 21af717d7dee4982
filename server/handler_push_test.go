package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pushEvent(t testing.TB, change ...func(m)) []byte {
	commit := func(id string, distinct bool) m { return m{"id": id, "distinct": distinct} }
	ben := user("ben")
	ben["id"] = 12
	e := m{
		"ref": "refs/heads/topic", "before": "ccc", "after": "aaa", "deleted": false, "sender": ben,
		"commits": []any{commit("merged", false), commit("bbb", true), commit("aaa", true)}, "head_commit": commit("aaa", true),
	}
	for _, c := range change {
		c(e)
	}
	return payload(t, e)
}

// Every push is recorded, to any branch, whatever else comes of it.
func TestEveryPushIsRecorded(t *testing.T) {
	draft := func(e m) { e["pull_request"].(m)["draft"] = true }
	byBen := func(e m) { e["sender"] = m{"login": "ben", "type": "User", "id": 12} }
	for name, tt := range map[string]struct {
		event string
		body  []byte
		want  []string
	}{
		"a push": {"push", pushEvent(t), []string{"pushed 7 aaa refs/heads/topic true ben 12", "pushed 7 bbb refs/heads/topic true ben 12"}},
		"a branch made of a commit that was there": {"push", pushEvent(t, func(e m) {
			e["commits"], e["head_commit"] = []any{}, m{"id": "aaa", "distinct": false}
		}), []string{"pushed 7 aaa refs/heads/topic false ben 12"}},
		"a bot": {"push", pushEvent(t, func(e m) {
			e["sender"], e["commits"] = m{"login": "renovate[bot]", "type": "Bot", "id": 13}, []any{}
		}), []string{"pushed 7 aaa refs/heads/topic true renovate[bot] 13"}},
		"a branch that is deleted": {"push", pushEvent(t, func(e m) {
			e["after"], e["deleted"], e["head_commit"], e["commits"] = "0000000000000000000000000000000000000000", true, nil, []any{}
		}), nil},
		"a tag":                        {"push", pushEvent(t, func(e m) { e["ref"] = "refs/tags/topic" }), nil},
		"by nobody":                    {"push", pushEvent(t, func(e m) { e["sender"] = m{"login": "", "id": 0} }), nil},
		"to a pull request":            {"pull_request", pullEvent(t, "synchronize", byBen), []string{"pushed 7 aaa refs/heads/topic false ben 12"}},
		"to a draft":                   {"pull_request", pullEvent(t, "synchronize", byBen, draft), []string{"pushed 7 aaa refs/heads/topic false ben 12"}},
		"to a fork":                    {"pull_request", pullEvent(t, "synchronize", byBen, func(e m) { e["pull_request"].(m)["head"].(m)["repo"] = m{"id": 8} }), nil},
		"opening pushes nothing":       {"pull_request", pullEvent(t, "opened", byBen), nil},
		"opening again pushes nothing": {"pull_request", pullEvent(t, "reopened", byBen), nil},
	} {
		var got []string
		for _, did := range handled(t, tt.event, tt.body) {
			if strings.HasPrefix(did, "pushed ") {
				got = append(got, did)
			}
		}
		slices.Sort(got)
		got = slices.Compact(got) // the last commit is the head, too
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
