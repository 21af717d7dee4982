package selector_test

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/selector"
)

// A name or directory with the marks of a pattern is what it says, and a pattern only when
// nothing is called so.
func TestSelect(t *testing.T) {
	items := []selector.Item{
		{Name: "odd1", Dir: "live/odd1"}, {Name: "odd[1]", Dir: "live/odd[1]"}, {Name: "net-dev", Dir: "infra/net"}, {Name: "net-prod", Dir: "infra/net"},
		{Name: "x", Dir: "y[a]"}, {Name: "ya"}, {Name: "root", Dir: "."}, {Name: "broken", Dir: "[b"},
	}
	for text, want := range map[string]string{
		"odd[1]": "odd[1]", "live/odd[1]": "odd[1]", "./live/odd[1]/": "odd[1]", "odd[12]": "odd1", "live/odd[12]": "odd1",
		"y[a]": "x", "y[ab]": "ya", "net-*": "net-dev net-prod", "infra/*": "net-dev net-prod", "infra/net": "net-dev net-prod",
		"net-dev": "net-dev", ".": "root", "./": "root", "[b": "broken", "infra": "", "z*": "", "": "", "?": "x",
	} {
		found, err := selector.Select(text, items)
		var names []string
		for _, i := range found {
			names = append(names, items[i].Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s selects %q, %v; want %q", text, got, err, want)
		}
	}
	if found, err := selector.Select("[c", items); err == nil || found != nil {
		t.Errorf("a broken pattern selects %v", found)
	}
	if found := selector.Exact("net-*", items); found != nil {
		t.Errorf("a pattern names %v exactly", found)
	}
}
