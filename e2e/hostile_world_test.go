package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/hostile/attack"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// innocent is the repository of somebody else, in an environment with a secret.
const innocent = demo.Owner + "/innocent"

// hostileWorld is a story whose server is a process, with secrets in every place,
// and with a job of an innocent repository that runs at the same time.
type hostileWorld struct {
	*story
	registry *hostile.Registry
	mark     string
	secrets  canaries
	laid     map[string]bool // files that hold a secret rightly
	target   attack.Target
	innocent string // directory of the innocent job's project
	pull     int    // of the innocent
	server   int    // process
}

// newHostileWorld starts everything but the innocent job, which begin does.
func newHostileWorld(t *testing.T, program string, change ...func(map[string]any)) *hostileWorld {
	t.Helper()
	registry, err := hostile.NewRegistry(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	w := &hostileWorld{registry: registry, mark: "mark-" + strings.ToLower(rand.Text()), secrets: canaries{}, laid: map[string]bool{}}
	certificate := filepath.Join(os.TempDir(), "certificate.pem") // the world's, where every user may read it
	if err := os.WriteFile(certificate, registry.Certificate(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", certificate)
	t.Setenv("LOCKKEEPER_SECRET", w.secret("the webhook secret"))
	t.Setenv("INNOCENT", w.secret("another environment's secret"))
	w.story = &story{newStage(t, append(change, w.config)...)}
	w.world.WebhookSecret = w.secrets["the webhook secret"]
	w.secrets["the private key"] = strings.Split(string(w.world.PrivateKey), "\n")[3]
	w.launch()
	t.Cleanup(w.kill)
	w.server = w.process.Process.Pid
	w.lay()
	// Every directory is a project.
	_, err = w.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "Discover", github.Files{"lockkeeper.yml": github.Deleted})
	w.check(err)
	return w
}

// begin starts the innocent job, and the attacker knows everything.
func (w *hostileWorld) begin() {
	w.Helper()
	w.beginInnocent()
	w.aim()
}

// statesOfDev is the directory with states of the attacker's environment.
const statesOfDev = "states-of-dev"

// secret is a new one.
func (w *hostileWorld) secret(name string) string {
	w.secrets[name] = string(attack.Bait()) + strings.ReplaceAll(name, " ", "-") + "+" + rand.Text()
	return w.secrets[name]
}

func (w *hostileWorld) config(c map[string]any) {
	// One job may take far less than there is, and one that hangs ends.
	c["limits"] = map[string]any{"job_timeout": "10m", "job_memory": "512MiB", "job_processes": 600, "job_disk": "256MiB"}
	g := c["github"].(map[string]any)
	delete(g, "webhook_secret_file")
	g["webhook_secret_env"] = "LOCKKEEPER_SECRET"
	// Jobs of dev may write their own states, and none of other environments.
	dir := filepath.Dir(c["data_dir"].(string))
	dev := maps.Clone(c["environments"].(map[string]any)["dev"].(map[string]any))
	dev["backend_config"] = map[string]string{"path": filepath.Join(dir, statesOfDev, "{project}.tfstate")}
	dev["directories"] = map[string]any{"write": []string{filepath.Join(dir, statesOfDev)}}
	c["environments"].(map[string]any)["dev"] = dev
	if err := os.Mkdir(filepath.Join(dir, statesOfDev), 0o700); err != nil {
		panic(err) // the config is written before the world has a test to fail
	}
	prod := maps.Clone(c["environments"].(map[string]any)["prod"].(map[string]any))
	prod["variables"] = map[string]any{attack.InnocentVariable: map[string]any{"env": "INNOCENT"}}
	c["environments"].(map[string]any)["prod"] = prod
}

// lay puts secrets where only the server may read them.
func (w *hostileWorld) lay() {
	w.Helper()
	for name, file := range map[string]string{
		"a stored plan":          "server/artifacts/runs/planted/planted-0.plan.tfplan",
		"a stored source":        "server/artifacts/sources/planted",
		"a mirror":               "server/mirrors/planted.git/config",
		"another job":            "server/jobs/.planted-0/source/secret.tf",
		"another job's document": "server/jobs/.planted-1/terraform.out",
		"another state":          "states/planted.tfstate",
		"a file beside":          "beside",
	} {
		file = filepath.Join(w.dir, file)
		w.check(os.MkdirAll(filepath.Dir(file), 0o700))
		w.check(os.WriteFile(file, []byte(w.secret(name)), 0o600))
		w.laid[file] = true
		w.target.Secrets = append(w.target.Secrets, file)
	}
	w.module("server/mirrors/other.git", w.secret("a module of another repository"))
	w.module("module", w.secret("a module of the disk"))
	shared := filepath.Join("/dev/shm", w.mark+".secret")
	w.check(os.WriteFile(shared, []byte(w.secret("shared memory")), 0o600))
	w.Cleanup(func() { _ = os.Remove(shared) })
	w.segment(w.secret("a shared segment"))
	w.keep(w.secret("a key of the kernel"))
}

// module makes a module that terraform could read, in a git repository.
func (w *hostileWorld) module(dir, secret string) {
	w.Helper()
	dir = filepath.Join(w.dir, dir)
	w.check(os.MkdirAll(dir, 0o700))
	w.check(os.WriteFile(filepath.Join(dir, "main.tf"), []byte(`output "secret" { value = "`+secret+`" }`), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "x"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			w.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

// segment makes a System V segment that only this user may read.
func (w *hostileWorld) segment(secret string) {
	w.Helper()
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
	w.check(err)
	w.Cleanup(func() { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	at, err := unix.SysvShmAttach(id, 0, 0)
	w.check(err)
	copy(at, secret)
}

// keep puts a secret into this user's keyring, where the kernel has one.
func (w *hostileWorld) keep(secret string) {
	w.target.Key = w.mark
	if id, err := unix.AddKey("user", w.mark, []byte(secret), unix.KEY_SPEC_USER_KEYRING); err == nil {
		w.Cleanup(func() { _, _ = unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0) })
	}
}

// listen is a socket of the server's side that tells a secret to whoever connects.
func (w *hostileWorld) listen(name string) {
	w.Helper()
	secret := w.secret("the socket " + filepath.Base(strings.TrimPrefix(name, "@")))
	l, err := net.Listen("unix", name)
	w.check(err)
	w.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, secret)
			_ = c.Close()
		}
	}()
}

// requires is the beginning of a configuration that has the hostile provider.
func (w *hostileWorld) requires() string {
	return fmt.Sprintf("terraform {\n  backend \"local\" {}\n  required_providers {\n    hostile = { source = %q }\n  }\n}\n", w.registry.Source())
}

// attacking is a configuration whose plan carries out attacks.
func (w *hostileWorld) attacking(target attack.Target, names ...string) string {
	return w.requires() + fmt.Sprintf("data \"hostile_attack\" \"these\" {\n  names  = %s\n  target = %s\n}\noutput \"report\" { value = data.hostile_attack.these.report }\n",
		literal(names), literal(string(asJSON(target))))
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of types of this test
	}
	return text
}

// literal is a value in Terraform's language.
func literal(v any) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(string(asJSON(v)))
}

// beginInnocent opens the innocent pull request and waits until its plan runs.
func (w *hostileWorld) beginInnocent() {
	w.Helper()
	g := w.world.GitHub
	w.check(g.AddRepository(demo.Owner, "innocent", demo.DefaultBranch))
	w.check(g.SetPermission(innocent, rui, "write"))
	_, err := g.Commit(innocent, demo.DefaultBranch, rui, "Begin", github.Files{
		"lockkeeper.yml": "version: 1\nprojects:\n  - {name: innocent, dir: innocent, environment: prod}\n",
		"innocent/a.tf":  "terraform {\n  backend \"local\" {}\n}\n",
	})
	w.check(err)
	_, err = g.Install(innocent)
	w.check(err)
	_, err = g.As(rui).Push(innocent, "work", "Work", github.Files{"innocent/a.tf": w.attacking(attack.Target{}, attack.Innocent)})
	w.check(err)
	w.pull, err = g.As(rui).OpenPull(innocent, "work", demo.DefaultBranch, "Work: "+w.secret("the database"), "", false)
	w.check(err)
	for deadline := time.Now().Add(time.Minute); w.innocent == "" || w.innocent == "."; time.Sleep(5 * time.Millisecond) { // between looks
		w.innocent = filepath.Dir(w.find(attack.InnocentWaits))
		if time.Now().After(deadline) {
			v, err := w.world.GitHub.Pull(innocent, w.pull)
			w.Fatalf("the innocent job did not begin: %v\n%s\n%s", err, asJSON(v), w.log())
		}
	}
	w.laid[filepath.Join(w.innocent, attack.InnocentSecret)] = true
	w.target.Secrets = append(w.target.Secrets, filepath.Join(w.innocent, attack.InnocentSecret))
}

// find looks for a file of that name in the directory of jobs.
func (w *hostileWorld) find(name string) (found string) {
	_ = filepath.WalkDir(filepath.Join(w.dir, "server", "jobs"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == name {
			found = path
			return fs.SkipAll
		}
		return nil // files come and go
	})
	return found
}

// endInnocent lets the innocent job go on, and wants its plan to be what it would
// be without any attack.
func (w *hostileWorld) endInnocent() {
	w.Helper()
	w.check(os.WriteFile(filepath.Join(w.innocent, attack.InnocentGoesOn), nil, 0o666))
	w.quiet()
	v, err := w.world.GitHub.Pull(innocent, w.pull)
	w.check(err)
	text := string(asJSON(v))
	if !strings.Contains(text, attack.Ended(attack.Innocent)) || strings.Contains(text, attack.Broken(attack.Innocent)) {
		w.Errorf("the innocent plan did not go well:\n%s", text)
	}
	for _, c := range v.Checks {
		if c.Name == "lockkeeper/plan" && c.Conclusion != "success" {
			w.Errorf("the innocent plan's check is %s", c.Conclusion)
		}
	}
}

// aim tells the attacker everything.
func (w *hostileWorld) aim() {
	w.Helper()
	in := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, filepath.Join(w.dir, n))
		}
		return out
	}
	t := &w.target
	t.Mark, t.Webhook, t.Abstract = w.mark, "http://"+w.address()+githubapp.DefaultWebhookRoute, w.mark
	t.Forged = `{"action": "requested_action", "mark": "` + w.mark + `"}`
	t.Secrets = append(in("private-key.pem", "webhook-secret", "server/lockkeeper.db", "server/lockkeeper.db-wal"), t.Secrets...)
	t.Places = append(in("", "server", "server/jobs", "server/artifacts", "server/artifacts/runs", "server/mirrors", "server/jobs/.providers", "states", "server/terraform"), w.innocent, filepath.Dir(filepath.Dir(w.innocent)))
	job := w.innocent
	for !exists(filepath.Join(job, "job.json")) && job != "/" {
		job = filepath.Dir(job)
	}
	t.Files = append(in("server/lockkeeper.db", "server.yml", "server/lock", "states/network-prod.tfstate", "server/artifacts/runs/planted/planted-0.plan.tfplan"),
		filepath.Join(job, "job.json"), filepath.Join(job, "alive"), filepath.Join(job, "claimed"), filepath.Join(w.innocent, "a.tf"))
	t.Processes = append([]int{w.server}, w.others()...)
	t.Sockets = in("server/socket")
	w.listen(t.Sockets[0])
	w.listen("@" + w.mark)
	t.Signal, t.FirstProcess = int(unix.SIGKILL), firstProcess
	if os.Getenv(insideOpen) != "" {
		t.Signal, t.FirstProcess = int(unix.SIGCONT), 0
	}
	t.Much = attack.Much{Processes: 800, Files: 20_000, Inodes: 20_000, Memory: 1 << 30, Disk: 3 << 30, Output: 300 << 20}
}

