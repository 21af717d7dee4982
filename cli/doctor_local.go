package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/backend/aws/doctor"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

type doctorLocalCmd struct {
	Config  string   `required:"" placeholder:"FILE" help:"The server's config file."`
	Address []string `placeholder:"HOST:PORT" help:"A further address that no job should reach."`
}

// Run looks at what keeps jobs on this machine apart, and at what they reach in
// the network.
func (c *doctorLocalCmd) Run(ctx context.Context) error { return c.check(ctx, os.Stdout) }

func (c *doctorLocalCmd) check(ctx context.Context, w io.Writer) error {
	cfg, err := LoadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	if cfg.Engine != "local" {
		return fmt.Errorf("engine is %s in %s: its jobs do not run on this machine", cfg.Engine, c.Config)
	}
	return diagnose(w, localChecks(ctx, cfg, c.Address))
}

// localChecks tries everything that jobs on this machine could reach.
func localChecks(ctx context.Context, cfg config.Config, more []string) iter.Seq[doctor.Check] {
	return func(yield func(doctor.Check) bool) {
		for _, check := range append(propertyChecks(ctx, cfg), networkChecks(ctx, cfg, more)...) {
			if !yield(check) {
				return
			}
		}
	}
}

// propertyChecks says of each property what holds it.
func propertyChecks(ctx context.Context, cfg config.Config) (out []doctor.Check) {
	mode := cfg.Isolation
	if mode == config.IsolationOff {
		return []doctor.Check{{Name: "isolation", Warn: true, Err: errors.New("is off: a pull request may do all that the server's user may"), Do: "set isolation: required in the config"}}
	}
	report, err := jail.Probe(ctx)
	if err != nil {
		return []doctor.Check{{Name: "isolation", Err: err, Do: "see docs/security.md for what it needs"}}
	}
	cgroup := hasCgroup(filepath.Join(cfg.DataDir, "jobs"))
	for _, f := range report {
		if f.Property == jail.Limited && cgroup {
			f.By = jail.ControlGroups + ", " + f.By
		}
		check := doctor.Check{Name: string(f.Property), Found: "jobs are kept apart from " + app.Apart[f.Property] + ", by " + f.By}
		if !f.Held {
			check.Err, check.Do = errors.New("jobs are not kept apart from "+app.Apart[f.Property]), f.Remedy
			check.Warn = mode == config.IsolationBestEffort
		}
		out = append(out, check)
	}
	if !cgroup {
		out = append(out, doctor.Check{Name: "kernel memory", Warn: true,
			Err: errors.New("what the kernel keeps for a job, such as bytes that wait in sockets, is not limited: one job can take all memory of the machine"),
			Do:  "delegate a control group to the server (docs/install.md, Control groups)"})
	}
	return out
}

// hasCgroup reports whether the server that was started last on a directory of jobs
// limits them by control groups; or one would that was started as this process was.
func hasCgroup(jobs string) bool {
	dir, err := os.ReadFile(filepath.Join(jobs, local.CgroupFile))
	if err != nil {
		return jail.FindCgroup() != ""
	}
	_, err = os.Stat(string(dir))
	return err == nil
}

// metadata are the addresses at which clouds hand out the credentials of the
// machine and of a container.
var metadata = []string{"169.254.169.254:80", "169.254.170.2:80", "[fd00:ec2::254]:80"}

// What to do about addresses that a job reaches. Nothing of the jail does it: a
// job needs the network for its providers.
const (
	doMetadata = "give this machine no role that a pull request may not have; in a container ask for IMDSv2 with a hop limit of 1; under systemd, IPAddressDeny=169.254.0.0/16 fd00:ec2::/32 in the unit, when the server needs no role either"
	doOwn      = "a job can post to the server as anybody can; what it posts counts only with the webhook secret. To cut it off: a firewall rule for the user ids of jobs; or, under systemd and only when the proxy in front of the server is on another machine, IPAddressDeny=localhost in the unit of the server"
	doPrivate  = "cut off what is not for pull requests: a firewall or network policy for this machine or container, IPAddressDeny= in the unit, and a password on every service of this machine"
)

// networkChecks measures from inside of a job.
func networkChecks(ctx context.Context, cfg config.Config, more []string) []doctor.Check {
	own, release := ownAddresses(cfg.Listen)
	defer release()
	kinds := []struct {
		name, what, do string
		addresses      []string
	}{
		{"metadata", "the metadata service", doMetadata, metadata},
		{"own port", "the port of the server", doOwn, own},
		{"private", "private addresses", doPrivate, slices.Concat(services(own), gateways(), more)},
	}
	var all []string
	for _, k := range kinds {
		all = append(all, k.addresses...)
	}
	answered, err := reachable(ctx, jail.Mode(cfg.Isolation), all)
	if err != nil {
		return []doctor.Check{{Name: "network", Err: err, Do: "see docs/security.md"}}
	}
	var out []doctor.Check
	for _, k := range kinds {
		if len(k.addresses) == 0 {
			continue
		}
		found := slices.DeleteFunc(slices.Clone(k.addresses), func(a string) bool { return !slices.Contains(answered, a) })
		check := doctor.Check{Name: k.name, Found: "a job does not reach " + k.what + ": tried " + strings.Join(k.addresses, ", "), Warn: true, Do: k.do}
		if len(found) > 0 {
			check.Err = fmt.Errorf("a job reaches %s: %s", k.what, strings.Join(found, ", "))
		}
		out = append(out, check)
	}
	return out
}

// ownAddresses are those at which the server listens. Where it does not run, its
// port is opened for as long as it is tried.
func ownAddresses(listen string) (own []string, release func()) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return nil, func() {}
	}
	release = func() {}
	if l, err := net.Listen("tcp", listen); err == nil {
		release = func() { _ = l.Close() }
	}
	if ip, err := netip.ParseAddr(cmp.Or(host, "::")); err == nil && !ip.IsUnspecified() {
		return []string{listen}, release
	}
	addresses, _ := net.InterfaceAddrs() // none is less to try
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			own = append(own, net.JoinHostPort(n.IP.String(), port))
		}
	}
	return own, release
}

// services are the addresses at which programs of this machine listen, without
// those of the server.
func services(own []string) (out []string) {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // less to try
		}
		lines := bufio.NewScanner(strings.NewReader(string(content)))
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			const listening = "0A"
			if len(fields) < 4 || fields[3] != listening {
				continue
			}
			if a, ok := socketAddress(fields[1]); ok && !slices.Contains(own, a.String()) && !slices.Contains(metadata, a.String()) {
				out = append(out, a.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// socketAddress reads an address of /proc/net/tcp, such as 0100007F:1F90; where a
// program listens on every address, it is the loopback one.
func socketAddress(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 { // words, in the order of this machine
		slices.Reverse(raw[i : i+4])
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, false
	}
	ip = ip.Unmap()
	switch {
	case ip == netip.IPv4Unspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip.IsUnspecified():
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, uint16(n)), true
}

// gateways are the routers of this machine, where private networks begin.
func gateways() (out []string) {
	content, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		if a, ok := socketAddress(fields[2] + ":0050"); ok && !a.Addr().IsLoopback() {
			out = append(out, a.String(), netip.AddrPortFrom(a.Addr(), 53).String(), netip.AddrPortFrom(a.Addr(), 443).String())
		}
	}
	return out
}
