// Package repotest generates repositories of Terraform, for tests that compare what
// Lockkeeper makes of one with what a checkout is: what a job sees, and what a change
// touches. It must know nothing of either.
package repotest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Link begins the content of a file that is a symbolic link; its text follows.
const Link = "-> "

// Repository is one commit.
type Repository struct {
	Files    map[string]string // by path from the root
	Projects []string          // directories of root modules
}

// Write checks the repository out below an empty directory.
func (r Repository) Write(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		content := r.Files[name]
		if to, isLink := strings.CutPrefix(content, Link); isLink {
			if err := os.Symlink(to, at); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Changes are paths that Change takes: of files that are there, and of new ones beside
// them, sorted.
func (r Repository) Changes() []string {
	var out []string
	for name, content := range r.Files {
		if ext := path.Ext(name); (isPlain(name) || ext == ".tfvars") && !strings.HasPrefix(content, Link) {
			out = append(out, name, path.Dir(name)+"/new.txt", path.Dir(name)+"/new.md")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Change is the repository with another content of one file, or with a new one.
func (r Repository) Change(name string) Repository {
	files := maps.Clone(r.Files)
	if path.Ext(name) == ".tfvars" {
		files[name] += "changed = \"changed\"\n"
	} else {
		files[name] += "changed\n"
	}
	return Repository{files, r.Projects}
}

// Without is the repository without the files below a directory, or without one file;
// what terraform itself reads stays.
func (r Repository) Without(name string) Repository {
	files := maps.Clone(r.Files)
	maps.DeleteFunc(files, func(at, _ string) bool {
		return (at == name || strings.HasPrefix(at, name+"/")) && isPlain(at)
	})
	return Repository{files, r.Projects}
}

// isPlain tells a file that terraform reads for the code alone. One of Markdown is a
// document where nothing reads it.
func isPlain(name string) bool {
	ext := path.Ext(name)
	return ext == ".txt" || ext == ".tpl" || ext == ".md"
}

// generator makes one repository.
type generator struct {
	*rand.Rand
	Repository
	data    []string // directories of plain files
	modules []string // directories of modules, deepest first
}

// Generate makes a repository; the same one for the same seed. Its root modules plan
// without a provider and without a state.
func Generate(seed uint64) Repository {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 9)), Repository: Repository{Files: map[string]string{}}}
	g.makeData()
	g.makeModules()
	for i := range 1 + g.IntN(2) {
		g.makeProject([]string{"live/a", "live/b/deep", "p"}[(int(seed%3)+i)%3])
	}
	return g.Repository
}

func (g *generator) makeData() {
	for i := range 2 + g.IntN(2) {
		dir := []string{"data", "data/nested/more", "live/shared", "environments"}[i]
		g.data = append(g.data, dir)
		for n := range 1 + g.IntN(3) {
			g.Files[fmt.Sprintf("%s/%c.txt", dir, 'a'+n)] = fmt.Sprintf("%s %d %d\n", dir, n, g.IntN(100))
		}
		g.Files[dir+"/read.md"] = fmt.Sprintf("%s %d\n", dir, g.IntN(100))
		g.Files[dir+"/t.tpl"] = "of " + dir + " is ${x}\n"
		if g.IntN(3) == 0 {
			g.Files[dir+"/link.txt"] = Link + "a.txt"
		}
	}
	if g.IntN(2) == 0 {
		g.Files["linked"] = Link + g.data[0]
		g.data = append(g.data, "linked")
	}
}

// makeModules makes modules that call those made before.
func (g *generator) makeModules() {
	for i := range 1 + g.IntN(3) {
		dir := fmt.Sprintf("modules/m%d", i)
		switch g.IntN(4) {
		case 0:
			dir = fmt.Sprintf("vendor/registry.example/m%d/1.0.0", i) // a remote one that was copied
		case 1:
			dir = fmt.Sprintf("modules/group/nested/m%d", i)
		}
		body := "variable \"dir\" {\n  default = \"\"\n}\n"
		body += "locals {\n  here = file(\"${path.module}/own.txt\")\n  there = var.dir == \"\" ? toset([]) : fileset(var.dir, \"**/*.txt\")\n}\n"
		body += "resource \"terraform_data\" \"file\" {\n  for_each = local.there\n  input    = file(\"${var.dir}/${each.key}\")\n}\n"
		outputs := "here = local.here, there = local.there"
		if len(g.modules) > 0 && g.IntN(2) == 0 {
			called := g.pick(g.modules)
			body += fmt.Sprintf("module \"inner\" {\n  source = %q\n  dir    = var.dir\n}\n", relative(dir, called))
			outputs += ", inner = module.inner.all"
		}
		body += "output \"all\" {\n  value = { " + outputs + " }\n}\n"
		g.Files[dir+"/main.tf"] = body
		g.Files[dir+"/own.txt"] = fmt.Sprintf("module %d %d\n", i, g.IntN(100))
		if g.IntN(4) == 0 {
			linked := fmt.Sprintf("modules/l%d", i)
			g.Files[linked] = Link + relative("modules", dir)
			dir = linked
		}
		g.modules = append(g.modules, dir)
	}
}

// makeProject makes a root module of a few ways to read files.
func (g *generator) makeProject(dir string) {
	g.Projects = append(g.Projects, dir)
	body, values := "terraform {\n  backend \"local\" {}\n}\nvariable \"changed\" {\n  default = \"\"\n}\n", ""
	g.Files[dir+"/own.txt"] = "own\n"
	for i := range 2 + g.IntN(4) {
		expression, more, value := g.way(dir, i)
		body += more + fmt.Sprintf("output \"o%d\" {\n  value = %s\n}\nresource \"terraform_data\" \"r%d\" {\n  input = %s\n}\n", i, expression, i, expression)
		values += value
	}
	body += "output \"changed\" {\n  value = var.changed\n}\n"
	switch shared := dir + "/main.tf"; g.IntN(4) {
	case 0: // a link to the configuration
		shared = "shared/" + strings.ReplaceAll(dir, "/", "-") + ".hcl"
		g.Files[dir+"/main.tf"] = Link + relativeFile(dir, shared)
		fallthrough
	default:
		g.Files[shared] = body
	}
	switch g.IntN(3) {
	case 0:
		shared := "shared/" + strings.ReplaceAll(dir, "/", "-") + ".tfvars"
		g.Files[shared], g.Files[dir+"/all.auto.tfvars"] = values, Link+relativeFile(dir, shared)
	case 1:
		g.Files[dir+"/all.auto.tfvars"] = values
	default:
		g.Files[dir+"/terraform.tfvars"] = values
	}
}

// way is one way to read files: an expression, and what it needs in the
// configuration and among the values of variables.
func (g *generator) way(dir string, i int) (expression, more, value string) {
	data := g.pick(g.data)
	to := relative(dir, data)
	switch g.IntN(14) {
	case 0:
		return fmt.Sprintf("file(\"${path.module}/%s/a.txt\")", to), "", ""
	case 1:
		return fmt.Sprintf("[for f in fileset(\"${path.module}/%s\", \"**\") : f]", to), "", ""
	case 2:
		return fmt.Sprintf("templatefile(\"%s/t.tpl\", { x = %d })", to, i), "", ""
	case 3: // through a variable that has its value in a file
		return fmt.Sprintf("filesha256(\"${var.v%d}/a.txt\")", i), fmt.Sprintf("variable \"v%d\" {}\n", i), fmt.Sprintf("v%d = %q\n", i, to)
	case 4:
		return fmt.Sprintf("{ for f in fileset(var.v%d, \"*.txt\") : f => filemd5(\"${var.v%d}/${f}\") }", i, i), fmt.Sprintf("variable \"v%d\" {\n  default = %q\n}\n", i, to), ""
	case 5: // a module that reads a directory it is given
		return fmt.Sprintf("module.c%d.all", i), fmt.Sprintf("module \"c%d\" {\n  source = %q\n  dir    = %q\n}\n", i, relative(dir, g.pick(g.modules)), to), ""
	case 6: // the same in JSON
		g.Files[fmt.Sprintf("%s/c%d.tf.json", dir, i)] = fmt.Sprintf("{\"module\": {\"c%d\": {\"source\": %q, \"dir\": %q}}}\n", i, relative(dir, g.pick(g.modules)), to)
		return fmt.Sprintf("module.c%d.all", i), "", ""
	case 7: // a link to a file
		link := fmt.Sprintf("%s/link%d.txt", dir, i)
		g.Files[link] = Link + relativeFile(dir, data+"/a.txt")
		return fmt.Sprintf("base64encode(file(\"link%d.txt\"))", i), "", ""
	case 8: // a directory as a whole, with code of its own in it
		code := g.code(dir, i)
		return fmt.Sprintf("[for f in fileset(\"${path.module}/%s\", \"**\") : filemd5(\"${path.module}/%s/${f}\")]", path.Dir(code), path.Dir(code)), "", ""
	case 9: // the same by a path with a variable part
		code := g.code(dir, i)
		return fmt.Sprintf("file(\"./%s/${var.v%d}/code.txt\")", path.Dir(code), i), fmt.Sprintf("variable \"v%d\" {\n  default = \"code\"\n}\n", i), ""
	case 10: // a document
		return fmt.Sprintf("file(\"${path.root}/%s/read.md\")", to), "", ""
	case 11: // a path that functions put together
		return fmt.Sprintf("file(format(\"%%s/%s/%%s\", abspath(path.module), \"read.md\"))", to), "", ""
	case 12: // and from a local value
		return fmt.Sprintf("[for f in fileset(join(\"/\", [local.here%d, \"..\"]), \"*\") : f]", i),
			fmt.Sprintf("locals {\n  here%d = dirname(\"${path.module}/%s/a.txt\")\n}\n", i, to), ""
	}
	link := fmt.Sprintf("%s/dir%d", dir, i) // a link to a directory
	g.Files[link] = Link + to
	return fmt.Sprintf("concat(tolist(fileset(\"${path.root}\", \"dir%d/**\")), [fileexists(\"dir%d/no\") ? \"yes\" : \"no\"])", i, i), "", ""
}

// code makes a directory with code of its own, which is no project, two below dir, and
// returns the way to it.
func (g *generator) code(dir string, i int) string {
	code := fmt.Sprintf("whole%d/code", i)
	g.Files[dir+"/"+code+"/main.tf"] = "resource \"terraform_data\" \"x\" {}\n"
	g.Files[dir+"/"+code+"/code.txt"] = fmt.Sprintf("code %d\n", g.IntN(100))
	return code
}

func (g *generator) pick(from []string) string { return from[g.IntN(len(from))] }

// relative is the way from a directory to another one, as Terraform wants it.
func relative(from, to string) string {
	rel, err := filepath.Rel(from, to)
	if err != nil {
		panic(err) // both are relative
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "..") {
		rel = "./" + rel
	}
	return rel
}

func relativeFile(dir, file string) string {
	return relative(dir, path.Dir(file)) + "/" + path.Base(file)
}
