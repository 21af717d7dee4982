// Package deploy tests what people install: the unit for systemd, the compose
// file, and what makes releases. It holds no code.
package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const unitFile = "deploy/systemd/lockkeeper.service"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// directives are those that the unit uses, by section (systemd.unit, systemd.service,
// systemd.exec, systemd.kill, systemd.resource-control). One more is written here, and
// looked up in the manual for what it does to jobs, which have it, too.
var directives = map[string][]string{
	"Unit": {"Description", "Documentation", "Wants", "After"},
	"Service": {"User", "ExecStart", "ExecStopPost", "KillMode", "Restart", "RestartSec", "Delegate", "OOMPolicy", "StateDirectory", "StateDirectoryMode", "UMask", "IPAddressDeny",
		"NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectHostname", "ProtectKernelLogs",
		"ProtectKernelModules", "ProtectKernelTunables", "LockPersonality", "RestrictAddressFamilies", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures"},
	"Install": {"WantedBy"},
}

// parseUnit reads a unit as systemd.syntax says, without continued lines, and refuses
// what is not in directives and what is there twice.
func parseUnit(text string) (map[string]string, error) {
	unit, section := map[string]string{}, ""
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			if directives[section] == nil {
				return nil, errors.New("unknown section " + line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if _, twice := unit[section+"."+name]; twice || !ok || !slices.Contains(directives[section], name) || strings.HasSuffix(line, `\`) {
			return nil, errors.New("unknown, twice, or on two lines in [" + section + "]: " + line)
		}
		unit[section+"."+name] = value
	}
	return unit, nil
}

func TestTheUnitLetsJailsBeMade(t *testing.T) {
	unit, err := parseUnit(read(t, unitFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ExecStart": "/usr/local/bin/lockkeeper serve --config /etc/lockkeeper/lockkeeper.yml",
		"KillMode":  "process", // jobs outlive the server
		"Delegate":  "memory pids", "OOMPolicy": "continue",
		"StateDirectory": "lockkeeper", "User": "lockkeeper", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
		// Each of these would take from jails what they are made of, or limited by.
		"RestrictNamespaces": "", "SystemCallFilter": "", "PrivateUsers": "", "ProtectControlGroups": "", "ProtectProc": "", "ProcSubset": "",
	} {
		if got := unit["Service."+name]; got != want {
			t.Errorf("%s=%s, want %q", name, got, want)
		}
	}
}

func TestTheUnitOfTheInstallPageIsTheFile(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "docs/install.md"), "```ini\n")
	if shown, _, _ := strings.Cut(rest, "```"); shown != read(t, unitFile) {
		t.Errorf("docs/install.md shows another unit than %s:\n%s", unitFile, shown)
	}
}

// Both readers name a mistake: they would not otherwise say that there is none.
func TestTheUnitIsTakenBySystemd(t *testing.T) {
	unit := read(t, unitFile)
	for name, row := range map[string]struct {
		replace [2]string
		parsed  bool // parseUnit takes it: it knows names, not values
		good    bool
	}{
		"as it is":       {good: true, parsed: true},
		"misspelt":       {replace: [2]string{"NoNewPrivileges=", "NoNewPrivilege="}},
		"wrong section":  {replace: [2]string{"[Install]", "[Instal]"}},
		"other section":  {replace: [2]string{"WantedBy=", "ProtectHome="}},
		"unknown value":  {replace: [2]string{"ProtectSystem=strict", "ProtectSystem=much"}, parsed: true},
		"unknown family": {replace: [2]string{"AF_NETLINK", "AF_NETLINKS"}, parsed: true},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(unit, row.replace[0], row.replace[1], 1)
			if _, err := parseUnit(text); (err == nil) != row.parsed {
				t.Errorf("parsing it: %v", err)
			}
			if complaints := verify(t, text); (complaints == "") != row.good {
				t.Errorf("systemd-analyze says %q", complaints)
			}
		})
	}
}

// verify is what systemd says against a unit, of which the program is not installed here.
func verify(t *testing.T, text string) string {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed, so the unit's values were not looked at: its sections and names were (Debian: apt-get install systemd)")
	}
	file := filepath.Join(t.TempDir(), "lockkeeper.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/local/bin/lockkeeper", "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=warning", "SYSTEMD_LOG_TARGET=console")
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	var about []string // and nothing about other units of this machine
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "lockkeeper") {
			about = append(about, line)
		}
	}
	return strings.Join(about, "")
}