// address is where the server listens.
func (w *hostileWorld) address() string {
	_, rest, _ := strings.Cut(w.log(), `"address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	return address
}

// others are the processes of the innocent job.
func (w *hostileWorld) others() (found []int) {
	for _, p := range w.processes() {
		if p.pid != w.server && p.pid != os.Getpid() && (strings.Contains(p.command, "runner") || strings.Contains(p.command, "terraform")) {
			found = append(found, p.pid)
		}
	}
	if len(found) < 3 {
		w.Errorf("the innocent job has only the processes %v: its runner, terraform and the provider are meant", found)
	}
	return found
}

// process is one that lives.
type process struct {
	pid     int
	command string
}

func (w *hostileWorld) processes() (out []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if command, err := os.ReadFile(dir + "/cmdline"); err == nil && len(command) > 0 { // a dead one has none
			out = append(out, process{pid, string(bytes.ReplaceAll(command, []byte{0}, []byte(" ")))})
		}
	}
	return out
}

// opens opens the attacker's pull request: directories with configurations.
func (w *hostileWorld) opens(configurations map[string]string) int {
	w.Helper()
	files := github.Files{}
	for dir, text := range configurations {
		files["hostile/"+dir+"/main.tf"] = text
	}
	return w.open("hostile-"+strings.ToLower(rand.Text()[:6]), files)
}

// settles waits until all jobs of the attacker have ended; the innocent one
// waits on.
func (w *hostileWorld) settles(number int) {
	w.Helper()
	for deadline := time.Now().Add(6 * time.Minute); ; time.Sleep(20 * time.Millisecond) { // between looks
		runs := w.runs(number)
		if len(runs) > 0 && !slices.ContainsFunc(runs, func(r run.Run) bool { return !r.State.Final() }) && len(w.said(number)) > 0 {
			return
		}
		if time.Now().After(deadline) || w.dead() {
			w.Fatalf("the attacker's jobs did not end: %s; the server is dead: %v\n%s\n%s", w.running(number), w.dead(), w.conversation(number), w.log())
		}
	}
}

// running names the projects whose jobs have not ended.
func (w *hostileWorld) running(number int) (out []string) {
	w.Helper()
	for _, r := range w.runs(number) {
		for _, j := range r.Jobs {
			if j.Result == nil {
				out = append(out, j.Document.Project.Name)
			}
		}
	}
	return out
}

// printed is what terraform printed in the newest job of a project.
func (w *hostileWorld) printed(number int, project string) string {
	w.Helper()
	for _, r := range w.runs(number) {
		for _, j := range r.Jobs {
			if j.Document.Project.Name != project || j.Result == nil {
				continue
			}
			text := fmt.Sprintf("%+v\n", j.Result.Problem)
			if ref, ok := j.Result.Artifacts[run.ArtifactOutput]; ok {
				content, err := os.ReadFile(filepath.Join(w.dir, "server", "artifacts", filepath.FromSlash(ref.Key)))
				w.check(err)
				text += string(content)
			}
			return text
		}
	}
	w.Errorf("no job of %s:\n%s", project, w.conversation(number))
	return ""
}

// unharmed wants the server, the files of everybody else and their processes to be
// as they were, and nothing of the attacker to be alive.
func (w *hostileWorld) unharmed(number int) {
	w.Helper()
	if w.dead() || w.process.Process.Pid != w.server {
		w.Fatalf("the server is dead:\n%s", w.log())
	}
	alive := w.processes()
	for _, pid := range w.target.Processes {
		i := slices.IndexFunc(alive, func(p process) bool { return p.pid == pid })
		if i < 0 {
			w.Errorf("process %d of somebody else is dead", pid)
		} else if stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); bytes.Contains(stat, []byte(") T ")) {
			w.Errorf("process %d of somebody else is stopped", pid)
		}
	}
	for _, p := range alive {
		if strings.Contains(p.command, w.mark) {
			w.Errorf("something of the job is alive: %d %s", p.pid, p.command)
		}
	}
	w.marks()
	w.noSecretIn(number)
}

// marks looks for files that an attack made or changed.
func (w *hostileWorld) marks() {
	w.Helper()
	for _, dir := range []string{"/etc", "/usr/local/bin", "/var/spool/cron", "/root", "/", "/var/tmp", "/dev/shm", "/tmp"} {
		entries, _ := os.ReadDir(dir) // what cannot be read was not written either
		for _, e := range entries {
			if strings.Contains(e.Name(), w.mark) && !strings.HasSuffix(e.Name(), ".secret") {
				w.Errorf("the attack left %s", filepath.Join(dir, e.Name()))
				_ = os.RemoveAll(filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, name := range w.target.Files {
		if content, err := os.ReadFile(name); err != nil || bytes.Contains(content, []byte(w.mark)) && !strings.HasSuffix(name, "lockkeeper.db") && !strings.HasSuffix(name, ".tf") {
			w.Errorf("%s was changed: %v", name, err)
		}
	}
	for _, dir := range w.target.Places {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.Contains(e.Name(), w.mark) {
				w.Errorf("the attack left %s", filepath.Join(dir, e.Name()))
			}
		}
	}
}

// noSecretIn looks for secrets in everything that people see or that the job could
// write.
func (w *hostileWorld) noSecretIn(number int) {
	w.Helper()
	texts := map[string][]byte{"the log": []byte(w.log()), "the conversation": []byte(w.conversation(number))}
	for _, c := range w.story.pull(number).Checks {
		texts["check "+c.Name] = fmt.Append(nil, c.Title, c.Summary, c.Text, c.Annotations)
	}
	for _, dir := range []string{"server/artifacts", "server/jobs", "states", statesOfDev} {
		_ = filepath.WalkDir(filepath.Join(w.dir, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || w.laid[path] || entry.IsDir() && strings.HasPrefix(w.innocent, path+"/source") || !entry.Type().IsRegular() {
				return nil // files come and go
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			texts[path] = append(content, unzipped(content)...)
			return nil
		})
	}
	for where, text := range texts {
		if names := w.secrets.found(text); len(names) > 0 {
			w.Errorf("%s holds %s", where, strings.Join(names, ", "))
		}
	}
}

func exists(name string) bool { _, err := os.Lstat(name); return err == nil }
