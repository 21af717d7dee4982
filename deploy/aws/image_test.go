package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instructions are those of a Dockerfile, one per line.
func instructions(t *testing.T) []string {
	t.Helper()
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" || strings.HasPrefix(line, "#") })
}

func TestTheImageRunsAsNobodySpecial(t *testing.T) {
	last := map[string]string{} // of each instruction
	for _, line := range instructions(t) {
		name, rest, _ := strings.Cut(line, " ")
		if name == "RUN" && last["USER"] != "" {
			t.Errorf("after USER: %s", line)
		}
		last[name] = rest
	}
	for name, want := range map[string]string{
		"FROM": "base", "USER": "10001:10001", "WORKDIR": "/", // Lambda's user may enter no other directory of the image
		"ENTRYPOINT": `["/usr/local/bin/lockkeeper"]`,
	} {
		if last[name] != want {
			t.Errorf("%s is %s, want %s", name, last[name], want)
		}
	}
}

// What is fetched comes through something that checks it: Go, APT, or an
// installer with the key of who published it, which Go has checked.
func TestEveryDownloadOfTheImageIsChecked(t *testing.T) {
	// programs.sh is go tool, with a go.sum.
	checks := regexp.MustCompile(`^(go (install|run|build|mod)|hc-install|tofudl|apt-get|deploy/sbom/programs.sh) `)
	locally := regexp.MustCompile(`^(mkdir|chmod|rm|install|useradd|dpkg-query|deploy/sbom/debian.sh|CGO_ENABLED=0) `)
	for _, line := range instructions(t) {
		run, ok := strings.CutPrefix(line, "RUN ")
		for command := range strings.SplitSeq(run, "&&") {
			if command = strings.TrimSpace(command); ok && !checks.MatchString(command) && !locally.MatchString(command) {
				t.Errorf("nothing says that this checks what it fetches: %s", command)
			}
		}
		if strings.HasPrefix(line, "ADD ") {
			t.Errorf("nothing checks %s", line)
		}
	}
	for _, pinned := range []string{"GO_VERSION", "TERRAFORM_VERSION", "TOFU_VERSION", "HC_INSTALL_VERSION", "TOFUDL_VERSION"} {
		if !regexp.MustCompile(`(?m)^ARG ` + pinned + `=\d+\.\d+\.\d+$`).MatchString(read(t, "Dockerfile")) {
			t.Errorf("%s is not pinned", pinned)
		}
	}
}

func TestTheImageHasAllProgramsAndSaysSo(t *testing.T) {
	text, build := read(t, "Dockerfile"), read(t, "deploy/aws/buildspec.yml")
	for _, want := range []string{"-o /out/ . ./runner/lockkeeper-runner ./policy/rego/lockkeeper-evaluator", "ca-certificates git", "chmod 0755 /out/terraform /out/tofu", "COPY --from=terraform /out/ /usr/local/bin/", "COPY --from=build /out/ /usr/local/bin/"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	for _, want := range []string{"lockkeeper --version", "lockkeeper-runner", "lockkeeper-evaluator", "git --version", "terraform version", "tofu version", "ca-certificates.crt", "--user 993:990", "/usr/share/lockkeeper sbom", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"} {
		if i := strings.Index(build, want); i < 0 || i > strings.Index(build, "docker push") {
			t.Errorf("the build does not look at %q before it pushes", want)
		}
	}
}

// .dockerignore leaves everything that the programs are built from.
func TestTheImageCanBeBuiltFromWhatIsSent(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,Standard,Module,GoFiles,EmbedFiles", ".", "./runner/lockkeeper-runner", "./policy/rego/lockkeeper-evaluator")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored, files := ignores(read(t, ".dockerignore")), 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.EmbedFiles) {
			file, err := filepath.Rel(top, filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files++
			if ignored(file) {
				t.Errorf(".dockerignore leaves out %s", file)
			}
		}
	}
	if files < 200 {
		t.Errorf("only %d files were looked at", files)
	}
	for _, file := range []string{"deploy/sbom/go.mod", "deploy/sbom/go.sum", "deploy/sbom/programs.sh", "deploy/sbom/debian.sh"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil || ignored(file) {
			t.Errorf(".dockerignore leaves out %s: %v", file, err)
		}
	}
	for _, file := range []string{".git/HEAD", "docs/aws.md", "e2e/main_test.go", "runner/testdata/x", "deploy/aws/lint.sh", "bin/lockkeeper"} {
		if !ignored(file) {
			t.Errorf(".dockerignore sends %s", file)
		}
	}
}

// ignores reads .dockerignore: the last pattern that fits a file or a directory
// above it decides (Docker's reference, ".dockerignore file").
func ignores(text string) func(file string) bool {
	type rule struct {
		pattern *regexp.Regexp
		ignore  bool
	}
	var rules []rule
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, sent := strings.CutPrefix(line, "!")
		pattern = regexp.QuoteMeta(strings.Trim(pattern, "/"))
		pattern = strings.NewReplacer(`\*\*/`, `(?:.*/)?`, `\*`, `[^/]*`).Replace(pattern)
		rules = append(rules, rule{regexp.MustCompile("^" + pattern + "(?:/.*)?$"), !sent})
	}
	return func(file string) bool {
		ignored := false
		for _, r := range rules {
			if r.pattern.MatchString(file) {
				ignored = r.ignore
			}
		}
		return ignored
	}
}
