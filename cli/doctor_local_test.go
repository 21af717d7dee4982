package cli

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

func TestSocketAddressesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0016":                         "127.0.0.1:22",
		"00000000000000000000000000000000:0050": "[::1]:80",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
	} {
		if got, ok := socketAddress(text); !ok || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "0100007F", "xx:1", "01:1"} {
		if got, ok := socketAddress(text); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// Where no control group limits jobs it also warns that one can take all memory.
func TestDoctorSaysWhatLimitsMemoryAndProcesses(t *testing.T) {
	said := func(dir string) string {
		found, warned := "", false
		for _, c := range propertyChecks(t.Context(), config.Config{DataDir: dir, Isolation: config.IsolationBestEffort}) {
			switch c.Name {
			case string(jail.Limited):
				found = c.Found
			case "kernel memory":
				warned = c.Warn && c.Err != nil
			}
		}
		if grouped := strings.Contains(found, jail.ControlGroups); grouped == warned {
			t.Errorf("warned is %v of: %s", warned, found)
		}
		return found
	}
	started := func(cgroup string) string {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "jobs"), 0o700), os.WriteFile(filepath.Join(dir, "jobs", local.CgroupFile), []byte(cgroup), 0o600)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const watching = "resource limits, and a look at all processes every 100 ms"
	if got := said(started(t.TempDir())); !strings.HasSuffix(got, "by control groups of version 2, "+watching) {
		t.Errorf("with a control group: %s", got)
	}
	for name, dir := range map[string]string{"none was delegated": started(""), "it is gone": started("/there/is/none")} {
		if got := said(dir); !strings.HasSuffix(got, "by "+watching) {
			t.Errorf("%s: %s", name, got)
		}
	}
	never := "by " + watching
	if jail.FindCgroup() != "" {
		never = "by control groups of version 2, " + watching
	}
	if got := said(t.TempDir()); !strings.HasSuffix(got, never) {
		t.Errorf("no server was started yet: %s", got)
	}
}
